"""Stand-ins for the outside world. Each is held to the contract tests of what it stands for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

from flowker.adapters import keys
from flowker.adapters.items import (
    Check,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Update,
    Write,
)
from flowker.adapters.table_rules import check_item, check_keys, check_query, check_writes, passes
from flowker.compiler.compile import content_name
from flowker.errors import StoreUnavailable
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, run_name
from flowker.model.outbound import CallFailed, OutboundRequest, OutboundResponse
from flowker.model.schedule import Schedule
from flowker.model.workflow import MachineType
from flowker.ports.sockets import Posted


class MemoryTable:
    """A table in a dictionary."""

    def __init__(self) -> None:
        self._items: dict[Key, Item] = {}
        self._lock = Lock()

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        check_keys(keys)
        with self._lock:
            return [self._items.get(key) for key in keys]

    def query(self, query: Query) -> list[Item]:
        check_query(query)
        index = keys.TABLES[query.table][query.index] if query.index else keys.Index("pk", "sk")
        with self._lock:
            found = [
                item
                for key, item in self._items.items()
                if key.table == query.table
                and item.get(index.pk) == query.pk
                and _in_range(item.get(index.sk), query)
                and passes(item, query)
            ]
        found.sort(key=lambda item: str(item[index.sk]), reverse=not query.forward)
        return found[: query.limit]

    def write(self, writes: Sequence[Write]) -> None:
        check_writes(writes)
        with self._lock:
            after: dict[Key, Item | None] = {}
            for position, write in enumerate(writes):
                stored = self._items.get(write.key)
                if write.when is not None and not write.when.holds(stored):
                    raise ConditionFailed(position, stored)
                after[write.key] = _after(write, stored)
            for key, item in after.items():
                if item is None:
                    self._items.pop(key, None)
                else:
                    self._items[key] = item


def _in_range(value: object, query: Query) -> bool:
    return (
        isinstance(value, str)
        and (query.after is None or value > query.after)
        and (query.before is None or value < query.before)
        and (query.prefix is None or value.startswith(query.prefix))
    )


def _after(write: Write, stored: Item | None) -> Item | None:
    match write:
        case Put():
            return dict(write.item)
        case Update():
            changed = write.apply(stored or {"pk": write.key.pk, "sk": write.key.sk})
            check_item(write.key.table, changed)
            return changed
        case Delete():
            return None
        case Check():
            return stored


class ManualClock:
    """A clock that only moves when told to."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class CountingIds:
    """UUIDs in a row: …0001, …0002."""

    def __init__(self) -> None:
        self._last = 0

    def new(self) -> str:
        self._last += 1
        return f"00000000-0000-4000-8000-{self._last:012d}"


class PlainCipher:
    """Seals nothing; marks what it was given, so that a test sees whether a store sealed."""

    def seal(self, plain: bytes, context: str) -> bytes:
        return f"sealed for {context}:".encode() + plain

    def stale(self, sealed: bytes) -> bool:
        return False

    def open(self, sealed: bytes, context: str) -> bytes:
        prefix = f"sealed for {context}:".encode()
        if not sealed.startswith(prefix):
            raise ValueError("sealed for something else")
        return sealed[len(prefix) :]


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, key: str, content: bytes) -> None:
        self._blobs[key] = content

    def get(self, key: str) -> bytes:
        return self._blobs[key]

    def delete(self, start: str) -> None:
        for key in self.below(start):
            del self._blobs[key]

    def below(self, start: str) -> list[str]:
        """The keys that begin so, for tests that look whether anything is left."""
        return [key for key in self._blobs if key.startswith(start)]


