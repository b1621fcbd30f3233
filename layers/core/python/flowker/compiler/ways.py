"""The longest way through a state machine, by whatever measure."""

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol, TypeVar

State = Mapping[str, Any]


class Measure(Protocol):
    """What can be added up and compared."""

    def __add__(self, other: Any, /) -> Any: ...

    def __lt__(self, other: Any, /) -> bool: ...


M = TypeVar("M", bound=Measure)


def longest(machine: State, own: Callable[[str, State], M], nothing: M, *, failing: bool) -> M | None:
    """The measures of the states on the way that has the most, added up; `own` measures one state. `failing` goes the ways
    of caught errors, too. None if there is a loop, since nothing says how often it goes round."""
    states: Mapping[str, State] = machine["States"]
    following = {name: set(_following(state, failing)) for name, state in states.items()}
    total: dict[str, M] = {}
    try:
        for name in TopologicalSorter(following).static_order():  # the last ones first
            rest = max((total[after] for after in following[name]), default=nothing)
            total[name] = own(name, states[name]) + rest
    except CycleError:
        return None
    return total[machine["StartAt"]]


def _following(state: State, failing: bool) -> Iterator[str]:
    yield from (state[field] for field in ("Next", "Default") if field in state)
    for field in ("Choices", "Catch") if failing else ("Choices",):
        yield from (way["Next"] for way in state.get(field, ()))
