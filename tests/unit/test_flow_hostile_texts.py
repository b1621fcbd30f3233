"""What others write into a run is bounded, and secrets stay hidden in what is cut (FlowRunner spec c.4, d, f)."""

from collections.abc import Mapping

import pytest

from flowker.adapters.postgres_values import value_of
from flowker.expressions.scripts.limits import LOG_LINE_BYTES
from flowker.model import exact_json
from flowker.model.exact_json import MOST_LEVELS, Json
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse
from flowker.model.redaction import Redactor
from flowker.nodes.flow.agent_tools import MOST_SAID, shortened
from flowker.nodes.flow.dynamodb_api import read
from flowker.nodes.flow.structured import structured
from flowker.usecases.flow_worker.delivery import MOST_ACTION
from flowker.wiring.runs import run_store
from tests.flow_bench import FlowBench, Ran
from tests.flow_nodes import World, response
from tests.flow_samples import flow

SECRET = "hunter2-hunter2"
DEEP = "[" * (MOST_LEVELS + 50) + "]" * (MOST_LEVELS + 50)
KNOWN = Redactor([SECRET])
OPENAI: dict[str, Json] = {"api_key": "key-of-a-provider", "model": "m", "prompt": "hello"}


def recorded(ran: Ran) -> str:
    """All that is kept of the run's first step, and all that was told."""
    return str(run_store().steps(ran.view.execution.id, ["1"])) + str(ran.events) + str(ran.error)


# --- actions ------------------------------------------------------------------------------------------------------------


def routed_to(code: str) -> str:
    return flow(
        {
            "check": {
                "type": "condition",
                "params": {"condition_script": code},
                "next": {"up": "other"},
            },
            "other": {"type": "base"},
        },
        start="check",
    )


def test_a_long_action_without_a_way_on_is_cut_in_the_log() -> None:
    ran = FlowBench().run(routed_to("return 'x'.repeat(150000);"))
    assert ran.status == "completed"
    (line,) = [event for event in ran.events if event.level == "warn"]
    assert line.message == f"No way on for action {'x' * MOST_ACTION}"
    assert line.data == {"action": "x" * MOST_ACTION}
    assert len(recorded(ran)) < 20_000


def test_an_action_is_cut_where_no_half_of_a_secret_remains() -> None:
    bench = FlowBench()
    bench.secret("TOKEN", SECRET)
    ran = bench.run(routed_to(f"return 'x'.repeat({MOST_ACTION - 6}) + secrets.TOKEN;"))
    assert "hunter" not in recorded(ran)


# --- signals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["${secrets.TOKEN}", "for ${secrets.TOKEN}"])
def test_a_signal_whose_key_contains_a_secret_fails_the_node(key: str) -> None:
    bench = FlowBench()
    bench.secret("TOKEN", SECRET)
    wait = {
        "type": "wait",
        "params": {"type": "event", "key": key, "timeout": "1m"},
        "retry": {"max_retries": 2, "wait": "0"},
    }
    ran = bench.run(flow({"first": wait}))
    assert ran.status == "failed"
    assert ran.error == "the key of the signal contains the value of a secret"
    assert ran.logs("warn") == []
    assert "hunter" not in recorded(ran)


# --- deep JSON ----------------------------------------------------------------------------------------------------------


def test_a_deep_answer_of_a_model_is_a_failure() -> None:
    body = f'{{"choices": {DEEP}}}'.encode()
    failure = World(answer=response(200, body)).failure("llm", OPENAI)
    assert failure.message == "LLM API error: the answer is not JSON"


@pytest.mark.parametrize("text", [DEEP, f"```json\n{DEEP}\n```", f"a: {DEEP}"])
def test_a_deep_part_of_a_models_answer_is_no_data(text: str) -> None:
    assert structured(text) is None


def test_a_deep_dialogue_is_refused_before_it_is_told_to_a_model() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": f'{{"a": {DEEP}}}'}}
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]
    failure = World().failure("llm", {**OPENAI, "provider": "anthropic", "messages": messages})
    assert failure.message.startswith('param "messages" has a tool call whose arguments')
    assert not failure.retryable


def test_a_deep_answer_of_an_mcp_server_is_a_failure() -> None:
    body = f'{{"jsonrpc": "2.0", "id": 1, "result": {{"x": {DEEP}}}}}'.encode()
    params: dict[str, Json] = {"url": "https://mcp.example.com", "operation": "listTools"}
    failure = World(answer=response(200, body)).failure("mcp", params)
    assert failure.message == "MCP error: the answer is no answer in JSON-RPC"


DYNAMODB: dict[str, Json] = {
    "operation": "get", "table_name": "t", "region": "eu-west-1", "access_key": "a", "secret_key": "s", "key": "k",
}  # fmt: skip


@pytest.mark.parametrize("attribute", [f'{{"N": "{DEEP}"}}', f'{{"L": {DEEP}}}'])
def test_a_deep_answer_of_dynamodb_is_a_failure(attribute: str) -> None:
    body = f'{{"Item": {{"value": {attribute}}}}}'.encode()
    failure = World(answer=response(200, body)).failure("dynamodb", DYNAMODB)
    assert "answer" in failure.message


