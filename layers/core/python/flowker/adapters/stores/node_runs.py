"""The hot path of the worker: one read before a node runs, one write after it (Flowker spec d.4, d.8, d.11)."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Blobs, Cipher, ConditionFailed, Key, Put, Table, Update
from flowker.adapters.stores.executions import (
    UNFINISHED,
    ending,
    history_of,
    not_found,
    partition,
    step_item,
)
from flowker.adapters.stores.named import at_version
from flowker.adapters.stores.payloads import INLINE, Payloads, SealedPayloads
from flowker.adapters.stores.provider_configurations import configuration_of
from flowker.adapters.stores.record import item, read
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.model.breaker import Breaker
from flowker.model.execution import ExecutionStatus, Outcome, Step
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
        self, execution_id: str, node_ids: Sequence[str] | None, configuration_id: str | None
    ) -> NodeInputs:
        """One request for up to 96 steps, two for more and for all of them."""
        around = _around(configuration_id)
        if node_ids is None:
            items, beside = partition(self.table, execution_id), read(self.table, around)
        else:
            own = _own(execution_id, node_ids)
            stored = read(self.table, [*own, *around])
            items, beside = [each for each in stored[: len(own)] if each], stored[len(own) :]
        provider, breaker = beside or (None, None)
        return NodeInputs(
            history_of(execution_id, items, Payloads(self.blobs)),
            configuration_of(provider, SealedPayloads(self.blobs, self.cipher)) if provider else None,
            Breaker.model_validate(breaker or {}),
        )

    def record(self, execution_id: str, steps: Sequence[Step], counted: int, outcome: Outcome | None) -> None:
        """Raises `ExecutionNotFound` as well, and `ValueError` for more than 99 steps."""
        if len(steps) >= MAX_ITEMS:
            raise ValueError(f"{len(steps)} steps do not fit into one transaction")
        inline = min(INLINE, INLINE_TOGETHER // max(len(steps), 1))
        payloads = Payloads(self.blobs)
        items = [step_item(execution_id, step, payloads, inline) for step in steps]
        change = Update(
            keys.execution(execution_id),
            set=ending(execution_id, outcome) if outcome else {"status": ExecutionStatus.RUNNING.value},
            add={"recorded": counted},
            when=UNFINISHED,
        )
        try:  # the steps come first: a redelivered last task is to find its step, not the end of the execution
            self.table.write([*(Put(keys.EXECUTIONS, each) for each in items), change])
        except ConditionFailed as refusal:
            raise _refused(execution_id, steps, refusal) from refusal

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


def _around(configuration_id: str | None) -> Sequence[Key]:
    if configuration_id is None:
        return []
    return [keys.provider_configuration(configuration_id), keys.breaker(configuration_id)]


def _refused(execution_id: str, steps: Sequence[Step], refusal: ConditionFailed) -> Exception:
    if refusal.index < len(steps):
        return AlreadyRecorded(f"{execution_id}: {steps[refusal.index].node_id}")
    if refusal.item is None:
        return not_found(execution_id)
    return ExecutionEnded(execution_id)
