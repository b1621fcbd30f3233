"""The hot path of the worker: one read before a node runs, one write after it (Flowker spec d.4, d.8, d.11)."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Blobs, Cipher, ConditionFailed, Key, Put, Table, Update
from flowker.adapters.stores.executions import (
    ending,
    history_of,
    move,
    not_found,
    partition,
    step_item,
    still,
)
from flowker.adapters.stores.executor_configurations import executor_configuration_of
from flowker.adapters.stores.named import at_version
from flowker.adapters.stores.outbox import announce, announcing
from flowker.adapters.stores.payloads import INLINE, Payloads, SealedPayloads
from flowker.adapters.stores.provider_configurations import configuration_of
from flowker.adapters.stores.record import item, read
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.model.audit import AuditEvent
from flowker.model.breaker import Breaker
from flowker.model.execution import Execution, ExecutionStatus, Outcome, Step
from flowker.ports import AlreadyRecorded, ExecutionEnded, NodeInputs

INLINE_TOGETHER = 3 * 1024 * 1024
"""What the outputs of one write may take: a transaction holds 4 MB."""


@dataclass(frozen=True, slots=True)
class ItemNodeRunStore:
    """`ports.NodeRunStore` over a table."""

    table: Table
    blobs: Blobs
    cipher: Cipher

    def load(
        self,
        execution_id: str,
        node_ids: Sequence[str] | None,
        configuration_id: str | None,
        executor_id: str | None = None,
    ) -> NodeInputs:
        """One request for up to 95 steps, two for more and for all of them."""
        around = _around(configuration_id, executor_id)
        if node_ids is None:
            items, beside = partition(self.table, execution_id), read(self.table, around)
        else:
            own = _own(execution_id, node_ids)
            stored = read(self.table, [*own, *around])
            items, beside = [each for each in stored[: len(own)] if each], stored[len(own) :]
        found = dict(zip(around, beside, strict=True))
        provider = found.get(keys.provider_configuration(configuration_id or ""))
        breaker = found.get(keys.breaker(configuration_id or ""))
        executor = found.get(keys.executor_configuration(executor_id or ""))
        sealed = SealedPayloads(self.blobs, self.cipher)
        return NodeInputs(
            history_of(execution_id, items, Payloads(self.blobs)),
            configuration_of(provider, sealed) if provider else None,
            Breaker.model_validate(breaker or {}),
            executor_configuration_of(executor, sealed) if executor else None,
        )

    def record(
        self,
        execution: Execution,
        steps: Sequence[Step],
        counted: int,
        outcome: Outcome | None,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Raises `ExecutionNotFound` as well, and `ValueError` for more than 98 steps."""
        if len(steps) > MAX_ITEMS - 2:
            raise ValueError(f"{len(steps)} steps do not fit into one transaction")
        inline = min(INLINE, INLINE_TOGETHER // max(len(steps), 1))
        payloads = Payloads(self.blobs)
        # The steps come first: a redelivered last task is to find its step, not the end of the execution.
        recorded = [Put(keys.EXECUTIONS, step_item(execution.id, step, payloads, inline)) for step in steps]
        after = outcome.status if outcome else ExecutionStatus.RUNNING
        changes = ending(execution.id, outcome) if outcome else {"status": after.value}
        before = execution.status
        while True:
            change = Update(keys.execution(execution.id), changes, {"recorded": counted}, when=still(before))
            said = announcing(execution.id, audit, [move(execution, before, after)])
            try:
                self.table.write([*recorded, change, *said])
            except ConditionFailed as refusal:
                before = _meanwhile(execution.id, steps, refusal)
            else:
                return

    def announce(self, execution_id: str, audit: Sequence[AuditEvent]) -> None:
        announce(self.table, execution_id, audit)

    def save_breaker(self, configuration_id: str, breaker: Breaker) -> bool:
        state = item(keys.breaker(configuration_id), **breaker.model_dump())
        before = ABSENT if breaker.version == 1 else at_version(breaker.version - 1)
        try:
            self.table.write([Put(keys.EXECUTIONS, state, before)])
        except ConditionFailed:
            return False
        return True

    def breaker(self, configuration_id: str) -> Breaker:
        (stored,) = read(self.table, [keys.breaker(configuration_id)])
        return Breaker.model_validate(stored or {})


def _own(execution_id: str, node_ids: Sequence[str]) -> Sequence[Key]:
    steps = [keys.step(execution_id, node_id) for node_id in dict.fromkeys(node_ids)]
    return [keys.execution(execution_id), keys.execution_input(execution_id), *steps]


def _around(configuration_id: str | None, executor_id: str | None) -> Sequence[Key]:
    around = []
    if configuration_id is not None:
        around += [keys.provider_configuration(configuration_id), keys.breaker(configuration_id)]
    if executor_id is not None:
        around.append(keys.executor_configuration(executor_id))
    return around


def _meanwhile(execution_id: str, steps: Sequence[Step], refusal: ConditionFailed) -> ExecutionStatus:
    """The status that another branch has given the execution, if that is all that stood in the way. Raises what `record`
    raises."""
    if refusal.index < len(steps):
        raise AlreadyRecorded(f"{execution_id}: {steps[refusal.index].node_id}") from refusal
    if refusal.item is None:
        raise not_found(execution_id) from refusal
    status = ExecutionStatus(str(refusal.item["status"]))
    if status.terminal:
        raise ExecutionEnded(execution_id) from refusal
    return status
