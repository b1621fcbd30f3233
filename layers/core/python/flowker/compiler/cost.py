"""What executions of a compiled graph cost on AWS: counted along the longest way through it, when nothing fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from flowker.compiler.compile import Machine
from flowker.compiler.measured import ASSUMED, WORK, Assumed, Work
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.compiler.prices import LIST, Prices
from flowker.compiler.units import Unit, Units
from flowker.compiler.ways import State, longest
from flowker.model.graph import NodeKind
from flowker.model.workflow import MachineType

_GB_IN_MB = 1024
_EXPRESS_MB = 64
_EXPRESS_STEP_MS = 100
_MS = 1000
_BYTES = 10**9


@dataclass(frozen=True, order=True)
class Way:
    """What is on a way through a state machine. The tasks come first, because they cost the most."""

    tasks: int = 0
    calls: int = 0
    further: int = 0
    """Steps that tasks record beside that of their first node."""
    ends: int = 0
    """Tasks that do nothing but end the execution."""
    transitions: int = 0

    def __add__(self, other: "Way") -> "Way":
        return Way(
            tasks=self.tasks + other.tasks,
            calls=self.calls + other.calls,
            further=self.further + other.further,
            ends=self.ends + other.ends,
            transitions=self.transitions + other.transitions,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is paid for: how much of it an execution takes, what one costs, and on which type of machine."""

    name: str
    quantity: Decimal
    price: Decimal
    types: Sequence[MachineType] = tuple(MachineType)

    def cost(self, kind: MachineType) -> Decimal:
        """US dollars for one execution."""
        return self.quantity * self.price if kind in self.types else Decimal(0)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one execution."""

    way: Way
    lines: Sequence[Line]

    def total(self, kind: MachineType) -> Decimal:
        """US dollars."""
        return sum((line.cost(kind) for line in self.lines), Decimal(0))


def way_of(machine: Machine) -> Way:
    """The longest way: branches side by side are all on it, of those that exclude each other the one with more tasks."""
    found = _way(machine, machine.definition)
    if found is None:
        raise ValueError("a loop has no longest way")
    return found


def cost_of(machine: Machine, assumed: Assumed = ASSUMED, prices: Prices = LIST) -> Cost:
    """What an execution costs that a webhook starts."""
    way = way_of(machine)
    work = _work(way)
    invocations = 1 + way.tasks + way.ends + work.chained_requests / 2
    milliseconds = _busy(way, work, assumed)
    gigabyte_seconds = milliseconds / _MS * assumed.memory / _GB_IN_MB
    logged = invocations * assumed.log + assumed.access_log
    express = [MachineType.EXPRESS]
    lines = [
        Line("State transitions", Decimal(way.transitions), prices.transition, [MachineType.STANDARD]),
        Line("Express starts", Decimal(1), prices.express_start, express),
        Line("Express GB-seconds", _express(way, assumed), prices.express_gb_second, express),
        Line("Lambda invocations", invocations, prices.invocation),
        Line("Lambda GB-seconds", gigabyte_seconds, prices.gb_second),
        Line("DynamoDB write units", work.writes + work.chained_writes, prices.write_unit),
        Line("… for noting the start", WORK["noted"].writes, prices.write_unit, express),
        Line("DynamoDB read units", work.reads + work.chained_reads, prices.read_unit),
        Line("HTTP API requests", Decimal(1), prices.request),
        Line("Logs, GB", logged / _BYTES, prices.log_gb),
    ]
    return Cost(way, lines)


def _way(machine: Machine, part: State) -> Way | None:
    return longest(part, lambda name, state: _own(machine, name, state), Way(), failing=False)


def _own(machine: Machine, name: str, state: State) -> Way:
    match state.get("Resource"):
        case str() as resource if resource == RUN_NODE:
            calls = machine.units.topology.nodes[name].type is NodeKind.EXECUTOR
            further = _steps(machine.units, machine.units.by_head[name], name) - 1
            return Way(tasks=1, calls=int(calls), further=further, transitions=1)
        case str() as resource if resource == RECORD_EXECUTION:
            return Way(ends=1, transitions=1)
    branches = (_way(machine, branch) for branch in state.get("Branches", ()))
    return sum((branch for branch in branches if branch), Way(transitions=1))


def _steps(units: Units, unit: Unit, node: str) -> int:
    """How many steps a task records at most, from this node on: of the ways of a conditional, one is taken."""
    ways: dict[str | None, int] = {None: 0}
    for edge in units.topology.out[node]:
        if edge.target in unit.members:
            handle = units.topology.handle(edge)
            ways[handle] = ways.get(handle, 0) + _steps(units, unit, edge.target)
    always = ways.pop(None)
    return 1 + always + max(ways.values(), default=0)


def _work(way: Way) -> Work:
    """All of it: the start, the tasks, the end."""
    work = WORK["start"] + WORK["call"] * way.calls + WORK["act"] * (way.tasks - way.calls)
    work += WORK["further"] * way.further + WORK["end"] * way.ends
    if way.tasks:
        work += WORK["first"]
    return work if way.ends else work + WORK["last"]


def _busy(way: Way, work: Work, assumed: Assumed) -> Decimal:
    """Milliseconds that functions are paid for: their own work, and waiting for providers and services."""
    starting = 1 + WORK["noted"].requests  # the state machine is started, and on Express that is noted
    own = assumed.own * (1 + way.tasks + way.ends + work.chained_requests / 2)
    waiting = assumed.request * (work.requests + work.chained_requests + starting) + assumed.call * way.calls
    return own + waiting


def _express(way: Way, assumed: Assumed) -> Decimal:
    """GB-seconds of one execution, as if branches side by side came one after the other."""
    milliseconds = assumed.state * way.transitions + assumed.call * way.calls
    steps = -(-milliseconds // _EXPRESS_STEP_MS)
    return Decimal(steps * _EXPRESS_STEP_MS) / _MS * _EXPRESS_MB / _GB_IN_MB
