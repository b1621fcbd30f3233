"""Runs of flows as items, all in the partition of their execution: META, INPUT, a STEP per path, EVENTS by the number of
the last one, SIGNAL by name, CHILD by run. Reading and writing each of them (FlowRunner spec h).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import Condition, Item, Put, Scalar
from flowker.adapters.stores.executions import ending, execution_of
from flowker.adapters.stores.payloads import Payloads
from flowker.adapters.stores.record import item
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome
from flowker.model.instant import moment
from flowker.model.run import FlowStep, NumberedEvent, RunEvent, status_after, status_of
from flowker.ports import ExecutionEnded
from flowker.ports.runs import Recording, RunState, Signal

UNENDED = [status.value for status in ExecutionStatus if not status.terminal]
_PARTS = ("value", "shared", "state")
"""Of a step: what may be long."""


def expiry(execution: Execution, kept: int) -> int:
    """When a run is forgotten, in seconds since 1970: so many after the latest moment at which it can end."""
    return int(moment(execution.started_at).timestamp()) + (execution.launch.longest or 0) + kept


def meta_item(execution: Execution, events: int, node: tuple[str, str] | None, expires: int) -> Item:
    launch = execution.launch
    started_sort = keys.sort_text(execution.started_at, execution.id)
    node_id, node_type = node or (None, None)
    return item(
        keys.execution(execution.id),
        id=execution.id,
        workflow_id=launch.workflow_id,
        account_id=launch.account_id,
        label=launch.label,
        longest=launch.longest,
        revision=launch.revision,
        machine=launch.machine,
        total_steps=launch.total_steps,
        entry=launch.entry,
        type=launch.type.value,
        status=execution.status.value,
        run_status=status_of(execution).value,
        started_at=execution.started_at,
        parent=execution.parent,
        depth=execution.depth or None,
        correlation_id=execution.correlation_id,
        leg=execution.leg,
        recorded=execution.recorded,
        events=events,
        node_id=node_id,
        node_type=node_type,
        shard=keys.run_shard(keys.shard(execution.id)),
        workflow_shard=keys.runs_of(launch.account_id or ""),
        started_sort=started_sort,
        completed_sort=keys.OPEN + started_sort,
        expires_at=expires,
    )


def ended(execution_id: str, outcome: Outcome, result_of: str | None) -> Mapping[str, Scalar]:
    """What changes in META when a run ends."""
    changes = {**ending(execution_id, outcome), "run_status": status_after(outcome).value}
    return changes | ({"result_of": result_of} if result_of is not None else {})


def still(meta: Item) -> Condition:
    """META was not changed since."""
    return Condition(equals={"status": meta["status"], "events": meta["events"]})


def state_of(meta: Item, data: Json, steps: Mapping[str, FlowStep]) -> RunState:
    return RunState(
        execution=execution_of(meta),
        input=data,
        events=int(meta["events"]),
        steps=steps,
        node_id=_text(meta, "node_id"),
        node_type=_text(meta, "node_type"),
        result_of=_text(meta, "result_of"),
    )


def _text(stored: Item, name: str) -> str | None:
    found = stored.get(name)
    return None if found is None else str(found)


def step_put(execution_id: str, step: FlowStep, payloads: Payloads, expires: int) -> Put:
    key = keys.run_step(execution_id, step.path)
    parts = {"value": step.value} if step.has_value else {}
    parts |= {name: getattr(step, name) for name in _PARTS[1:] if getattr(step, name) is not None}
    body = payloads.attributes(key, parts) if parts else {}
    return Put(
        keys.EXECUTIONS,
        item(
            key,
            path=step.path,
            node_id=step.node_id,
            answer=exact_json.dumps(step.answer),
            known=exact_json.dumps(step.known.model_dump(exclude_defaults=True)),
            child=step.child,
            started_at=step.started_at,
            ended_at=step.ended_at,
            expires_at=expires,
            **body,
        ),
    )


def step_of(stored: Item, payloads: Payloads) -> FlowStep:
    has_parts = "body" in stored or "body_blob" in stored
    parts = payloads.value(stored) if has_parts else {}
    return FlowStep.model_validate(
        {
            **{name: stored[name] for name in ("path", "node_id", "started_at", "ended_at")},
            "child": stored.get("child"),
            "answer": exact_json.loads(str(stored["answer"])),
            "known": exact_json.loads(str(stored["known"])),
            "has_value": "value" in parts,
            **parts,
        }
    )


def events_put(
    execution_id: str, before: int, events: Sequence[RunEvent], payloads: Payloads, expires: int
) -> Put:
    """The events that follow number `before`."""
    key = keys.event(execution_id, before + len(events))
    body = payloads.attributes(key, [_written(event) for event in events])
    return Put(keys.EXECUTIONS, item(key, first=before + 1, expires_at=expires, **body))


def _written(event: RunEvent) -> dict[str, Any]:
    return event.model_dump(exclude_none=True)


def events_of(stored: Item, payloads: Payloads) -> Sequence[NumberedEvent]:
    first = int(stored["first"])
    return [
        NumberedEvent.model_validate({**event, "sequence": first + number})
        for number, event in enumerate(payloads.value(stored))
    ]


def signal_of(stored: Item, payloads: Payloads) -> Signal:
    came = "body" in stored or "body_blob" in stored
    return Signal(
        key=str(stored["name"]),
        path=str(stored["path"]),
        token=_text(stored, "token"),
        came=came,
        body=payloads.value(stored) if came else None,
    )


def claim_item(claim: Claim, expires: int) -> Item:
    key = keys.idempotency(claim.key)
    about = {"fingerprint": claim.fingerprint, "execution_id": claim.execution_id}
    return item(key, key=claim.key, expires_at=expires, **about)


def progress(execution_id: str, recording: Recording) -> Mapping[str, Scalar]:
    """What a step changes in META."""
    changes: dict[str, Scalar] = {}
    if recording.node is not None:
        changes |= {"node_id": recording.node[0], "node_type": recording.node[1]}
    if recording.outcome is not None:
        return {**changes, **ended(execution_id, recording.outcome, recording.result_of)}
    changes["status"] = ExecutionStatus.RUNNING.value
    return changes if recording.leg is None else {**changes, "leg": recording.leg}


def assumed(state: RunState, expires: int) -> Item:
    """META as it is unless somebody has changed it since it was read. Raises `ExecutionEnded`."""
    status = state.execution.status.value
    found: Item = {"id": state.execution.id, "status": status, "events": state.events, "expires_at": expires}
    return meanwhile(state.execution.id, found)


def meanwhile(execution_id: str, meta: Item) -> Item:
    """META as somebody else has left it. Raises `ExecutionEnded`."""
    if ExecutionStatus(str(meta["status"])).terminal:
        raise ExecutionEnded(execution_id)
    return meta
