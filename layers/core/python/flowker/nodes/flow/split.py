"""`split`: branches side by side (FlowRunner spec d.12, decision D-16)."""

from collections.abc import Mapping
from typing import Any

from flowker.nodes.flow.base import Circumstances, Done, Shape
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page


class Split(NodeType):
    name = "split"
    page = Page(
        summary="Starts every target of its `next` but `default` in parallel, waits until each branch has ended, and goes on "
        "with `default`. Each branch gets the split's input and a copy of `shared`. A branch that fails makes the split fail.",
        example="{ type: split, next: { prices: ask_prices, stock: ask_stock, default: both } }",
        results={"(list)": "the results of the branches, in the order of `next`"},
        actions={"default": "all branches have ended"},
        handles=NO_NAMES,
        logs=NO_NAMES,
    )

    def shape(self, params: Mapping[str, Any]) -> Shape:
        return Shape.SPLIT

    def run(self, around: Circumstances) -> Done:
        return Done(list(around.state or ()))
