"""Signals that runs of flows wait for: an item beside the run, there as long as it waits (FlowRunner spec d.5).

Who sends one and who begins to listen may come in any order: each notes its part, then reads what the other has noted.
"""

from collections.abc import Mapping, Sequence

from flowker.adapters import keys
from flowker.adapters.items import (
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Put,
    Scalar,
    Table,
    Update,
    Write,
)
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.payloads import Payloads
from flowker.adapters.stores.record import item, read
from flowker.adapters.stores.run_items import UNENDED, signal_of
from flowker.model.audit import AuditEvent
from flowker.model.exact_json import Json
from flowker.ports.runs import Recording, Signal

_SILENT = Condition(missing=["body", "body_blob"])
"""Nothing has come yet."""


def signal(table: Table, payloads: Payloads, execution_id: str, key: str) -> Signal | None:
    (stored,) = read(table, [keys.run_signal(execution_id, key)])
    return signal_of(stored, payloads) if stored else None


def listen(
    table: Table, payloads: Payloads, execution_id: str, key: str, path: str, token: str
) -> Signal | None:
    """Note the token of who waits since that step."""
    _note(table, execution_id, key, {"token": token}, Condition(equals={"path": path}))
    return signal(table, payloads, execution_id, key)


def hear(
    table: Table, payloads: Payloads, execution_id: str, key: str, body: Json, audit: Sequence[AuditEvent]
) -> Signal | None:
    """Note what came, unless something has. The events are announced if it is this one that counts."""
    attributes = payloads.attributes(keys.run_signal(execution_id, key), body)
    running = _note(table, execution_id, key, attributes, _SILENT, audit)
    return signal(table, payloads, execution_id, key) if running else None


def _note(
    table: Table,
    execution_id: str,
    key: str,
    changes: Mapping[str, Scalar],
    when: Condition,
    audit: Sequence[AuditEvent] = (),
) -> bool:
    """False if the run has ended."""
    running = Check(keys.execution(execution_id), Condition(one_of={"status": UNENDED}))
    noted = Update(keys.run_signal(execution_id, key), set=changes, when=when)
    try:
        table.write([running, noted, *announcing(execution_id, audit)])
    except ConditionFailed as refusal:
        return refusal.index > 0
    return True


def writes(execution_id: str, recording: Recording, expires: int) -> Sequence[Write]:
    """What a step changes: a wait that is over, and one that begins."""
    found: list[Write] = []
    if recording.heard is not None:
        unchanged = Condition() if recording.heard.came else _SILENT
        found.append(Delete(keys.run_signal(execution_id, recording.heard.key), unchanged))
    if recording.awaits is not None:
        key, path = keys.run_signal(execution_id, recording.awaits), recording.last.path
        found.append(Put(keys.EXECUTIONS, item(key, name=recording.awaits, path=path, expires_at=expires)))
    return found