@pytest.mark.parametrize("attribute", [{"N": "[1]"}, {"N": "null"}, {"NS": ['"1"']}, {"NS": 5}, {"L": 5}])
def test_what_is_no_number_of_dynamodb_is_not_read(attribute: Json) -> None:
    with pytest.raises(ValueError, match="not an attribute"):
        read(attribute)


@pytest.mark.parametrize(("text", "kind"), [(DEEP, 114), (DEEP, 3802), (f'{{"{DEEP}"}}', 3807)])
def test_a_deep_json_column_of_postgres_is_a_failure_for_good(text: str, kind: int) -> None:
    with pytest.raises(CallFailed, match="nested too deeply") as failed:
        value_of(text, kind)
    assert not isinstance(failed.value, CallFailedForNow)


# --- what is cut --------------------------------------------------------------------------------------------------------

SAID = "x" * 493 + SECRET
"""Cut after 500 characters it ends with the beginning of the secret."""


def mcp(result: Mapping[str, Json]) -> OutboundResponse:
    return response(200, exact_json.dumps({"jsonrpc": "2.0", **result}).encode())


def tool_of_mcp(answer: Mapping[str, Json]) -> World:
    """A server that shakes hands, and then answers a request so."""

    def send(request: OutboundRequest) -> OutboundResponse:
        asked = exact_json.loads(request.body or b"{}")
        if asked.get("method") == "initialize":
            return mcp({"id": 1, "result": {"protocolVersion": "2025-11-25"}})
        return mcp({"id": asked.get("id"), **answer})

    return World(send=send, redactor=KNOWN)


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"isError": True, "content": [{"type": "text", "text": SAID}]}},
        {"error": {"code": -32000, "message": SAID}},
    ],
)
def test_no_half_of_a_secret_is_left_of_what_an_mcp_server_says(answer: Mapping[str, Json]) -> None:
    params: dict[str, Json] = {
        "url": "https://mcp.example.com", "operation": "executeTool", "toolName": "t"
    }  # fmt: skip
    failure = tool_of_mcp(answer).failure("mcp", params)
    assert "xxx" in failure.message
    assert "hun" not in failure.message


@pytest.mark.parametrize("status", [200, 400])
def test_no_half_of_a_secret_is_left_of_what_a_provider_says(status: int) -> None:
    body = exact_json.dumps({"error": {"message": SAID}}).encode()
    failure = World(answer=response(status, body), redactor=KNOWN).failure("llm", OPENAI)
    assert "xxx" in failure.message
    assert "hun" not in failure.message


def test_no_half_of_a_secret_is_left_of_what_ses_says() -> None:
    params: dict[str, Json] = {
        "ses": True, "access_key": "id", "secret_key": "the-key", "from": "a@example.com", "to": "b@example.com",
        "subject": "s", "body": "b",
    }  # fmt: skip
    body = exact_json.dumps({"message": "x" * 293 + SECRET}).encode()
    failure = World(answer=response(400, body), redactor=KNOWN).failure("email.send", params)
    assert "xxx" in failure.message
    assert "hun" not in failure.message


def test_no_half_of_a_secret_is_left_at_the_end_of_an_answer_that_was_cut() -> None:
    cut = response(200, b"x" * 100 + b"hunter2-hun", {"Content-Type": "text/plain"}, cut=True)
    result = World(answer=cut, redactor=KNOWN).done("http.request", {"url": "https://api.example.com"}).value
    assert result["raw_body"] == result["body"] == "x" * 100 + "***"


def test_an_answer_that_was_not_cut_keeps_its_end() -> None:
    whole = response(200, b"hunter2-hun", {"Content-Type": "text/plain"})
    result = (
        World(answer=whole, redactor=KNOWN).done("http.request", {"url": "https://api.example.com"}).value
    )
    assert result["raw_body"] == "hunter2-hun"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ab hunter2-hunter", "ab ***"),
        ("ab hunt", "ab ***"),
        ("ab hun", "ab hun"),
        ("hunter2-hunter2 x", "*** x"),
        ("hunter2-hunter2", "***"),
        ("hunter2-hunter2hunter", "******"),
    ],
)
def test_the_beginning_of_a_value_at_the_end_of_a_cut_text_is_hidden(text: str, shown: str) -> None:
    assert KNOWN.beginning(text) in (shown, shown.replace("******", "***"))


@pytest.mark.parametrize("code", ["console.log(said); return {};", "throw new Error(said);"])
def test_no_half_of_a_secret_is_left_of_what_a_script_says(code: str) -> None:
    bench = FlowBench()
    bench.secret("TOKEN", SECRET)
    said = f"const said = 'x'.repeat({LOG_LINE_BYTES - 7}) + secrets.TOKEN + 'y'.repeat(9); "
    ran = bench.run(flow({"first": {"type": "transform", "params": {"script": said + code}}}))
    assert "xxx***" in recorded(ran)
    assert "hunter" not in recorded(ran)


def test_a_tools_long_result_is_cut_where_no_half_of_a_secret_remains() -> None:
    text = "x" * (MOST_SAID - 7) + SECRET + "y" * 100
    assert "hun" not in str(shortened({"body": text[9:]}, KNOWN))
    assert "hun" not in str(shortened(text, KNOWN))