class RecordingMachines:
    """An orchestrator that only remembers what it was told to run and to stop. While `unavailable`, it does neither. One
    that is `forgetful` runs again what is started again."""

    def __init__(self, *, forgetful: bool = False) -> None:
        self._forgetful = forgetful
        self.definitions: dict[str, Json] = {}
        self.started: list[str] = []
        self.resumed: list[tuple[str, Mapping[str, Json]]] = []
        """The names of the legs, and where each begins."""
        self.stopped: list[str] = []
        self.waiting: set[str] = set()
        """Tokens that some task waits for."""
        self.answers: dict[str, Json] = {}
        self.unavailable = False

    def reference(self, definition: Json, kind: MachineType) -> str:
        return content_name(kind, definition)

    def publish(self, definition: Json, kind: MachineType) -> str:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        name = content_name(kind, definition)
        self.definitions[name] = definition
        return name

    def start(self, execution: Execution) -> bool:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        if self._forgetful or execution.id not in self.started:
            self.started.append(execution.id)
        return self._forgetful

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        name = run_name(execution.id, leg)
        if name not in dict(self.resumed):
            self.resumed.append((name, dict(at)))

    def answer(self, token: str, output: Json) -> bool:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        if token not in self.waiting:
            return False
        self.waiting.remove(token)
        self.answers[token] = output
        return True

    def delete(self, reference: str) -> None:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        self.definitions.pop(reference, None)

    def stop(self, execution: Execution) -> None:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        self.stopped.append(run_name(execution.id, execution.leg))


class ScriptedCompletions:
    """Time passes while somebody waits: `meanwhile` happens, and what was waited for is remembered."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.waited: list[tuple[str, float]] = []
        self._meanwhile = meanwhile

    def wait(self, execution_id: str, seconds: float) -> None:
        self.waited.append((execution_id, seconds))
        self._meanwhile()


Line = int | tuple[int, dict[str, str]] | Exception | Callable[[], object]


class ScriptedHttp:
    """Providers that answer in turn with what the script says, and its last line for ever.

    A line is a status (with a small JSON body), a status with headers of its own, an exception to raise, or what to do
    before answering 200.
    """

    def __init__(self, *script: Line) -> None:
        self.sent: list[OutboundRequest] = []
        self.refusal: CallFailed | None = None
        """What is said about every destination."""
        self._script = list(script or [200])

    def judge(self, url: str, timeout: float) -> None:
        if self.refusal is not None:
            raise self.refusal

    def send(self, request: OutboundRequest) -> OutboundResponse:
        self.sent.append(request)
        line = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(line, Exception):
            raise line
        headers = {"Content-Type": "application/json"}
        if isinstance(line, tuple):
            line, own = line
            headers |= own
        if not isinstance(line, int):
            line()
        status = line if isinstance(line, int) else 200
        return OutboundResponse(status, "OK", request.url, headers, b'{"score":15}')


class RecordingSockets:
    """A gateway with any number of connections that are open, until they are closed or `left`; those in `slow` take nothing
    now. Remembers what each was sent."""

    def __init__(self) -> None:
        self.sent: dict[str, list[str]] = {}
        self.closed: list[str] = []
        self.left: set[str] = set()
        self.slow: set[str] = set()

    def post(self, messages: Mapping[str, Sequence[str]]) -> Posted:
        gone = messages.keys() & (self.left | {*self.closed})
        late = messages.keys() & self.slow - gone
        for name in messages.keys() - gone - late:
            self.sent.setdefault(name, []).extend(messages[name])
        return Posted(frozenset(gone), frozenset(late))

    def close(self, connection_ids: Collection[str]) -> None:
        self.closed += [name for name in connection_ids if name not in self.left]


class RecordingPusher:
    """Remembers whom it was to push."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def wake(self, execution_id: str) -> None:
        self.woken.append(execution_id)


class RecordingTimer:
    """A clock that calls nobody; remembers for which schedules it would. While `unavailable`, it takes nothing."""

    def __init__(self) -> None:
        self.schedules: dict[tuple[str, str], Schedule] = {}
        self.unavailable = False

    def set(self, schedule: Schedule) -> None:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        self.schedules[schedule.owner_id, schedule.id] = schedule

    def clear(self, owner_id: str, schedule_id: str) -> None:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        self.schedules.pop((owner_id, schedule_id), None)
