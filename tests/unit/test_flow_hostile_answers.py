"""Answers that nobody expects are results or failures of the node, and soon (FlowRunner spec c.3, d)."""

import json
from collections.abc import Iterator, Mapping
from time import process_time
from typing import Any

import pytest

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.mail import FetchedMail
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.redaction import Redactor
from flowker.nodes.flow.base import Done, FlowFailure
from flowker.nodes.flow.email_reading import told
from tests.flow_nodes import World, response

ODD: list[Json] = [None, 7, True, 1.5, "x", [], {}, [None], [7], [[]], [{}], {"a": 1}, 10**4299]
SOON = 5.0
"""Seconds of processor time: many times what is needed, and a small part of what takes quadratic time."""
_LONG = b"9" * 4300
"""Digits: as many as a number may have."""

_LLM = {"api_key": "k", "model": "m", "prompt": "p", "base_url": "http://x.example"}
_TABLE = {
    "access_key": "a",
    "secret_key": "s",
    "endpoint": "http://x.example",
    "key": "k",
    "value": 1,
    "timeout": "50ms",
}
_LETTER = {"from": "a@b.org", "to": "c@d.org", "subject": "s", "body": "b"}
_CHOICE = ("choices", 0)
_CALL = (*_CHOICE, "message", "tool_calls", 0)
_ATTRIBUTE = ("Item", "value")

NODES: dict[str, tuple[str, Mapping[str, Json], list[tuple[str | int, ...]]]] = {
    "openai": (
        "llm",
        _LLM,
        [(), ("choices",), _CHOICE, (*_CHOICE, "message"), (*_CHOICE, "message", "content"), _CALL[:-1], _CALL,
         (*_CALL, "function"), (*_CALL, "function", "name"), (*_CHOICE, "message", "function_call"), ("error",),
         ("error", "message"), ("message",), ("detail",)],
    ),
    "anthropic": (
        "llm",
        {**_LLM, "provider": "anthropic"},
        [(), ("content",), ("content", 0), ("content", 0, "type"), ("error",), ("error", "message")],
    ),
    "agent": ("agent", {**_LLM, "max_steps": 1}, [(), ("choices",), _CHOICE, (*_CHOICE, "message"), _CALL]),
    "dynamodb get": (
        "dynamodb",
        {**_TABLE, "operation": "get"},
        [(), ("Item",), _ATTRIBUTE, *((*_ATTRIBUTE, kind) for kind in ("S", "N", "L", "M", "SS", "NS", "BOOL", "?")),
         ("__type",), ("message",)],
    ),
    "dynamodb list": ("dynamodb", {**_TABLE, "operation": "list"}, [(), ("Items",), ("Items", 0), ("Items", 0, "key")]),
    "dynamodb query": ("dynamodb", {**_TABLE, "operation": "query", "sort": "a"}, [("Items",), ("Items", 0, "value", "M")]),
    "dynamodb batch_write": (
        "dynamodb",
        {**_TABLE, "operation": "batch_write", "items": [{"key": "k"}]},
        [(), ("UnprocessedItems",), ("UnprocessedItems", "flowrunner_store")],
    ),
    "ses": ("email.send", {"ses": True, "access_key": "a", "secret_key": "s", **_LETTER}, [(), ("MessageId",), ("message",)]),
}  # fmt: skip


def shapes(paths: list[tuple[str | int, ...]]) -> Iterator[bytes]:
    """Each odd value at each place."""
    for path in paths:
        for value in ODD:
            for step in reversed(path):
                value = {step: value} if isinstance(step, str) else [value]
            yield json.dumps(value).encode()


def settle(kind: str, params: Mapping[str, Json], world: World) -> None:
    """Let it succeed or fail; what it gives can be written down."""
    try:
        done = world.run(kind, params)
        assert isinstance(done, Done)
        exact_json.dumps([done.value, dict(done.shared), [line.data for line in done.logs]])
    except FlowFailure as failure:
        exact_json.dumps(failure.details)


@pytest.mark.parametrize("name", NODES)
def test_no_shape_of_an_answer_is_anything_but_a_result_or_a_failure(name: str) -> None:
    kind, params, paths = NODES[name]
    for body in shapes(paths):
        for status in (200, 400):
            settle(kind, params, World(answer=response(status, body), input={}))


