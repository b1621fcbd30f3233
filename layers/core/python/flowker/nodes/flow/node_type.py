"""The base of all node types: what follows from the table of params (FlowRunner spec d)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flowker.nodes.flow import params as tables
from flowker.nodes.flow.base import Circumstances, Done, Listen, Pause, Shape
from flowker.nodes.flow.params import MODES, RAW, Param, Problem


@dataclass(frozen=True, slots=True)
class Page:
    """What the reference says of a node type beside its params. Names with their meanings; `example` is a YAML node."""

    summary: str
    example: str
    results: Mapping[str, str]
    actions: Mapping[str, str]
    handles: Mapping[str, str]
    logs: Mapping[str, str]


NO_NAMES: Mapping[str, str] = {}


class NodeType(ABC):
    """Implements `FlowNodeType` from `table`."""

    name: str
    table: ClassVar[Sequence[Param]] = ()
    strategy: str | None = None
    """Of the types that are a batch without saying so: which one, unless the flow spells it out."""
    quick: bool = False
    """Whether it does nothing but compute, see `Shape.QUICK`."""
    page: Page

    @property
    def raw(self) -> frozenset[str]:
        return frozenset(
            name for param in self.table if param.raw or param.kind in RAW for name in param.names
        )

    @property
    def known(self) -> frozenset[str]:
        return frozenset(name for param in self.table for name in param.names)

    def shape(self, params: Mapping[str, Any]) -> Shape:
        return Shape.QUICK if self.quick else Shape.PLAIN

    def check(self, params: Mapping[str, Any]) -> Sequence[Problem]:
        return [*tables.check(self.table, params), *self.further(params)]

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        """What no single param tells. May meet values of any type."""
        return iter(())

    def scripts(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        return [
            (name, params[name], MODES[param.kind])
            for param in self.table
            if param.kind in MODES
            for name in param.names
            if isinstance(params.get(name), str)
        ]

    def values(self, around: Circumstances) -> dict[str, Any]:
        """The evaluated params as `params.read` gives them. Raises `FlowFailure`."""
        return tables.read(self.table, around.params)

    @abstractmethod
    def run(self, around: Circumstances) -> Done | Pause | Listen: ...
