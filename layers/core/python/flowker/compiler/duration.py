"""How long an execution can take if all goes as badly as it can: what decides between Express and Standard (architecture §4).

Counted is what the definition allows: each call takes its whole timeout at every attempt, each wait between attempts is the
longest one, each task meets an overloaded store or function and is let in at the last retry, each `Choice` takes the longest
way, a `Parallel` lasts as long as its longest branch. Not counted is the limit of the whole execution, which would hide the
rest, nor Flowker's own work, which takes milliseconds where a call takes seconds.
"""

from collections.abc import Mapping, Sequence
from math import inf

from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.compiler.ways import State, longest
from flowker.errors import PROVIDER_UNAVAILABLE, NodeRetry

_PROVIDER_ERRORS = frozenset(error.__name__ for error in PROVIDER_UNAVAILABLE)
_CALLBACK = ".waitForTaskToken"


def worst_case(definition: State, calls: Mapping[str, float]) -> float:
    """Seconds, or infinity. `calls` says how long a provider may take at each attempt, by the name of the state; the
    States Language only knows when to stop waiting for the function."""
    found = longest(definition, lambda name, state: _own(name, state, calls), 0.0, failing=True)
    return inf if found is None else found


def waits_for_callback(definition: State) -> bool:
    """Whether some task waits until somebody answers its token."""
    for state in definition["States"].values():
        if str(state.get("Resource", "")).endswith(_CALLBACK):
            return True
        if any(waits_for_callback(branch) for branch in state.get("Branches", ())):
            return True
    return False


def _own(name: str, state: State, calls: Mapping[str, float]) -> float:
    match state["Type"]:
        case "Task":
            return _task(state, calls.get(name, _without_call(state)))
        case "Parallel":
            return max(worst_case(branch, calls) for branch in state["Branches"])
        case "Wait":
            return float(state["Seconds"]) if "Seconds" in state else inf
        case "Map":
            return inf  # the number of items is not in the definition
        case _:
            return 0


def _without_call(state: State) -> float:
    """Seconds of an attempt that calls no provider: nothing for Flowker's own functions."""
    own = state["Resource"] in (RUN_NODE, RECORD_EXECUTION)
    return 0 if own else float(state.get("TimeoutSeconds", inf))


def _task(state: State, attempt: float) -> float:
    """Whichever names its errors have, a provider's failures are counted together by the worker (decision 14)."""
    retriers: Sequence[State] = state.get("Retry", ())
    provider = [each for each in retriers if _PROVIDER_ERRORS & set(each["ErrorEquals"])]
    repeated = max((int(each["MaxAttempts"]) for each in provider), default=0)
    longest_wait = max((float(each["IntervalSeconds"]) for each in provider), default=0.0)
    others = [each for each in retriers if each not in provider]
    repeated_by_choice = sum(
        int(each["MaxAttempts"]) for each in others if NodeRetry.__name__ in each["ErrorEquals"]
    )
    waits = longest_wait * repeated + sum(_waits(each) for each in others)
    return attempt * (1 + repeated + repeated_by_choice) + waits


def _waits(retrier: State) -> float:
    """All waits of a retrier together."""
    first, rate = float(retrier["IntervalSeconds"]), float(retrier["BackoffRate"])
    most = float(retrier.get("MaxDelaySeconds", inf))
    return sum(min(first * rate**time, most) for time in range(retrier["MaxAttempts"]))
