"""What the engine does, for the audit trail (Flowker spec j.2). Ids are made of what happened, and of when a call was made: a
call that is repeated after a crash is another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from flowker.errors import CIRCUIT_OPEN
from flowker.model.audit import AuditEvent, EventType, Result, happened, microseconds
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.graph import Node
from flowker.model.workflow import Launch
from flowker.nodes.base import CallFailure


def ended(execution: Execution, outcome: Outcome, at: datetime) -> AuditEvent:
    """How an execution ended."""
    failed = outcome.status is ExecutionStatus.FAILED
    return happened(
        EventType.EXECUTION_FAILED if failed else EventType.EXECUTION_COMPLETED,
        execution.id,
        id=_id(execution.id, "ended"),
        at=at,
        result=Result.FAILED if failed else Result.SUCCESS,
        metadata={**about(execution.launch), "error": outcome.error_code},
    )


def about(launch: Launch) -> dict[str, Json]:
    """What an execution is one of."""
    return {"workflow.id" if launch.account_id is None else "flow.id": launch.workflow_id}


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of an executor node to call its provider; `attempt` counts from 1."""

    execution_id: str
    node: Node
    attempt: int
    started: datetime

    def completed(self, at: datetime, status_code: int | None) -> Sequence[AuditEvent]:
        """It began, and a success was the answer."""
        outcome = {"statusCode": status_code, "durationMs": self._milliseconds(at)}
        return [self._began(), self._event(EventType.PROVIDER_CALL_COMPLETED, at, outcome)]

    def failed(self, at: datetime, failure: CallFailure) -> Sequence[AuditEvent]:
        """It began, unless the circuit breaker kept it from doing so, and failed."""
        outcome = {
            "statusCode": failure.status_code,
            "durationMs": self._milliseconds(at),
            "error": failure.code,
        }
        event = self._event(EventType.PROVIDER_CALL_FAILED, at, outcome, Result.FAILED)
        return [event] if failure.code == CIRCUIT_OPEN else [self._began(), event]

    def _began(self) -> AuditEvent:
        return self._event(EventType.PROVIDER_CALL_STARTED, self.started, {})

    def _milliseconds(self, at: datetime) -> int:
        return round((at - self.started).total_seconds() * 1000)

    def _event(
        self, kind: EventType, at: datetime, outcome: dict[str, Json], result: Result = Result.SUCCESS
    ) -> AuditEvent:
        about = {
            "node.id": self.node.id,
            "executor.id": self.node.settings.get("executorId"),
            "provider_config.id": self.node.settings.get("providerConfigId"),
            "attempt": self.attempt,
        }
        name = _id(self.execution_id, self.node.id, self.attempt, kind, microseconds(self.started))
        return happened(kind, self.execution_id, id=name, at=at, result=result, metadata={**about, **outcome})


def _id(*parts: object) -> str:
    return str(uuid5(NAMESPACE_OID, "/".join(map(str, parts))))
