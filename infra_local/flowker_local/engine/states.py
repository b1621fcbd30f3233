"""A compiled state machine: what the interpreter walks over. Everything is immutable and shared by all runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowker.model.exact_json import Json
from flowker_local.engine.choice import Rule
from flowker_local.engine.failure import matches
from flowker_local.engine.paths import Constant, Path, Reader, ResultPath

INLINE_CONCURRENCY = 40
"""Step Functions runs at most so many iterations of an inline Map at a time."""

_FOREVER_SECONDS = 99_999_999.0


@dataclass(frozen=True, slots=True)
class Retrier:
    errors: frozenset[str]
    interval: int = 1
    attempts: int = 3
    rate: float = 2.0
    longest: int | None = None

    def delay(self, retries: int) -> float:
        """Seconds to wait after so many retries."""
        try:
            seconds = self.interval * self.rate**retries
        except OverflowError:
            seconds = _FOREVER_SECONDS
        return min(seconds, _FOREVER_SECONDS if self.longest is None else self.longest)


@dataclass(frozen=True, slots=True)
class Catcher:
    errors: frozenset[str]
    next: str
    result_path: ResultPath


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What all kinds share; a field that a kind does not have keeps its neutral value. `next` None ends the branch."""

    name: str
    next: str | None = None
    input_path: Path | Constant | None = None
    output_path: Path | Constant | None = None
    parameters: Reader | None = None
    result_selector: Reader | None = None
    result_path: ResultPath = field(default_factory=ResultPath)
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()

    def retrier(self, error: str) -> int | None:
        """The index of the first retrier for an error. If it is exhausted, the later ones are not asked."""
        return next((i for i, each in enumerate(self.retry) if matches(each.errors, error)), None)

    def catcher(self, error: str) -> Catcher | None:
        return next((each for each in self.catch if matches(each.errors, error)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(State):
    resource: str
    callback: bool
    timeout: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    result: Constant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    rules: tuple[tuple[Rule, str], ...]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Exactly one of the four is given; `timestamp` is in seconds since 1970."""

    seconds: int | None
    seconds_path: Path | None
    timestamp: float | None
    timestamp_path: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    error: Path | Constant
    cause: Path | Constant


@dataclass(frozen=True, slots=True)
class Branch:
    """A sequence of states with a start: the machine itself, a branch of a Parallel, the processor of a Map."""

    start: str
    states: Mapping[str, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(State):
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(State):
    items: Path | None
    selector: Reader | None
    concurrency: int
    processor: Branch


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    root: Branch
    timeout: int | None
    definition: Json
