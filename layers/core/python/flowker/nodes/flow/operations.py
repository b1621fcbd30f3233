"""Node types with an `operation`, as far as each operation requires params of its own (FlowRunner spec d.10)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowker.model.exact_json import Json
from flowker.nodes.flow.params import MISSING, Param, Problem, wrong

Required = Mapping[str, Sequence[str]]
"""The names of params, by operation."""

_MAY_BE_NULL = frozenset({"value"})


def given(table: Sequence[Param], params: Mapping[str, Any]) -> frozenset[str]:
    """Which params are there, in whatever spelling."""
    names = {each.name for each in table for name in each.names if params.get(name) is not None}
    return frozenset(names | (_MAY_BE_NULL & params.keys()))


def unmet(required: Required, operation: Any, names: frozenset[str]) -> Iterator[Problem]:
    """What the operation requires and is not given. Nothing for what is no operation: the table of params tells."""
    for name in required.get(operation, ()) if isinstance(operation, str) else ():
        if name not in names:
            yield MISSING, name, f"is required to {operation}"


def demand(required: Required, operation: str, values: Mapping[str, Json]) -> None:
    """As `unmet`, of evaluated params. Raises `FlowFailure`."""
    for name in required.get(operation, ()):
        if values.get(name) is None and not (name in _MAY_BE_NULL and name in values):
            raise wrong(name, f"is required to {operation}")
