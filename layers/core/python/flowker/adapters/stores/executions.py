"""Executions as items: META with status and outcome, INPUT, one STEP per node that ran, and idempotency keys.

Flowker spec c.4, d.9, d.11. Lists are spread over `keys.SHARDS` partitions, so starts do not queue up behind one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flowker.adapters import keys
from flowker.adapters.items import Blobs, Condition, ConditionFailed, Item, Put, Query, Scalar, Table, Update
from flowker.adapters.stores import listing
from flowker.adapters.stores.outbox import Move, announcing
from flowker.adapters.stores.payloads import Payloads
from flowker.adapters.stores.record import item, known, read
from flowker.errors import ExecutionNotFound
from flowker.model import exact_json
from flowker.model.audit import AuditEvent
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome, Step
from flowker.model.page import Page, PageQuery
from flowker.ports import History, IdempotencyKeyTaken

SORTS = ("startedAt", "completedAt")


@dataclass(frozen=True, slots=True)
class ItemExecutionStore:
    """`ports.ExecutionStore` over a table."""

    table: Table
    blobs: Blobs

    def add(
        self, execution: Execution, data: Json, claim: Claim | None, audit: Sequence[AuditEvent] = ()
    ) -> None:
        key = keys.execution_input(execution.id)
        body = Payloads(self.blobs).attributes(key, data, first=lambda: check_unclaimed(self.table, claim))
        new = [_meta(execution, claim), item(key, **body)]
        if claim is not None:
            new.insert(0, _claim_item(claim))
        accepted = announcing(execution.id, audit, [move(execution, None, execution.status)])
        try:
            self.table.write([*(Put(keys.EXECUTIONS, each) for each in new), *accepted])
        except ConditionFailed as refusal:
            if refusal.index > 0 or refusal.item is None:
                raise
            stored = known(refusal.item)
            if claim is not None and stored["execution_id"] != execution.id:
                raise IdempotencyKeyTaken(Claim.model_validate(stored)) from refusal
            if claim is None and not _same_start(execution_of(stored), execution):
                raise
            # else it is this very write, repeated because its answer was lost

    def claim(self, key: str) -> Claim | None:
        (stored,) = read(self.table, [keys.idempotency(key)])
        return Claim.model_validate(stored) if stored else None

    def get(self, execution_id: str) -> Execution:
        (stored,) = read(self.table, [keys.execution(execution_id)])
        if stored is None:
            raise not_found(execution_id)
        return execution_of(stored)

    def history(self, execution_id: str) -> History:
        return history_of(execution_id, partition(self.table, execution_id), Payloads(self.blobs))

    def began(self, execution_id: str) -> str | None:
        steps = self.history(execution_id).steps.values()
        return min((step.executed_at for step in steps), default=None)

    def list(self, query: PageQuery) -> Page[Execution]:
        where = {name: values for name, values in query.where.items() if name != "workflow_id"}
        found, next_cursor = listing.rows(self.table, _stretches(query), query, where)
        stored = read(self.table, (row.key for row in found))
        passing = [each for each in stored if each and listing.still_passes(each, where)]
        return Page([execution_of(each) for each in passing], next_cursor)

    def hand_over(self, execution_id: str, at: str) -> None:
        noted = Update(
            keys.execution(execution_id), set={"handed_over": at}, when=still(ExecutionStatus.PENDING)
        )
        try:
            self.table.write([noted])
        except ConditionFailed:
            return  # it has a step already, or has ended

    def finish(self, execution_id: str, outcome: Outcome, audit: Sequence[AuditEvent] = ()) -> bool:
        while not (execution := self.get(execution_id)).status.terminal:
            change = Update(
                keys.execution(execution_id), set=ending(execution_id, outcome), when=still(execution.status)
            )
            ended = announcing(execution_id, audit, [move(execution, execution.status, outcome.status)])
            try:
                self.table.write([change, *ended])
            except ConditionFailed:
                continue  # it went on meanwhile, which it can do only a few times
            return True
        return False


def check_unclaimed(table: Table, claim: Claim | None) -> None:
    """So that whoever repeats a start leaves no large input behind; whether it is one is decided when it is stored. Raises
    `IdempotencyKeyTaken`."""
    stored = read(table, [keys.idempotency(claim.key)])[0] if claim else None
    if claim and stored and stored["execution_id"] != claim.execution_id:
        raise IdempotencyKeyTaken(Claim.model_validate(stored))


def still(status: ExecutionStatus) -> Condition:
    """The condition of every change of status."""
    return Condition(equals={"status": status.value})


def move(execution: Execution, before: ExecutionStatus | None, after: ExecutionStatus) -> Move:
    """What the counters are told."""
    return Move(keys.EXECUTIONS, before and before.value, after.value, execution.started_at)


def not_found(execution_id: str) -> ExecutionNotFound:
    return ExecutionNotFound(f"execution {execution_id} does not exist")


def partition(table: Table, execution_id: str) -> Sequence[Item]:
    """All items of an execution, in one request."""
    return [known(each) for each in table.query(Query(keys.EXECUTIONS, keys.execution(execution_id).pk))]


def history_of(execution_id: str, items: Sequence[Item], payloads: Payloads) -> History:
    """Read an execution from its items, in any order. Raises `ExecutionNotFound`."""
    by_sk = {str(each["sk"]): each for each in items}
    meta = by_sk.get(keys.execution(execution_id).sk)
    if meta is None:
        raise not_found(execution_id)
    data = payloads.value(by_sk[keys.execution_input(execution_id).sk])
    steps = [_step_of(each, payloads) for sk, each in by_sk.items() if sk.startswith(keys.STEPS)]
    return History(execution_of(meta), data, {step.node_id: step for step in steps})


def execution_of(meta: Item) -> Execution:
    """Read META."""
    outcome = {**meta, "at": meta["completed_at"]} if "completed_at" in meta else None
    return Execution.model_validate({**meta, "launch": dict(meta), "outcome": outcome})


def ending(execution_id: str, outcome: Outcome) -> Mapping[str, Scalar]:
    """What changes in META when an execution ends."""
    changes = {
        "status": outcome.status.value,
        "completed_at": outcome.at,
        "completed_sort": keys.ENDED + keys.sort_text(outcome.at, execution_id),
        "error_message": outcome.error_message,
        "error_code": outcome.error_code,
        "failed_node_id": outcome.failed_node_id,
    }
    return {name: value for name, value in changes.items() if value is not None}


def step_item(execution_id: str, step: Step, payloads: Payloads, inline: int) -> Item:
    """Write a step; an output longer than `inline` becomes a blob at once."""
    key = keys.step(execution_id, step.node_id)
    output = {} if step.output is None else payloads.attributes(key, step.output, inline)
    return item(
        key,
        node_id=step.node_id,
        name=step.name,
        status=step.status.value,
        executed_at=step.executed_at,
        duration_ms=step.duration_ms,
        error_message=step.error_message,
        attempts=step.attempts,
        status_code=step.status_code,
        route=exact_json.dumps(step.route),
        **output,
    )


def _step_of(stored: Item, payloads: Payloads) -> Step:
    output = payloads.value(stored) if "body" in stored or "body_blob" in stored else None
    route = exact_json.loads(str(stored["route"]))
    return Step.model_validate({**stored, "output": output, "route": route})


def _meta(execution: Execution, claim: Claim | None) -> Item:
    launch, shard = execution.launch, keys.shard(execution.id)
    started_sort = keys.sort_text(execution.started_at, execution.id)
    attributes: dict[str, Scalar] = {
        "id": execution.id,
        "workflow_id": launch.workflow_id,
        "revision": launch.revision,
        "machine": launch.machine,
        "total_steps": launch.total_steps,
        "entry": launch.entry,
        "type": launch.type.value,
        "status": execution.status.value,
        "started_at": execution.started_at,
        "recorded": execution.recorded,
        "shard": shard,
        "workflow_shard": keys.workflow_shard(launch.workflow_id, shard),
        "started_sort": started_sort,
        "completed_sort": keys.OPEN + started_sort,
    }
    if execution.outcome:
        attributes |= ending(execution.id, execution.outcome)
    optional = {
        "idempotency_key": claim.key if claim else None,
        "handed_over": execution.handed_over,
        "correlation_id": execution.correlation_id,
    }
    return item(keys.execution(execution.id), **attributes, **optional)


def _same_start(one: Execution, other: Execution) -> bool:
    return (one.launch, one.started_at) == (other.launch, other.started_at)


def _claim_item(claim: Claim) -> Item:
    key = keys.idempotency(claim.key)
    return item(key, key=claim.key, fingerprint=claim.fingerprint, execution_id=claim.execution_id)


def _stretches(query: PageQuery) -> Sequence[listing.Stretch]:
    """The ranges of indexes that hold what the query asks for, finished executions before the others."""
    sort_by = listing.sort_field(query, SORTS)
    statuses = [ExecutionStatus(status) for status in query.where.get("status", tuple(ExecutionStatus))]
    ended = any(status.terminal for status in statuses)
    unfinished = any(not status.terminal for status in statuses)
    if "workflow_id" in query.where:
        prefix, ids = "by_workflow_", query.where["workflow_id"]
        partitions = [keys.workflow_shard(each, shard) for each in ids for shard in keys.shards()]
    else:
        prefix, partitions = "by_", list(keys.shards())
    if sort_by == "startedAt" and ended:
        return [listing.Stretch(keys.EXECUTIONS, f"{prefix}started", partitions)]
    by_completed = listing.Stretch(keys.EXECUTIONS, f"{prefix}completed", partitions)
    if sort_by == "startedAt":  # the unfinished ones are few, and this range holds nothing else
        return [replace(by_completed, prefix=keys.OPEN)]
    parts = [(ended, keys.ENDED, 0), (unfinished, keys.OPEN, 1)]
    return [replace(by_completed, prefix=prefix, part=part) for asked, prefix, part in parts if asked]
