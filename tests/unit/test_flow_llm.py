"""`llm`: what is asked, what comes back, what goes wrong (FlowRunner spec d.7)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut, OutboundRequest
from flowker.model.run import Level
from flowker.nodes.flow.base import Done, FlowFailure
from tests.flow_nodes import World, problems, response
from tests.models import KEY, TRACK, anthropic, asks, call, openai, written

ASK: dict[str, Any] = {"api_key": KEY, "model": "m"}
CLAUDE = {**ASK, "provider": "anthropic"}
PROMPT = {"prompt": "Hi"}


def sent(params: dict[str, Any], data: Json = None, shared: Json = None) -> OutboundRequest:
    anthropics = params.get("provider") == "anthropic"
    answer = response(body=written(anthropic() if anthropics else openai()))
    world = World(input=data, shared=shared or {}, answer=answer)
    world.done("llm", {**ASK, **params})
    return world.sent[0]


def body(params: dict[str, Any], data: Json = None, shared: Json = None) -> Any:
    return exact_json.loads(sent(params, data, shared).body or b"")


def messages(params: dict[str, Any], data: Json = None, shared: Json = None) -> Any:
    return body(params, data, shared)["messages"]


def done(answer: Any, **params: Any) -> Done:
    return World(answer=response(body=written(answer))).done("llm", {**ASK, **PROMPT, **params})


def failure(status: int, answer: Any, **params: Any) -> FlowFailure:
    content = answer if isinstance(answer, bytes) else written(answer)
    return World(answer=response(status, content)).failure("llm", {**ASK, **PROMPT, **params})


# --- where to and as whom -------------------------------------------------------------------------------------------


def test_openai_is_the_default() -> None:
    request = sent(PROMPT)
    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert request.auth == {"type": "bearer", "config": {"token": KEY}}
    assert (request.timeout, request.follow_redirects, request.cut) == (60.0, False, True)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == "step-key"
    assert exact_json.loads(request.body or b"") == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": Decimal("0.7"),
    }


def test_anthropic_has_its_own_place_header_and_default() -> None:
    request = sent({**CLAUDE, **PROMPT})
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.auth == {"type": "api_key", "config": {"value": KEY, "key": "x-api-key"}}
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert exact_json.loads(request.body or b"") == {
        "model": "m",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": Decimal("0.7"),
    }


@pytest.mark.parametrize(
    ("params", "url"),
    [
        ({"base_url": "http://llm.example.com"}, "http://llm.example.com/v1/chat/completions"),
        ({"base_url": "http://llm.example.com/"}, "http://llm.example.com/v1/chat/completions"),
        (
            {"base_url": "http://llm.example.com/openai/v1"},
            "http://llm.example.com/openai/v1/chat/completions",
        ),
        ({"base_url": "http://a.example.com/d?v=1"}, "http://a.example.com/d/v1/chat/completions?v=1"),
        ({"options": {"base_url": "http://a.example.com"}}, "http://a.example.com/v1/chat/completions"),
        (
            {"base_url": "http://a.example.com", "options": {"base_url": "http://b.example.com"}},
            "http://a.example.com/v1/chat/completions",
        ),
        ({"provider": "groq", "options": {"base_url": "http://a", "endpoint": "/chat"}}, "http://a/chat"),
        (
            {"provider": "groq", "base_url": "http://a/v1", "options": {"endpoint": "chat"}},
            "http://a/v1/chat",
        ),
        ({"provider": "anthropic", "base_url": "http://a"}, "http://a/v1/messages"),
    ],
)
def test_a_base_url_is_joined_with_the_endpoint(params: dict[str, Any], url: str) -> None:
    assert sent({**PROMPT, **params}).url == url


def test_options_win_and_null_leaves_out() -> None:
    options = {"temperature": None, "seed": 7, "model": "other", "base_url": "http://a", "endpoint": "/x"}
    assert body({**PROMPT, "options": options}).keys() == {"model", "messages", "seed"}
    assert body({**PROMPT, "options": options})["model"] == "other"


def test_all_settings_of_openai_are_sent() -> None:
    given = {
        "temperature": 0,
        "max_tokens": 300,
        "stop": ["END"],
        "tools": [TRACK],
        "functions": [{"name": "f"}],
        "response_format": {"type": "json_object"},
    }
    assert body({**PROMPT, **given}) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        **given,
    }


def test_a_timeout_is_never_longer_than_that_of_the_node() -> None:
    assert sent({**PROMPT, "timeout": "2m"}).timeout == 60.0
    assert sent({**PROMPT, "timeout": 5}).timeout == 5.0


# --- prompts --------------------------------------------------------------------------------------------------------


def test_templates_go_before_messages_prompt_and_template() -> None:
    given: dict[str, Any] = {
        "templates": [
            {"role": "system", "template": "Desk {{.desk.name}}"},
            {"role": "user", "template": "{{ .mail }}!"},
        ],
        "context": {"desk": {"name": "A"}, "mail": "Lost"},
        "messages": [{"role": "user", "content": "m"}],
        "prompt": "p",
        "template": "t {{.x}}",
        "variables": {"x": 1},
    }
    expected: list[Any] = [
        [{"role": "system", "content": "Desk A"}, {"role": "user", "content": "Lost!"}],
        [{"role": "user", "content": "m"}],
        [{"role": "user", "content": "p"}],
        [{"role": "user", "content": "t 1"}],
    ]
    for name, said in zip(("templates", "messages", "prompt", "template"), expected, strict=True):
        assert messages(given) == said
        del given[name]


@pytest.mark.parametrize(
    ("template", "variables", "text"),
    [
        ("{{.a}}{{.a}}", {"a": "x"}, "xx"),
        ("{{.a.b.c}}", {"a": {"b": {"c": Decimal("1.50")}}}, "1.50"),
        ("<{{.a}}>", {}, "<>"),
        ("<{{.a.b}}>", {"a": "text"}, "<>"),
        ("{{.a}}", {"a": ["ü"]}, '["ü"]'),
        ("{{.a}}", {"a": "{{.b}}", "b": "no"}, "{{.b}}"),
        ("{ {.a} }}", {"a": 1}, "{ {.a} }}"),
        ("{{.grüße}}", {"grüße": "x"}, "x"),
    ],
)
def test_a_template_is_filled_in_once(template: str, variables: Json, text: str) -> None:
    assert messages({"template": template, "variables": variables, "role": "system"}) == [
        {"role": "system", "content": text}
    ]


@pytest.mark.parametrize(
    "template",
    [
        "{{if .a}}x{{end}}",
        "{{range .a}}",
        "{{.}}",
        "{{.a | upper}}",
        "{{a}}",
        "{{- .a}}",
        "{{.a[0]}}",
        "{{",
        "{{.a}",
    ],
)
def test_other_constructs_of_templates_are_refused(template: str) -> None:
    assert problems("llm", {**ASK, "template": template}) == [("invalid_param", "template")]
    several = {**ASK, "templates": [{"role": "user", "template": template}]}
    assert problems("llm", several) == [("invalid_param", "templates.0.template")]
    found = World().failure("llm", {**ASK, "template": template})
    assert (found.message.split('"')[1], found.retryable) == ("template", False)


def test_the_question_of_the_run_is_asked_where_there_is_no_prompt() -> None:
    question = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Why?"},
    ]
    assert messages({}, {"question": "Why?"}) == question
    assert messages({}, None, {"question": "Why?"}) == question
    assert messages(PROMPT, {"question": "Why?"}) == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("data", [{}, {"question": ""}, {"question": " "}, {"question": 7}, None, "text"])
def test_without_any_prompt_the_node_fails(data: Json) -> None:
    found = World(input=data).failure("llm", ASK)
    assert (found.message.startswith('param "prompt" is required'), found.retryable) == (True, False)


# --- Anthropic's form -----------------------------------------------------------------------------------------------


def test_a_dialogue_with_tools_is_told_to_anthropic_in_its_own_form() -> None:
    dialogue = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where are they?"},
        {"role": "assistant", "content": "Looking.", "tool_calls": [call(), call("now", "", "call_2")]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Basel"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Noon"},
        {"role": "user", "content": "And now?"},
        {"role": "developer", "content": [{"type": "text", "text": "No tables."}]},
    ]
    found = body({**CLAUDE, "messages": dialogue, "tools": [TRACK], "stop": ["END"], "max_tokens": 50})
    assert found["system"] == "Be brief.\n\nNo tables."
    assert found["messages"] == [
        {"role": "user", "content": "Where are they?"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "call_1", "name": "track", "input": {"code": "P-1"}},
                {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "Basel"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "Noon"},
                {"type": "text", "text": "And now?"},
            ],
        },
    ]
    function = TRACK["function"]
    assert isinstance(function, dict)
    assert found["tools"] == [
        {"name": "track", "description": "Where is it?", "input_schema": function["parameters"]}
    ]
    assert (found["stop_sequences"], found["max_tokens"]) == (["END"], 50)


def test_tools_are_understood_in_either_form() -> None:
    own = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    function = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
    }
    assert body({**PROMPT, "tools": [own, search]})["tools"] == [function, search]
    assert body({**CLAUDE, **PROMPT, "tools": [own, search]})["tools"] == [own, search]
    bare = {**CLAUDE, **PROMPT, "functions": [{"name": "g"}]}
    assert body(bare)["tools"] == [{"name": "g", "input_schema": {"type": "object", "properties": {}}}]


def test_images_are_told_to_anthropic() -> None:
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.example.com/1"}},
    ]
    assert messages({**CLAUDE, "messages": [{"role": "user", "content": parts}]})[0]["content"] == [
        parts[0],
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
        {"type": "image", "source": {"type": "url", "url": "https://pictures.example.com/1"}},
    ]


@pytest.mark.parametrize("arguments", ["[1]", "{", 7])
def test_a_call_that_anthropic_cannot_be_told_fails(arguments: Json) -> None:
    dialogue = [{"role": "assistant", "tool_calls": [call(arguments=arguments)]}]
    found = World().failure("llm", {**CLAUDE, "messages": dialogue})
    assert (found.message[:16], found.retryable) == ('param "messages"', False)


# --- results --------------------------------------------------------------------------------------------------------


def test_an_answer_of_openai_becomes_the_result() -> None:
    answer = openai()
    found = done(answer)
    assert found.action == "default"
    assert found.value == {
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini-2024",
        "choices": answer["choices"],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        "content": "Hello!",
        "finish_reason": "stop",
        "has_tool_calls": False,
        "tool_calls": [],
        "raw_response": answer,
    }
    assert found.shared == {"llm_result": found.value}


def test_an_answer_of_anthropic_becomes_the_same_result() -> None:
    used = {
        "input_tokens": 5,
        "cache_read_input_tokens": 6,
        "cache_creation_input_tokens": None,
        "output_tokens": 7,
    }
    text = {"type": "text", "text": "Looking."}
    use = {"type": "tool_use", "id": "toolu_1", "name": "track", "input": {"code": "P-1"}}
    answer = anthropic({"type": "thinking", "thinking": "?"}, text, use, text, reason="tool_use", usage=used)
    found: Any = done(answer, provider="anthropic").value
    calls = [call(id_="toolu_1")]
    assert found == {
        "id": "msg_1",
        "model": "claude-sonnet-4-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Looking.", "tool_calls": calls},
                "finish_reason": "tool_use",
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        "content": "Looking.",
        "finish_reason": "tool_use",
        "has_tool_calls": True,
        "tool_calls": calls,
        "raw_response": answer,
    }


def test_tool_calls_of_openai_are_found() -> None:
    found: Any = done(asks(call(), call("now", {"a": 1}, None))).value
    assert found["tool_calls"] == [call(), call("now", '{"a":1}', None)]
    assert (found["has_tool_calls"], found["content"], found["finish_reason"]) == (True, "", "tool_calls")
    legacy = openai({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, "function_call")
    assert done(legacy).value["tool_calls"] == [call("f", "{}", None)]


@pytest.mark.parametrize("used", [None, "many", {}, {"prompt_tokens": "x"}])
def test_usage_that_is_not_told_is_nothing(used: Json) -> None:
    counted = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert done(openai(usage=used)).value["usage"] == counted
    assert done(anthropic(usage=used), provider="anthropic").value["usage"] == counted


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "refusal"}, {"type": "text", "text": "b"}]
    assert done(openai({"role": "assistant", "content": parts})).value["content"] == "ab"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"a": 1.10}', {"a": Decimal("1.10")}),
        ('Sure:\n```json\n[{"a": 1}]\n```\nbye', [{"a": 1}]),
        ("```\na: 1\nb: [x, 2.50]\n```", {"a": 1, "b": ["x", Decimal("2.5")]}),
        ("when: 2026-01-01\nat: 12:30\non: yes\nnone: null", {"when": "2026-01-01", "at": "12:30", "on": "yes", "none": None}),
    ],
)  # fmt: skip
def test_an_answer_can_be_read_as_data(content: str, found: Json) -> None:
    answer = openai({"role": "assistant", "content": content})
    assert done(answer, parse_structured=True).value["structured_output"] == found
    assert "structured_output" not in done(answer).value


@pytest.mark.parametrize(
    "content",
    [
        "Hello",
        "",
        "a: [",
        "7",
        "a: &x [1]\nb: *x",
        "!!python/object:os.system x",
        "a: .nan\n\tb: 1",
        "x: y\n" * 20_000,
    ],
)
def test_what_is_no_data_is_left_out(content: str) -> None:
    answer = openai({"role": "assistant", "content": content})
    assert "structured_output" not in done(answer, parse_structured=True).value


def test_the_log_tells_what_was_asked_but_not_with_which_key() -> None:
    found = done(openai(), max_tokens=9)
    assert [(line.level, line.message, line.data) for line in found.logs] == [
        (Level.INFO, "LLM call started", {"provider": "openai"}),
        (Level.INFO, "LLM request", {"model": "m", "messages": 1, "temperature": 0.7, "max_tokens": 9}),
        (
            Level.INFO,
            "LLM response",
            {
                "finish_reason": "stop",
                "content_length": 6,
                "tool_calls": 0,
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
            },
        ),
    ]


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer", "message", "handle", "retryable"),
    [
        (401, {"error": {"message": f"Incorrect key {KEY}"}}, "status 401: Incorrect key ***", "client_error", False),
        (429, {"type": "error", "error": {"type": "x", "message": "Slow"}}, "status 429: Slow", "client_error", True),
        (529, {"error": "Overloaded"}, "status 529: Overloaded", "server_error", True),
        (400, {"detail": "No such model"}, "status 400: No such model", "client_error", False),
        (500, b"oops", "status 500: oops", "server_error", True),
        (302, {}, "status 302", None, False),
        (404, {"message": "m" * 2000}, f"status 404: {'m' * 500}", "client_error", False),
    ],
)  # fmt: skip
def test_an_error_status_is_a_failure_that_keeps_it(
    status: int, answer: Any, message: str, handle: str | None, retryable: bool
) -> None:
    found = failure(status, answer)
    assert (found.message, found.handle, found.retryable) == (f"LLM API error: {message}", handle, retryable)
    assert found.details["status_code"] == status
    assert KEY not in json.dumps(found.details)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "answer", [b"", b"nonsense", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{}],"content":7}',
               b'{"choices":[{"message":{"tool_calls":[{}]}}],"content":[{"type":"tool_use"}]}',
               b'{"choices":[{"message":{"tool_calls":"x"}}],"content":["x"]}',
               b'{"error":{"message":"no"}}'],
)  # fmt: skip
def test_an_answer_that_is_none_is_a_failure(provider: str, answer: bytes) -> None:
    found = failure(200, answer, provider=provider)
    assert found.message.startswith("LLM API error: the answer ")
    assert found.retryable


def test_an_error_in_an_answer_does_not_show_the_key() -> None:
    found = failure(200, {"error": {"message": f"bad {KEY}"}})
    assert found.message == "LLM API error: the answer is an error: bad ***"


def test_an_answer_that_is_too_large_is_a_failure() -> None:
    found = World(answer=response(body=b"{", cut=True)).failure("llm", {**ASK, **PROMPT})
    assert found.message == "LLM API error: the answer is larger than 1 MiB"


@pytest.mark.parametrize(
    ("error", "handle", "retryable"),
    [
        (CallTimedOut("request failed: timed out after 60 s"), "timeout", True),
        (CallFailedForNow("request failed: refused"), None, True),
        (CallFailed("destination blocked"), None, False),
    ],
)
def test_a_call_without_an_answer_fails(error: Exception, handle: str | None, retryable: bool) -> None:
    found = World(answer=error).failure("llm", {**ASK, **PROMPT})
    assert (found.message, found.handle, found.retryable) == (str(error), handle, retryable)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"model": "m", **PROMPT}, 'param "api_key" is required'),
        ({"api_key": KEY, **PROMPT}, 'param "model" is required'),
        ({**ASK, **PROMPT, "provider": "groq"}, 'param "base_url" is required for this provider'),
        (
            {**ASK, **PROMPT, "options": {"base_url": 7}},
            'param "options" needs texts as base_url and endpoint',
        ),
        ({**ASK, **PROMPT, "options": {"stream": True}}, 'param "options" must not ask for a stream'),
        ({**ASK, **PROMPT, "base_url": "http://["}, 'param "base_url" cannot be parsed'),
        ({**ASK, **PROMPT, "temperature": 3}, 'param "temperature" must be at most 2'),
        ({**ASK, "messages": [{"content": "x"}]}, 'param "messages" needs a text as role'),
        ({**ASK, "messages": []}, 'param "messages" must not be empty'),
        (
            {**ASK, "messages": [{"role": "user", "content": 7}]},
            'param "messages" needs a text or a list as content',
        ),
        ({**ASK, "templates": [{"role": "user"}]}, 'param "templates" needs a text as template'),
    ],
)
def test_params_are_judged_when_the_node_runs(params: dict[str, Any], message: str) -> None:
    found = World().failure("llm", params)
    assert (found.message, found.retryable) == (message, False)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "api_key"), ("missing_param", "model")]),
        ({**ASK, "provider": "groq"}, [("missing_param", "base_url")]),
        ({**ASK, "provider": "groq", "options": {"base_url": "http://a"}}, []),
        ({**ASK, "provider": "${input.p}"}, []),
        ({**ASK, "options": {"stream": True, "endpoint": 1}},
         [("invalid_param", "options.endpoint"), ("invalid_param", "options.stream")]),
        ({**CLAUDE, "response_format": {"type": "json_object"}}, [("unsupported", "response_format")]),
        ({**ASK, "messages": [{"role": 1}]}, [("invalid_param", "messages.0")]),
        ({**ASK, "messages": "${shared.dialogue}", "tools": "${input.tools}", "model": "${input.m || 'x'}"}, []),
        ({**ASK, "template": "{{if .a}} ${input.x}"}, []),
        ({**ASK, "timeout": "soon"}, [("invalid_duration", "timeout")]),
        ({**ASK, "max_tokens": 0, "temperature": "hot"}, [("invalid_param", "temperature"), ("invalid_param", "max_tokens")]),
    ],
)  # fmt: skip
def test_literals_are_judged_when_a_flow_is_saved(
    params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("llm", params) == found


def test_anthropic_has_no_response_format() -> None:
    found = World().failure("llm", {**CLAUDE, **PROMPT, "response_format": {"type": "json_object"}})
    assert (found.message[:23], found.retryable) == ('param "response_format"', False)
