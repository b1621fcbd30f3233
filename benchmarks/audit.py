"""What the audit trail and the dashboards cost on one core of this machine. Run it with `python -m benchmarks.audit`.

Prints verified entries per second, from the SQLite store and from an export, chained entries per second through the stream
consumer over SQLite, and what a dashboard reads with a thousand and with a hundred thousand executions. Times are of the
processor, so that others who use it count little; appending also waits for the disk and is timed by the clock.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from flowker.adapters import keys
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.counters import ItemCounters
from flowker.adapters.stores.outbox import Move, announcing
from flowker.events import append_audit
from flowker.model.audit import Actor, ActorType, AuditEvent, acting
from flowker.model.audit_export import Line, end_line, entry_line, inspect, start_line
from flowker.model.chain import BEGINNING, Checkpoint, verify
from flowker.model.instant import instant
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import MemoryTable
from tests.integration.samples import WatchedTable
from tests.integration.test_counters import SHOWN, populated
from tests.trails import START, event, outbox, records, use, uuid

ENTRIES = 20_000
RECORDS = 1000
"""Records of one batch of the stream."""
ROUNDS = 5


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, closing(SqliteTable(Path(folder) / "flowker.db")) as table:
        use(table)
        _announce(table)
        print(f"chained: {_chain(table):,.0f} entries per second through the stream consumer, over SQLite")
        chain = ItemAuditChain(table)
        export = _export(chain, Path(folder) / "trail.ndjson")
        entries = list(chain.entries(1, ENTRIES))
        rates = {
            "of entries in memory": _rate(lambda: verify(entries).checked),
            "with reading them from SQLite": _rate(lambda: verify(chain.entries(1, ENTRIES)).checked),
            "with reading them from an export": _rate(lambda: _inspect(export)),
        }
        for what, rate in rates.items():
            print(f"verified: {rate:,.0f} entries per second of one core, {what}")
        print(f"  an entry is {len(export.read_bytes()) // ENTRIES} bytes of the export")
    for count, requests, items in consumer_costs():
        print(
            f"chaining {count} payment validations at a time: {requests / count:.2f} requests and {items / count:.1f} items "
            "each, besides the hot path"
        )
    _dashboards()


def consumer_costs() -> Iterator[tuple[int, int, int]]:
    """How many payment validations end at the same time, and the requests and written items that chaining them takes."""
    for count in (1, 20):
        table = MemoryTable()
        for number in range(count):
            _validated(table, number)
        watched = WatchedTable(table)
        ItemAuditChain(watched).append_items(outbox(table))
        yield count, len(watched.gets) + len(watched.writes), sum(watched.writes)


def _validated(table: MemoryTable, number: int) -> None:
    """What a payment validation announces: that it was accepted, that its call was made, and its end."""
    at = instant(START)
    steps = ((None, "pending", 1), ("pending", "running", 2), ("running", "completed", 1))
    for step, (before, after, count) in enumerate(steps):
        events = [event(10 * number + 3 * step + each, resource=uuid(number, 7)) for each in range(count)]
        table.write(announcing(uuid(number, 7), events, [Move(keys.EXECUTIONS, before, after, at)]))


def _announce(table: SqliteTable) -> None:
    """The notices of executions that begin, call and end."""
    with acting(Actor(ActorType.API_KEY, "cli", "127.0.0.1", uuid(1))):
        futures = [
            table.submit(announcing(uuid(number, 7), [_event(number)], _moves(number)))
            for number in range(ENTRIES)
        ]
    for future in futures:
        future.result()


def _event(number: int) -> AuditEvent:
    metadata = {"workflow.id": uuid(1), "node.id": "check-fraud", "attempt": 1}
    return event(number, seconds=number / 500, resource=uuid(number, 7), metadata=metadata)


def _moves(number: int) -> Sequence[Move]:
    return [Move(keys.EXECUTIONS, None, "pending", instant(START + timedelta(seconds=number / 500)))]


def _chain(table: SqliteTable) -> float:
    """Entries per second of the clock."""
    items = outbox(table)
    batches = [records(items[start : start + RECORDS]) for start in range(0, ENTRIES, RECORDS)]
    started = time.perf_counter()
    chained = sum(append_audit.handle(batch, None)["appended"] for batch in batches)
    if chained != ENTRIES:
        raise RuntimeError(f"{chained} notices were chained")
    return ENTRIES / (time.perf_counter() - started)


def _rate(work: Callable[[], int]) -> float:
    """Entries per second of the processor, at best."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        if work() != ENTRIES:
            raise RuntimeError("the trail does not hold")
        best = min(best, time.process_time() - started)
    return ENTRIES / best


def _export(chain: ItemAuditChain, path: Path) -> Path:
    """The trail as a file, in pages of 5,000."""
    last = BEGINNING
    with path.open("w") as file:
        for start in range(0, ENTRIES, 5000):
            file.write(start_line(last) + "\n")
            for entry in chain.entries(start + 1, start + 5000):
                file.write(entry_line(entry) + "\n")
                last = Checkpoint(entry.sequence, entry.hash)
            file.write(end_line(last, complete=last.sequence == ENTRIES) + "\n")
    return path


def _inspect(path: Path) -> int:
    with path.open("rb") as file:
        report = inspect(_lines(file))
    return 0 if report.findings else report.checked


def _lines(file: Iterator[bytes]) -> Iterator[Line]:
    for number, content in enumerate(file, start=1):
        yield Line("trail", number, content)


def _dashboards() -> None:
    print("dashboard of executions   requests  rows read")
    for count in (1_000, 100_000):
        table = populated(count)
        for name, bounds in {"all": (None, None), "29 hours": SHOWN}.items():
            before, rows = sum(table.requests), table.rows
            ItemCounters(table).executions(*bounds)
            used = sum(table.requests) - before
            print(f"{name:>10} of {count:>7,}      {used:>8}  {table.rows - rows:>9}")


if __name__ == "__main__":
    main()
