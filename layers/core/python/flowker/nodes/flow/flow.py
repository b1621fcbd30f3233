"""`flow`: runs another flow of the account (FlowRunner spec d.12)."""

from collections.abc import Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.run import Level, RunStatus
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Line, Pause, Runs, Shape
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import Kind, Param

_LONGEST_PAUSE = 30


class Flow(NodeType):
    name = "flow"
    table = (
        Param("flow_id", Kind.TEXT, "Which flow; its newest version is run", required=True, least=1),
        Param(
            "input", Kind.MAP, "Input of the run; else the node's input, where that is no map as `{input: …}`"
        ),
        Param("wait", Kind.BOOLEAN, "Whether to wait for its end and take its result", default=True),
    )
    page = Page(
        summary="Runs another flow of the same account as a run of its own. Cancelling the one cancels the other if it waits "
        "for it.",
        example="{ type: flow, params: { flow_id: flow-123, input: { id: 7 } }, next: { default: done, error: alarm } }",
        results={
            "(any)": "the result of that run",
            "execution_id, flow_id, status": "with `wait: false`: the run that was started, and `running`",
        },
        actions={"default": "the run has completed, or with `wait: false` has started"},
        handles=NO_NAMES,
        logs={"Flow started": "info, data `{execution_id, flow_id}`; with `wait: false`"},
    )

    def shape(self, params: Mapping[str, Any]) -> Shape:
        return Shape.PLAIN if params.get("wait") is False else Shape.WAITING

    def run(self, around: Circumstances) -> Done | Pause:
        values, runs = self.values(around), _runs(around)
        if around.state is not None:
            return _waited(runs, values["flow_id"], around.state)
        run_id = runs.start(values["flow_id"], _input(values["input"], around.input))
        known: dict[str, Json] = {"execution_id": run_id, "flow_id": values["flow_id"]}
        if values["wait"]:
            return Pause(1.0, {"child": run_id, "polls": 1})
        return Done(
            {**known, "status": RunStatus.RUNNING.value}, logs=[Line(Level.INFO, "Flow started", known)]
        )


def _waited(runs: Runs, flow_id: str, state: Mapping[str, Any]) -> Done | Pause:
    run_id, polls = state["child"], int(state["polls"])
    status, result, error = runs.outcome(run_id)
    match status:
        case RunStatus.RUNNING:
            return Pause(float(min(polls, _LONGEST_PAUSE)), {"child": run_id, "polls": polls + 1})
        case RunStatus.COMPLETED:
            return Done(result)
        case _:
            reason = f": {error}" if error else ""
            raise FlowFailure(
                f"flow {flow_id} {status.value}{reason}",
                details={"execution_id": run_id, "flow_id": flow_id, "status": status.value},
            )


def _input(given: Mapping[str, Json] | None, own: Json) -> Mapping[str, Json]:
    if given is not None:
        return given
    return own if isinstance(own, Mapping) else {"input": own}


def _runs(around: Circumstances) -> Runs:
    if around.runs is None:
        raise FlowFailure("flows cannot be started here", retryable=False)
    return around.runs
