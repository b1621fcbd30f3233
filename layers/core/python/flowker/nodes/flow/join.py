"""`join`: gives the results of branches a form (FlowRunner spec d.12)."""

from flowker.model.exact_json import Json
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import Kind, Param


class Join(NodeType):
    name = "join"
    quick = True
    table = (
        Param("format", Kind.TEXT, "`array`, `object` (`result_0`, `result_1`, …) or `map` (by the `branch` member of each "
              "result)", default="array", choices=("array", "object", "map")),
    )  # fmt: skip
    page = Page(
        summary="Behind a `split`: gives the list of its results the wanted form. An input that is no list counts as a list "
        "of one.",
        example="{ type: join, params: { format: object }, next: { default: compare } }",
        results={"(list or map)": "the results"},
        actions={"default": "always"},
        handles=NO_NAMES,
        logs=NO_NAMES,
    )

    def run(self, around: Circumstances) -> Done:
        results = around.input if isinstance(around.input, list) else [around.input]
        match self.values(around)["format"]:
            case "object":
                return Done({f"result_{index}": result for index, result in enumerate(results)})
            case "map":
                return Done({_branch(result, index): result for index, result in enumerate(results)})
            case _:
                return Done(results)


def _branch(result: Json, index: int) -> str:
    name = result.get("branch") if isinstance(result, dict) else None
    if not isinstance(name, str):
        raise FlowFailure(f'result {index} has no text "branch" to be known by', retryable=False)
    return name
