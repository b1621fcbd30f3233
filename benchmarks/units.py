"""What each piece of work of an execution uses of DynamoDB and of the processor: the numbers in `flowker.compiler.measured`.

Units are computed from the items as DynamoDB charges for them, so they are the same on every machine; the times are this
machine's. Run it with `python -m benchmarks.units`.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial

from benchmarks.hot_path import post
from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.items import Check, Item, Key, Put, Query, Table, Update, Write
from flowker.adapters.stores.outbox import is_notice
from flowker.compiler.measured import Work
from flowker.events import record_execution, run_node
from flowker.model.execution import Execution, ExecutionStatus
from flowker.model.instant import instant
from flowker.model.page import PageQuery
from flowker.settings import Settings
from tests.fakes import (
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    ScriptedCompletions,
)
from tests.harness import FakeHttp
from tests.samples import chain, conditional, executor, set_output, trigger

PATH = "payments/received"
EXECUTIONS = 40
"""So many that the change feed comes in whole batches."""


@dataclass
class Used:
    """Requests to DynamoDB, and the units that they are charged as."""

    requests: int = 0
    writes: int = 0
    reads: int = 0

    @property
    def each(self) -> Sequence[float]:
        """For one execution."""
        return [number / EXECUTIONS for number in (self.requests, self.writes, self.reads)]


@dataclass
class MeteredTable:
    """A table that counts what DynamoDB would charge for it, and remembers what was announced."""

    inner: Table
    used: Used = field(default_factory=Used)
    notices: list[Item] = field(default_factory=list)

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        found = self.inner.get(keys)
        self.used.requests += 1
        self.used.reads += sum(_units(_size(item or {}), 4096) for item in found)
        return found

    def query(self, query: Query) -> list[Item]:
        found = self.inner.query(query)
        self.used.requests += 1
        self.used.reads += _units(sum(map(_size, found)), 4096)
        return found

    def write(self, writes: Sequence[Write]) -> None:
        places = [write.key for write in writes]
        before = self.inner.get(places)
        self.inner.write(writes)
        after = self.inner.get(places)
        self.used.requests += 1
        each = 2 if len(writes) > 1 or _is_transaction(writes[0]) else 1
        for write, old, new in zip(writes, before, after, strict=True):
            self.used.writes += each * _units(max(_size(old or {}), _size(new or {})), 1024)
            self.used.writes += _index_units(write.key.table, old or {}, new or {})
        self.notices += [write.item for write in writes if isinstance(write, Put) and is_notice(write.item)]


def _is_transaction(write: Write) -> bool:
    """As `adapters.dynamodb.table` decides."""
    return isinstance(write, Check) or (isinstance(write, Update) and bool(write.add))


def _units(size: int, unit: int) -> int:
    return max(1, -(-size // unit))


def _size(item: Item) -> int:
    """Bytes as DynamoDB counts them: names and values in UTF-8, a number by its digits."""
    return sum(len(name.encode()) + _length(value) for name, value in item.items())


def _length(value: str | int | bool) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return 1 if isinstance(value, bool) else len(str(abs(value))) // 2 + 2


def _index_units(table: str, old: Item, new: Item) -> int:
    """An index is charged for a changed row, and twice for one that moves; never as a transaction."""
    units = 0
    for index in keys.TABLES[table].values():
        rows = [_row(index, item) for item in (old, new)]
        if rows[0] != rows[1]:
            moved = all(rows) and _place(index, old) != _place(index, new)
            units += sum(_units(_size(row), 1024) for row in rows if row) if moved else 1
    return units


def _row(index: keys.Index, item: Item) -> Item:
    """What the index holds of an item; nothing of one without both its attributes."""
    if index.pk not in item or index.sk not in item:
        return {}
    names = ("pk", "sk", index.pk, index.sk, *index.projects)
    return {name: item[name] for name in names if name in item}


def _place(index: keys.Index, item: Item) -> tuple[object, object]:
    return item.get(index.pk), item.get(index.sk)


@dataclass(frozen=True)
class Piece:
    """What one kind of work uses each time."""

    work: Work
    cpu_ms: float


def main() -> None:
    """Print what `flowker.compiler.measured` should say."""
    for name, piece in pieces().items():
        numbers = ", ".join(map(str, astuple(piece.work)))
        print(f"{name}: Work.of({numbers}), {piece.cpu_ms:.1f} ms of processor time")


def pieces() -> Mapping[str, Piece]:
    """The work of an execution that a webhook starts, by its name; see `flowker.compiler.measured`."""
    table = _home()
    _activate()
    _accept(0)
    warm = _pending()
    for node in ("first", "call"):
        _run(warm, node, [], None, 0)  # so that nothing is read for the first time later
    table.notices.clear()
    start = _measured(table, _accept)
    executions = _pending()
    noted = _measured(table, partial(_hand_over, executions))
    tasks: list[tuple[str, list[str]]] = [("first", []), ("call", []), ("decide", ["low"]), ("act", [])]
    first, call, decide, act = (
        _measured(table, partial(_run, executions, node, members, None)) for node, members in tasks
    )
    last = _measured(table, partial(_run, executions, "last", [], []))
    _measured(table, _accept)
    others = _pending()
    _measured(table, partial(_run, others, "first", [], None))
    end = _measured(table, partial(_end, others))
    return {
        "start": start,
        "call": call,
        "act": act,
        "first": _beyond(first, call),
        "further": _beyond(decide, call),
        "last": _beyond(last, act),
        "end": end,
        "noted": noted,
    }


def _pending() -> Sequence[Execution]:
    where = {"status": [ExecutionStatus.PENDING.value]}
    return wiring.executions().list(PageQuery(EXECUTIONS, "startedAt", where=where)).items


def _home() -> MeteredTable:
    table = MeteredTable(MemoryTable())
    http = FakeHttp(lambda _: (200, {"score": 15}))
    wiring.use(
        wiring.Home(
            settings=Settings(authenticate=False),
            table=table,
            blobs=MemoryBlobs(),
            cipher=PlainCipher(),
            machines=RecordingMachines(),
            completions=ScriptedCompletions(),
            http=lambda: http,
            probes={},
            clock=ManualClock(),
        )
    )
    return table


def _activate() -> None:
    """A workflow whose tasks differ in one thing at a time."""
    config = {"name": "score", "providerId": "http", "config": {"base_url": "http://provider.test"}}
    configuration = post("/v1/provider-configurations", config)["id"]
    mapping = [{"source": "workflow.amount", "target": "amount"}]
    document = chain(
        trigger("received", path=PATH, method="POST"),
        *(executor(name, configuration, inputMapping=mapping) for name in ("first", "call", "decide")),
        conditional("low", "decide.body.score < 70"),
        *(set_output(name, decision="approved") for name in ("act", "last")),
    )
    workflow_id = str(post("/v1/workflows", document)["workflowId"])
    post(f"/v1/workflows/{workflow_id}/activate", {})


def _accept(number: int) -> None:
    post(
        f"/v1/webhooks/{PATH}", {"amount": 1500, "currency": "EUR", "transactionId": f"transaction-{number}"}
    )


def _hand_over(executions: Sequence[Execution], number: int) -> None:
    at = instant(wiring.home().clock.now())
    wiring.execution_store().hand_over(executions[number].id, at)


def _end(executions: Sequence[Execution], number: int) -> None:
    record_execution.handle({"executionId": executions[number].id}, None)


def _run(
    executions: Sequence[Execution],
    node: str,
    members: Sequence[str],
    finish: Sequence[str] | None,
    number: int,
) -> None:
    execution = executions[number]
    names = {
        "executionId": execution.id,
        "revision": execution.launch.revision,
        "entry": execution.launch.entry,
    }
    task = {**names, "node": node, "attempt": 0, "members": members, "finishUnless": finish}
    run_node.handle(task, None)


def _measured(table: MeteredTable, work: Callable[[int], object]) -> Piece:
    """Do it for every execution, then chain what was announced, in whole batches."""
    times = []
    table.used = Used()
    for number in range(EXECUTIONS):
        before = time.process_time()
        work(number)
        times.append(time.process_time() - before)
    used, table.used = table.used, Used()
    notices, table.notices = table.notices, []
    wiring.audit_chain().append_items(notices)
    return Piece(Work.of(*used.each, *table.used.each), statistics.median(times) * 1000)


def _beyond(piece: Piece, plain: Piece) -> Piece:
    """What a piece uses more than another one."""
    return Piece(piece.work - plain.work, piece.cpu_ms - plain.cpu_ms)


if __name__ == "__main__":
    main()
