"""`base`: does nothing (FlowRunner spec d.12)."""

from flowker.nodes.flow.base import Circumstances, Done
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page


class PassThrough(NodeType):
    name = "base"
    quick = True
    page = Page(
        summary="Passes its input through. Useful as a place where routes meet, and with hooks.",
        example="{ type: base, next: { default: next_one } }",
        results={"(the input)": "unchanged"},
        actions={"default": "always"},
        handles=NO_NAMES,
        logs=NO_NAMES,
    )

    def run(self, around: Circumstances) -> Done:
        return Done(passes=True)
