"""What the scripts and params of a node can see (FlowRunner spec e.2), read from the steps before it.

A step says which steps hold the values that follow from it, so a node needs its predecessor, and in a second read whatever
that one points to and the node's texts name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowker.expressions.scripts.scope import PREVIOUS
from flowker.model.exact_json import Json
from flowker.model.run import START, FlowStep, Known
from flowker.ports.runs import RunState, RunStore


@dataclass(slots=True)
class Values:
    """Values and `shared` maps of a run by the paths of their steps; what is not here yet is read at once by `need`."""

    store: RunStore
    execution_id: str
    start: Json
    steps: dict[str, FlowStep] = field(default_factory=dict)

    @classmethod
    def of(cls, store: RunStore, state: RunState) -> "Values":
        return cls(store, state.execution.id, state.input, dict(state.steps))

    def need(self, paths: set[str]) -> None:
        """Read those that are missing, together."""
        missing = [path for path in sorted(paths) if path != START and path not in self.steps]
        if missing:
            self.steps.update(self.store.steps(self.execution_id, missing))

    def value(self, path: str) -> Json:
        return self.start if path == START else self.steps[path].value

    def shared(self, path: str) -> Mapping[str, Json]:
        """The map as it was after this step."""
        found = self.start if path == START else self.steps[path].shared
        return found if isinstance(found, Mapping) else {}


def pointers(known: Known, results: frozenset[str] | None) -> set[str]:
    """The steps that a node needs which reads the results of these nodes (None = of all)."""
    wanted = {known.input, known.shared, known.before}
    if known.result is not None:
        wanted.add(known.result)
    return wanted | {path for node, path in known.results.items() if results is None or node in results}


def scope(
    known: Known,
    values: Values,
    results: frozenset[str] | None,
    around: Mapping[str, Json],
) -> dict[str, Any]:
    """All names but `secrets`. `around` are those that depend on more than the steps: execution, flow, item, index."""
    value = values.value(known.input)
    return {
        "input": value,
        "result": None if known.result is None else values.value(known.result),
        "results": {
            node: values.value(path)
            for node, path in known.results.items()
            if results is None or node in results
        },
        "shared": dict(values.shared(known.shared)),
        "error": value if known.failed else None,
        PREVIOUS: values.value(known.before),
        **around,
    }


def succeeded(known: Known, node_id: str, path: str, *, passes: bool, shared: bool) -> Known:
    """What is handed on after a success; with `passes` the result is the input."""
    result = known.input if passes else path
    return known.model_copy(
        update={
            "results": {**known.results, node_id: result},
            "input": result,
            "result": result,
            "before": known.input,
            "shared": path if shared else known.shared,
            "failed": False,
        }
    )


def failed(known: Known, node_id: str, path: str, *, response: bool, shared: bool) -> Known:
    """What is handed on after a failure: the error object, which is also a result if a response came with it (spec c.4)."""
    return known.model_copy(
        update={
            "results": {**known.results, node_id: path} if response else known.results,
            "input": path,
            "before": known.input,
            "shared": path if shared else known.shared,
            "failed": True,
        }
    )
