"""`agent`: a model that may use tools until it knows the answer (FlowRunner spec d.8).

One visit of the node takes several steps, each an answer of the model or the use of a tool. A checkpoint costs a second, since
state machines wait whole seconds, so there is none after each step: the node answers `Pause` with the conversation as its
state once half of the time of a visit is gone, or when a later step of a visit ran into its end; that step then has a visit to
itself. So whatever ends a visit (a failure that is tried again, a process that dies) repeats at most the steps of that visit,
each with the idempotency key that it had before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.run import Level
from flowker.nodes.flow import agent_tools, llm_call
from flowker.nodes.flow.agent_talk import Talk
from flowker.nodes.flow.agent_tools import AgentTool, tools_of
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Line, Pause, Shape
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.llm_call import CONNECTION, Provider
from flowker.nodes.flow.llm_chat import Chat
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import Kind, Param, Problem

_CHECKPOINT_SECONDS = 1.0
_LEAST_SECONDS = 0.05
"""What a call gets whose visit is over, so that it times out as any other."""


class Agent(NodeType):
    """`types` are what tools may be made of; `clock` gives seconds."""

    name = "agent"
    table = (
        *CONNECTION,
        Param("prompt", Kind.TEXT, "What the agent is to do", required=True, aliases=("user_prompt",), least=1),
        Param("system_prompt", Kind.TEXT, "Who it is", least=1),
        Param("max_steps", Kind.COUNT, "Answers of the model, with the last one", default=10, least=1, most=100),
        Param("tools", Kind.MAPS, "What it may use, as `{name, description, parameters, node, params}`: a node of type `node` "
              "is run with `params`, in which `args` is what the model asks with. Written out, with `${}` inside where needed. "
              "`node` is `http.request`, `webhook`, `llm`, `mcp`, `email.send`, `email.receive`, `postgres` or `dynamodb`",
              raw=True),
    )  # fmt: skip
    page = Page(
        summary="Lets a language model use tools until it knows the answer. The tool `get_current_time` is always there. A "
        "tool that fails is told to the model. A run that is interrupted goes on from the last checkpoint, at most half the "
        "node's `timeout` and one call before; what is repeated has the same `Idempotency-Key`.",
        example="""\
type: agent
params:
  api_key: "${secrets.LLM_KEY}"
  model: gpt-4o-mini
  system_prompt: You answer questions about parcels.
  prompt: "${input.question}"
  tools:
    - name: track_parcel
      description: Where is this parcel?
      parameters: { type: object, properties: { code: { type: string } }, required: [code] }
      node: http.request
      params: { url: "https://parcels.example.com/track", query_params: { code: "${args.code}" } }
