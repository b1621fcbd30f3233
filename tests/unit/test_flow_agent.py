"""`agent`: steps, tools, checkpoints and failures (FlowRunner spec d.8)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed, CallTimedOut, OutboundRequest, OutboundResponse
from flowker.model.run import Level
from flowker.model.sql import SqlResult, SqlStatement
from flowker.nodes.flow.agent import Agent
from flowker.nodes.flow.base import Done, FlowFailure, Pause, Shape
from flowker.nodes.flow.http_request import HttpRequest
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from tests.flow_nodes import Database, World, problems, response
from tests.models import KEY, TRACK, anthropic, asks, call, openai, written

TOOL: dict[str, Any] = {
    **TRACK["function"],  # type: ignore[dict-item]
    "node": "http.request",
    "params": {
        "url": "https://parcels.example.com/${args.code}",
        "bearer_token": "${secrets.PARCELS}",
        "query_params": {"desk": "${input.desk}"},
    },
}
ASK: dict[str, Any] = {"api_key": KEY, "model": "m", "prompt": "Where is P-1?", "tools": [TOOL]}
Answer = OutboundResponse | Exception


@dataclass
class Outside:
    """A model and the services behind tools; each answers what is next, after so many seconds on the clock."""

    said: Iterable[Any]
    tool: Answer = field(default_factory=lambda: response(body=b'{"place":"Basel"}'))
    seconds: float = 0.0
    now: float = 0.0
    asked: list[OutboundRequest] = field(default_factory=list)
    used: list[OutboundRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._said = iter(self.said)

    def send(self, request: OutboundRequest) -> OutboundResponse:
        self.now += self.seconds
        if "/v1/" in request.url:
            self.asked.append(request)
            answer = next(self._said)
            answer = answer if isinstance(answer, Exception) else response(body=written(answer))
        else:
            self.used.append(request)
            answer = self.tool
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self, params: Json, state: Json = None, timeout: float = 60.0) -> Done | Pause:
        world = World(input={"desk": "north"}, secrets={"PARCELS": "t0ken"}, send=self.send, timeout=timeout)
        outcome = Agent([HttpRequest()], lambda: self.now).run(world.around(params, state))
        if isinstance(outcome, Pause):
            exact_json.dumps(outcome.state)
        return outcome

    def told(self, index: int) -> Any:
        """The messages of a request to the model."""
        return exact_json.loads(self.asked[index].body or b"")["messages"]


def done(outside: Outside, params: Json = ASK, **more: Any) -> Done:
    outcome = outside.run({**params, **more})
    assert isinstance(outcome, Done)
    return outcome


def failure(outside: Outside, **more: Any) -> FlowFailure:
    with pytest.raises(FlowFailure) as failed:
        outside.run({**ASK, **more})
    return failed.value


def test_a_model_that_needs_no_tool_answers_at_once() -> None:
    outside = Outside([openai()])
    found = done(outside, system_prompt="Be brief.")
    assert found.value == {
        "response": "Hello!",
        "steps": 1,
        "thinking": "",
        "intermediate_results": [],
        "conversation": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where is P-1?"},
            {"role": "assistant", "content": "Hello!"},
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    assert found.shared == {"agent_result": found.value}
    assert found.action == "default"


def test_a_tool_is_used_and_its_result_is_told() -> None:
    outside = Outside([asks(call(), content="Let me look."), openai()])
    found: Any = done(outside).value
    used = outside.used[0]
    assert used.url == "https://parcels.example.com/P-1?desk=north"
    assert used.auth == {"type": "bearer", "config": {"token": "t0ken"}}
    result = {"status_code": 200, "body": {"place": "Basel"}, "success": True}
    assert outside.told(1) == [
        {"role": "user", "content": "Where is P-1?"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "call_1", "content": exact_json.readable(result)},
    ]
    assert found["intermediate_results"] == [
        {"step": 1, "tool": "track", "arguments": {"code": "P-1"}, "result": result, "error": None}
    ]
    assert (found["response"], found["steps"], found["thinking"]) == ("Hello!", 2, "Let me look.")
    assert found["usage"]["total_tokens"] == 36


def test_a_database_is_a_tool_whose_statement_the_model_cannot_change() -> None:
    find = {
        "name": "find_customer",
        "node": "postgres",
        "params": {
            "host": "db.example.com",
            "user": "desk",
            "operation": "execute",
            "query": "SELECT city FROM customers WHERE name = $1",
            "args": ["${args.name}"],
        },
    }
    asked = call("find_customer", '{"name": "x\'; DROP TABLE customers; --", "query": "DELETE"}')
    outside = Outside([asks(asked), openai()])
    database = Database([SqlResult([{"city": "Basel"}], 1)])
    world = World(send=outside.send, sql=database)
    outcome = world.done("agent", {**ASK, "tools": [find]})
    ((server, statements, _),) = database.asked
    assert server.host == "db.example.com"
    wanted = "SELECT city FROM customers WHERE name = $1"
    assert statements == [SqlStatement(wanted, ["x'; DROP TABLE customers; --"])]
    assert outcome.value["intermediate_results"][0]["result"] == [{"city": "Basel"}]


def test_the_model_is_told_its_tools() -> None:
    outside = Outside([openai()])
    done(outside, tools=[{**TOOL, "description": "For desk ${input.desk}"}])
    told = exact_json.loads(outside.asked[0].body or b"")
    assert [tool["function"]["name"] for tool in told["tools"]] == ["get_current_time", "track"]
    assert told["tools"][1]["function"] == {
        "name": "track",
        "description": "For desk north",
        "parameters": TOOL["parameters"],
    }


def test_anthropic_can_use_tools_too() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "track", "input": {"code": "P-1"}}
    outside = Outside([anthropic(use, reason="tool_use"), anthropic()])
    assert done(outside, provider="anthropic").value["response"] == "Hello!"
    _, assistant, user = outside.told(1)
    assert assistant["content"] == [use]
    assert (user["content"][0]["type"], user["content"][0]["tool_use_id"]) == ("tool_result", "toolu_1")


def test_the_time_is_always_there_to_ask_for() -> None:
    outside = Outside([asks(call("get_current_time", "")), openai()], seconds=1.5)
    found: Any = done(outside).value
    assert found["intermediate_results"][0]["result"] == {"time": "2026-03-01T12:00:01.500000Z"}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (call("nothing"), "there is no tool nothing"),
        (call(arguments="[1]"), "the arguments are not a JSON object"),
        (call(arguments="{"), "the arguments are not a JSON object"),
        (call(arguments='{"code":{"a":null}}'), None),
    ],
)
def test_what_cannot_be_called_is_told_to_the_model(asked: dict[str, Any], error: str | None) -> None:
    outside = Outside([asks(asked), openai()])
    found: Any = done(outside)
    assert found.value["intermediate_results"][0]["error"] == error
    if error:
        assert outside.told(1)[-1]["content"] == exact_json.readable({"error": error})
        assert found.logs[0].level is Level.WARN
        assert found.logs[0].data == {"step": 1, "tool": asked["function"]["name"], "error": error}


@pytest.mark.parametrize(
    ("answer", "error", "result"),
    [
        (response(404, b'{"why":"unknown"}'), "HTTP request failed with status 404", {"why": "unknown"}),
        (CallTimedOut("request failed: timed out after 30 s"), "request failed: timed out after 30 s", None),
        (CallFailed("destination blocked"), "destination blocked", None),
    ],
)
def test_a_tool_that_fails_does_not_fail_the_agent(answer: Answer, error: str, result: Json) -> None:
    outside = Outside([asks(call()), openai()], tool=answer)
    found: Any = done(outside).value
    assert found["response"] == "Hello!"
    (used,) = found["intermediate_results"]
    assert (used["error"], used["result"]) == (error, result)


def test_several_tools_at_once_are_answered_in_order() -> None:
    calls = [call(id_=None), call("get_current_time", "{}", None), call(arguments='{"code":"P-2"}', id_="c")]
    outside = Outside([asks(*calls), openai()])
    found: Any = done(outside).value
    assert [request.url[-14:] for request in outside.used] == ["P-1?desk=north", "P-2?desk=north"]
    ids = [message["tool_call_id"] for message in outside.told(1)[2:]]
    assert ids == ["call_1_0", "call_1_1", "c"]
    assert [used["tool"] for used in found["intermediate_results"]] == ["track", "get_current_time", "track"]


def test_too_many_calls_at_once_are_not_made() -> None:
    outside = Outside([asks(*[call(id_=str(number)) for number in range(20)]), openai()])
    found: Any = done(outside).value
    assert len(outside.used) == 16
    errors = [used["error"] for used in found["intermediate_results"]]
    assert errors[15:] == [None, *["too many calls at once"] * 4]


def test_more_than_max_steps_is_a_failure_and_the_last_call_is_not_made() -> None:
    outside = Outside([asks(call()) for _ in range(5)])
    found = failure(outside, max_steps=2)
    assert (found.message, found.retryable) == ("the agent has no answer after 2 steps", False)
    assert (len(outside.asked), len(outside.used), found.details["steps"]) == (2, 1, 2)


def test_the_last_step_may_be_the_answer() -> None:
    assert done(Outside([asks(call()), openai()]), max_steps=2).value["steps"] == 2


def test_long_results_are_cut() -> None:
    large = response(body=b'{"x":"' + b"y" * 100_000 + b'"}')
    outside = Outside([asks(call()), openai()], tool=large)
    content = done(outside).value["conversation"][2]["content"]
    assert (len(content), content[-7:]) == (32 * 1024 + 7, "… (cut)")


def test_a_conversation_has_an_end() -> None:
    large = response(body=b'{"x":"' + b"y" * 100_000 + b'"}')
    calls = [call(id_=str(number)) for number in range(16)]
    found = failure(Outside([asks(*calls), asks(*calls)], tool=large), max_steps=100)
    assert found.message == "the conversation of the agent is larger than 1 MiB"


def test_headers_and_raw_texts_are_kept_from_the_model() -> None:
    answer = response(headers={"Set-Cookie": "a=1", "Content-Type": "application/json"})
    outside = Outside([asks(call()), openai()], tool=answer)
    assert "Set-Cookie" not in exact_json.readable(done(outside).value)


# --- checkpoints ----------------------------------------------------------------------------------------------------


def test_a_visit_takes_steps_until_half_of_its_time_is_gone() -> None:
    outside = Outside([asks(call()), asks(call()), openai()], seconds=11)
    pause = outside.run(ASK)
    assert isinstance(pause, Pause)
    assert (pause.seconds, len(outside.asked), len(outside.used)) == (1.0, 2, 1)
    assert pause.state["steps"] == 2
    found = outside.run(ASK, pause.state)
    assert isinstance(found, Done)
    assert (found.value["steps"], len(outside.asked), len(outside.used)) == (3, 3, 2)
    assert [message["role"] for message in found.value["conversation"]] == [
        "user", "assistant", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert found.value["usage"]["prompt_tokens"] == 33


def test_a_step_gets_the_time_that_is_left() -> None:
    outside = Outside([asks(call()), openai()], seconds=8)
    done(outside)
    assert [request.timeout for request in outside.asked] == [60.0, 44.0]
    assert outside.used[0].timeout == 30.0


@pytest.mark.parametrize("seconds", [0.0, 31.0])
def test_only_a_step_whose_time_was_cut_short_is_repeated(seconds: float) -> None:
    outside = Outside([asks(call()), CallTimedOut("timed out"), openai()], seconds=15)

    def slow(request: OutboundRequest) -> OutboundResponse:
        if len(outside.asked) == 1 and "/v1/" in request.url:
            outside.now += seconds
        return outside.send(request)

    world = World(input={}, secrets={"PARCELS": "t"}, send=slow)
    agent = Agent([HttpRequest()], lambda: outside.now)
    if not seconds:
        with pytest.raises(FlowFailure) as failed:
            agent.run(world.around({**ASK, "timeout": 20}))
        assert failed.value.handle == "timeout"
        return
    pause = agent.run(world.around(ASK))
    assert isinstance(pause, Pause)
    assert (pause.state["steps"], len(outside.asked)) == (1, 2)
    outcome = agent.run(world.around(ASK, pause.state))
    assert isinstance(outcome, Done)
    assert [request.headers["Idempotency-Key"] for request in outside.asked[1:]] == [
        outside.asked[1].headers["Idempotency-Key"]
    ] * 2


def test_a_repeated_call_has_the_key_that_it_had_and_another_one_has_its_own() -> None:
    def keys(*said: Any) -> list[str]:
        post = {**TOOL, "params": {**TOOL["params"], "method": "POST"}}
        outside = Outside([*said, openai()])
        done(outside, tools=[post])
        return [request.headers["Idempotency-Key"] for request in (*outside.asked, *outside.used)]

    first, again = keys(asks(call(), call(id_="c2"))), keys(asks(call(), call(id_="c2")))
    assert first == again
    assert len(set(first)) == 4
    other = keys(asks(call(arguments='{"code":"P-9"}')))
    assert (other[0], other[2] in first) == (first[0], False)


def test_a_failure_of_the_model_is_one_of_the_node() -> None:
    assert failure(Outside([CallTimedOut("timed out")])).handle == "timeout"
    outside = Outside([])
    refused = response(401, written({"error": {"message": f"no {KEY}"}}))
    world = World(send=lambda request: refused)
    found = world.failure("agent", {**ASK, "tools": None})
    assert (found.message, found.details["status_code"]) == ("LLM API error: status 401: no ***", 401)
    assert outside.asked == []


def test_the_log_tells_the_tools_that_were_used() -> None:
    found = done(Outside([asks(call()), openai()]))
    assert [(line.level, line.message, line.data) for line in found.logs] == [
        (Level.INFO, "Agent tool used", {"step": 1, "tool": "track"}),
        (Level.INFO, "Agent finished", {"steps": 2, "usage": found.value["usage"]}),
    ]


# --- params ---------------------------------------------------------------------------------------------------------


def tool(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    changed = {**TOOL, "params": {**TOOL["params"]}}
    change(changed)
    return changed


@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ("${input.tools}", [("invalid_param", "tools")]),
        ([tool(lambda it: it.pop("name"))], [("invalid_param", "tools.0.name")]),
        ([tool(lambda it: it.update(name="a b"))], [("invalid_param", "tools.0.name")]),
        ([TOOL, TOOL], [("invalid_param", "tools.1.name")]),
        ([tool(lambda it: it.pop("node"))], [("missing_param", "tools.0.node")]),
        ([tool(lambda it: it.update(node="transform"))], [("invalid_param", "tools.0.node")]),
        ([tool(lambda it: it.update(node="agent"))], [("invalid_param", "tools.0.node")]),
        ([tool(lambda it: it.update(node=[]))], [("invalid_param", "tools.0.node")]),
        ([tool(lambda it: it["params"].pop("url"))], [("missing_param", "tools.0.params.url")]),
        ([tool(lambda it: it["params"].update(timeout="x"))], [("invalid_duration", "tools.0.params.timeout")]),
        ([tool(lambda it: it["params"].update(url="${args"))], [("invalid_param", "tools.0.params.url")]),
        ([tool(lambda it: it.update(params=7))], [("invalid_param", "tools.0.params")]),
        ([{"name": "get_current_time"}, TOOL], []),
        ([{"name": "ask", "node": "mcp", "params": {"operation": "listTools"}}],
         [("unsupported", "tools.0.params.connectionType")]),
        ([], []),
    ],
)  # fmt: skip
def test_tools_are_judged_when_a_flow_is_saved(tools: Json, found: list[tuple[str, str]]) -> None:
    assert problems("agent", {**ASK, "tools": tools}) == found


def test_tools_that_a_hook_has_made_are_judged_when_the_node_runs() -> None:
    found = failure(Outside([]), tools=[{"name": "x"}])
    assert found.message == 'param "tools.0.node" is required: the type of node that does the work'
    assert not found.retryable


def test_the_code_in_tools_is_known_so_that_it_is_checked_and_its_secrets_are_loaded() -> None:
    kind = FLOW_NODE_TYPES["agent"]
    assert kind.raw == {"tools"}
    assert kind.shape(ASK) is Shape.WAITING
    assert kind.scripts(ASK) == [
        ("tools.0.params.url", "args.code", "expression"),
        ("tools.0.params.bearer_token", "secrets.PARCELS", "expression"),
        ("tools.0.params.query_params.desk", "input.desk", "expression"),
    ]


@pytest.mark.parametrize("name", ["prompt", "user_prompt"])
def test_a_prompt_has_two_names(name: str) -> None:
    params = {"api_key": KEY, "model": "m", name: "Hi"}
    assert problems("agent", params) == []
    outside = Outside([openai()])
    done(outside, params)
    assert outside.told(0) == [{"role": "user", "content": "Hi"}]
    assert problems("agent", {"api_key": KEY, "model": "m"}) == [("missing_param", "prompt")]


def test_an_answer_without_words_is_an_empty_one() -> None:
    assert done(Outside([anthropic(content=[])]), provider="anthropic").value["response"] == ""
