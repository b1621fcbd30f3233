"""How every run of a flow begins, whoever asks for it (FlowRunner spec h)."""

import logging
from dataclasses import dataclass

from flowker.errors import Unavailable
from flowker.model.audit import EventType, actor, happened
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus
from flowker.model.instant import instant
from flowker.model.workflow import Launch
from flowker.ports import Clock, Ids, StateMachines
from flowker.ports.runs import RunStore
from flowker.usecases.flow_events import execution_started, started
from flowker.usecases.flow_plans import FlowPlans, type_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunStarts:
    store: RunStore
    plans: FlowPlans
    machines: StateMachines
    clock: Clock
    ids: Ids

    def accept(
        self,
        run_id: str,
        launch: Launch,
        data: Json,
        claim: Claim | None = None,
        parent: Execution | None = None,
        waited: bool = True,
    ) -> Execution:
        """Store a run and hand it to the orchestrator. Accepted means that it will run: if the hand-over fails, the
        reconciliation makes up for it. A parent may have `waited` for it: then it ends with that one. Raises
        `IdempotencyKeyTaken`, and `ExecutionEnded` if its parent has ended."""
        now = self.clock.now()
        execution = Execution(
            id=run_id,
            launch=launch,
            status=ExecutionStatus.PENDING,
            started_at=instant(now),
            parent=parent.id if parent else None,
            depth=parent.depth + 1 if parent else 0,
            correlation_id=parent.correlation_id if parent else actor().request_id or None,
        )
        plan = self.plans.of(launch.revision)
        first, events = plan.start, [execution_started(plan.start, execution.started_at)]
        node = None
        if not plan.listens(first):
            events += started(first, execution.started_at)
            node = (first.id, type_name(first))
        about = {"flow.id": launch.workflow_id, "parent.id": execution.parent}
        audit = happened(EventType.EXECUTION_STARTED, execution.id, id=self.ids.new(), at=now, metadata=about)
        execution = self.store.start(execution, data, claim, events, [audit], node, waited)
        self.hand_over(execution)
        return execution

    def hand_over(self, execution: Execution) -> None:
        """Let the orchestrator run it."""
        try:
            if self.machines.start(execution):
                self.store.hand_over(execution.id, instant(self.clock.now()))
        except Unavailable as error:
            logger.warning(
                "run accepted but not yet started: %s", error, extra={"execution_id": execution.id}
            )
