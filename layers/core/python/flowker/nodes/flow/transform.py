"""`transform`: a result made by a script, or picked from the input (FlowRunner spec d.3); also as a batch (d.12)."""

from collections.abc import Iterator, Mapping
from typing import Any

from flowker.nodes.flow.base import Circumstances, Done
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, wrong
from flowker.nodes.flow.selectors import select

_LOGS = {"(what the script writes)": "each `console.log`, `info`, `warn` and `error`, on its level"}


class Transform(NodeType):
    name = "transform"
    quick = True
    table = (
        Param("script", Kind.SCRIPT, "Function body; what it returns is the result. This or `mapping`", least=1),
        Param("mapping", Kind.SELECTORS, "Names of the result to selectors over the input: `$` is all of it, `$.a[0].b` a "
              "part, `$.a[*].b` a list; what is not there is null"),
    )  # fmt: skip
    page = Page(
        summary="Computes a result. A `mapping` keeps every digit of a number; a `script` has the numbers of JavaScript.",
        example='{ type: transform, params: { script: "return { total: input.price * input.count };" } }',
        results={
            "(any)": "what the script returns, `undefined` as null; or a map with the names of the mapping"
        },
        actions={"default": "always"},
        handles=NO_NAMES,
        logs=_LOGS,
    )

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        given = [name for name in ("script", "mapping") if params.get(name) is not None]
        if not given:
            yield MISSING, "script", "is required, or mapping"
        elif len(given) > 1:
            yield INVALID, "mapping", "must not stand beside script"

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        script, mapping = values["script"], values["mapping"]
        if (script is None) == (mapping is None):
            raise wrong("script", "or mapping is required, and not both")
        if mapping is None:
            return Done(around.evaluate(script, "body"))
        return Done({name: select(text, around.input) for name, text in mapping.items()})


class BatchTransform(NodeType):
    """A transform of each item: `strategy` is that of a batch which the flow does not spell out."""

    table = (
        Param("script", Kind.SCRIPT, "Function body, run for each item with `item` and `index`; what it returns is the item's "
              "result", required=True, aliases=("processor_script",), least=1),
        Param("items", Kind.LIST, "What to work on; else `batch.items`, else the input or its `items`"),
    )  # fmt: skip

    def __init__(self, name: str, strategy: str, manner: str) -> None:
        self.name = name
        self.strategy = strategy
        self.page = Page(
            summary=f"A `transform` of each item of a list, {manner}: as one with `batch: {{ strategy: {strategy} }}`.",
            example=f'{{ type: {name}, params: {{ items: [1, 2], script: "return item * 2;" }} }}',
            results={"(list)": "the results in the order of the items"},
            actions={"default": "always"},
            handles=NO_NAMES,
            logs=_LOGS,
        )

    def run(self, around: Circumstances) -> Done:
        return Done(around.evaluate(self.values(around)["script"], "body"))
