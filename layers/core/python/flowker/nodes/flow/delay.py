"""`delay`: a pause (FlowRunner spec d.5)."""

from collections.abc import Mapping
from typing import Any

from flowker.nodes.flow.base import Circumstances, Done, Pause, Shape
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import Kind, Param
from flowker.nodes.flow.pauses import pause, started


class Delay(NodeType):
    name = "delay"
    table = (Param("duration", Kind.DURATION, "How long", required=True),)
    page = Page(
        summary="Waits, then passes its input through. From 2 s on nothing runs meanwhile, and it costs nothing.",
        example="{ type: delay, params: { duration: 1h30m }, next: { default: remind } }",
        results={"(the input)": "unchanged"},
        actions={"default": "always"},
        handles=NO_NAMES,
        logs=NO_NAMES,
    )

    def shape(self, params: Mapping[str, Any]) -> Shape:
        return Shape.WAITING

    def run(self, around: Circumstances) -> Done | Pause:
        until = started(around, self.values(around)["duration"] if around.state is None else 0.0)
        return pause(around, until) or Done(passes=True)