@pytest.mark.parametrize("operation", ["listTools", "executeTool", "readResource", "getPrompt"])
@pytest.mark.parametrize("member", ["result", "error"])
def test_no_shape_of_an_answer_of_an_mcp_server_is_anything_else(operation: str, member: str) -> None:
    params = {
        "url": "http://x.example",
        "toolName": "t",
        "resourceUri": "u",
        "promptName": "p",
        "operation": operation,
    }
    places: list[tuple[str | int, ...]] = [
        (),
        ("tools",),
        ("nextCursor",),
        ("content", 0, "text"),
        ("code",),
        ("message",),
    ]
    for body in shapes(places):
        odd = json.loads(body)

        def answer(request: OutboundRequest, odd: Json = odd) -> OutboundResponse:
            asked = json.loads(request.body or b"{}")
            first = asked.get("method") == "initialize"
            said = {"result": {"protocolVersion": "2025-11-25"}} if first else {member: odd}
            return response(200, json.dumps({"id": asked.get("id"), **said}).encode())

        settle("mcp", params, World(send=answer))


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (
            "openai",
            b'{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":%b,"completion_tokens":%b}}',
        ),
        ("anthropic", b'{"content":[],"usage":{"input_tokens":%b,"output_tokens":%b}}'),
    ],
)
def test_more_tokens_than_there_can_be_are_none(provider: str, body: bytes) -> None:
    world = World(answer=response(200, body % (_LONG, _LONG)))
    usage = world.done("llm", {**_LLM, "provider": provider}).value["usage"]
    assert usage == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize(
    "charset", ["punycode", "-PunyCode", "idna", "unicode_escape", "undefined", "hex", "\0"]
)
def test_an_answer_in_no_character_set_is_read_as_utf_8_and_soon(charset: str) -> None:
    headers = {"Content-Type": f"text/plain; charset={charset}", "Content-Length": "9" * 5000}
    began = process_time()
    done = World(answer=response(200, b"\\u00e4" * 150_000, headers)).done(
        "http.request", {"url": "http://x.example"}
    )
    assert (done.value["body"][:6], done.value["metadata"]["content_length"]) == ("\\u00e4", 900_000)
    assert process_time() - began < SOON


_MEGABYTE = 1024 * 1024
_NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(200)
)


@pytest.mark.parametrize(
    "content",
    [
        _NESTED + b"\n" * _MEGABYTE,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n" * (_MEGABYTE // 2),
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * (_MEGABYTE // 7),
        b"Content-Type: text/plain; " + b';"' * (_MEGABYTE // 2) + b"\r\n\r\nx",
        b"Content-Type: text/plain; charset=-punycode\r\n\r\n" + b"a" * _MEGABYTE,
        b"X: =?punycode?q?" + b"a" * _MEGABYTE + b"?=\r\n\r\n",
        b"X: " + b"=?utf-8?q?a?= " * (_MEGABYTE // 15) + b"\r\n\r\n",
        b"To: " + b"a@b," * (_MEGABYTE // 4) + b"\r\n\r\n",
    ],
    ids=["nested", "reports", "digest", "params", "charset", "punycode", "words", "recipients"],
)
def test_a_mail_that_is_made_to_take_long_does_not(content: bytes) -> None:
    began = process_time()
    mail = told(
        FetchedMail(1, 1, 0, [], None, b"Subject: =?utf-8?q?h=C3=A4?= you\r\n" + content, cut=False), True, 9
    )
    assert mail["subject"] == "hä you"
    assert process_time() - began < SOON


def test_the_beginning_of_a_long_secret_is_found_soon() -> None:
    secret = "".join(chr(97 + number * number % 26) + str(number) for number in range(12_000))
    redactor, began = Redactor([secret]), process_time()
    assert redactor.beginning("x" * 900_000 + secret[:30_000]) == "x" * 900_000 + "***"
    assert redactor.beginning("x" * 900_000) == "x" * 900_000
    assert process_time() - began < SOON


def test_a_table_of_large_items_is_not_read_without_measure() -> None:
    sent: list[Any] = []

    def scan(request: OutboundRequest) -> OutboundResponse:
        sent.append(request)
        item = {"key": {"S": f"k{len(sent)}"}, "value": {"S": "x" * 500_000}}
        return response(
            200, json.dumps({"Items": [item] * 2, "LastEvaluatedKey": {"key": {"S": "k"}}}).encode()
        )

    done = World(send=scan).done("dynamodb", {**_TABLE, "operation": "query", "timeout": "30s"})
    assert len(sent) < 20
    assert [line.message for line in done.logs] == ["Result cut short"]