timeout: 2m
next: { default: reply, error: alarm }""",
        results={
            "response": "the answer",
            "steps": "how often the model has answered",
            "thinking": "what it said while it asked for tools, as text",
            "intermediate_results": "list of `{step, tool, arguments, result, error}`; results without headers and raw "
            "texts, long ones cut after 32 Ki characters",
            "conversation": "list of messages in OpenAI's form; with all results at most 1 MiB",
            "usage": "`{prompt_tokens, completion_tokens, total_tokens}` of all answers",
        },
        actions={"default": "the model has answered without asking for another tool"},
        handles=llm_call.HANDLES,
        logs={
            "Agent tool used": "info, data `{step, tool}`",
            "Agent tool failed": "warn, data `{step, tool, error}`",
            "Agent finished": "info, data `{steps, usage}`",
        },
    )  # fmt: skip

    def __init__(self, types: Sequence[NodeType], clock: Callable[[], float] = monotonic) -> None:
        self._types = {kind.name: kind for kind in types}
        self._clock = clock

    def shape(self, params: Mapping[str, Any]) -> Shape:
        return Shape.WAITING

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        yield from llm_call.check(params)
        yield from agent_tools.check(params.get("tools"), self._types)

    def scripts(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        return agent_tools.code_of(params.get("tools"), self._types)

    def run(self, around: Circumstances) -> Done | Pause:
        values = self.values(around)
        tools = tools_of(values["tools"] or [], self._types, around)
        visit = _Visit(around, values, tools, self._clock)
        while not visit.talk.finished:
            if visit.over or not visit.step():
                return Pause(_CHECKPOINT_SECONDS, visit.talk.state())
        result = visit.talk.result()
        return Done(result, logs=list(_lines(result)), shared=remembered("agent", result))


class _Visit:
    """One delivery of the node: as many steps as half its time allows, at least one."""

    def __init__(
        self,
        around: Circumstances,
        values: Mapping[str, Any],
        tools: Mapping[str, AgentTool],
        clock: Callable[[], float],
    ) -> None:
        self._around = around
        self._values = values
        self._tools = tools
        self._clock = clock
        self._began = clock()
        self._provider = Provider.of(values)
        self._steps = 0
        self.talk = (
            Talk(around.idempotency_key, _opening(values))
            if around.state is None
            else Talk.remembered(around.state)
        )

    @property
    def over(self) -> bool:
        return self._steps > 0 and self._left < self._around.timeout / 2

    @property
    def _left(self) -> float:
        return self._around.timeout - (self._clock() - self._began)

    def step(self) -> bool:
        """False if the visit's end has come before the step's. Raises `FlowFailure`."""
        call = self.talk.pending
        self._allow_one_more()
        try:
            if call is None:
                self._ask()
            else:
                self._use(call)
        except FlowFailure as failure:
            if failure.handle == "timeout" and self._cut_short:
                return False
            raise
        self._steps += 1
        return True

    @property
    def _cut_short(self) -> bool:
        """Whether a step that timed out may have had less time than it should."""
        return self._steps > 0 and self._left <= _LEAST_SECONDS

    def _allow_one_more(self) -> None:
        """What the last answer asks for is not done: nobody would hear of it."""
        talk = self.talk
        if talk.steps >= self._values["max_steps"]:
            raise FlowFailure(
                f"the agent has no answer after {talk.steps} steps",
                details={"steps": talk.steps, "intermediate_results": talk.results},
                retryable=False,
            )

    def _ask(self) -> None:
        talk, values = self.talk, self._values
        chat = Chat(
            model=values["model"],
            messages=talk.messages,
            temperature=values["temperature"],
            max_tokens=values["max_tokens"],
            tools=[tool.declared for tool in self._tools.values()],
        )
        talk.heard(self._provider.ask(self._with("model", talk.messages), chat))

    def _use(self, call: Mapping[str, Any]) -> None:
        """What goes wrong with a tool is for the model to know, unless it is only that time is up."""
        name, written = call["function"]["name"], call["function"]["arguments"]
        arguments, result, error = _arguments(written), None, None
        tool = self._tools.get(name)
        if tool is None:
            error = f"there is no tool {name}"
        elif not isinstance(arguments, Mapping):
            error = "the arguments are not a JSON object"
        elif self.talk.too_many():
            error = "too many calls at once"
        else:
            try:
                result = tool.used(self._with(f"tool/{name}", arguments), arguments, self._now)
            except FlowFailure as failure:
                if failure.handle == "timeout" and self._cut_short:
                    raise
                error, result = failure.message, self._body_of(failure)
        self.talk.answered(call, arguments, result, error)

    def _body_of(self, failure: FlowFailure) -> Json:
        return agent_tools.shortened(failure.details.get("body"), self._around.redactor)

    def _with(self, what: str, content: Json) -> Circumstances:
        return replace(
            self._around,
            timeout=max(self._left, _LEAST_SECONDS),
            idempotency_key=self.talk.key_of(what, content),
        )

    @property
    def _now(self) -> datetime:
        return self._around.now + timedelta(seconds=self._clock() - self._began)


def _opening(values: Mapping[str, Any]) -> list[Mapping[str, Json]]:
    system = [{"role": "system", "content": values["system_prompt"]}] if values["system_prompt"] else []
    return [*system, {"role": "user", "content": values["prompt"]}]


def _arguments(written: str) -> Json:
    """The map, or the text if it is none. Nothing is no arguments."""
    try:
        return exact_json.received(written) if written.strip() else {}
    except ValueError:
        return written


def _lines(result: Mapping[str, Any]) -> Iterator[Line]:
    for used in result["intermediate_results"]:
        data = {"step": used["step"], "tool": used["tool"]}
        if used["error"]:
            yield Line(Level.WARN, "Agent tool failed", {**data, "error": used["error"]})
        else:
            yield Line(Level.INFO, "Agent tool used", data)
    yield Line(Level.INFO, "Agent finished", {"steps": result["steps"], "usage": result["usage"]})
