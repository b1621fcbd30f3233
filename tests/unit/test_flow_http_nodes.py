"""`http.request` and `webhook` (FlowRunner spec d.1, d.2)."""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

import pytest

from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut, OutboundRequest
from flowker.model.run import Level
from tests.flow_nodes import World, problems, response

URL = "https://api.example.com/data"


def sent(params: dict[str, Any], kind: str = "http.request", data: Json = None) -> OutboundRequest:
    world = World(input=data, answer=response())
    world.done(kind, {"url": URL, **params})
    return world.sent[0]


def result(status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None, **more: Any) -> Any:
    world = World(answer=response(status, body, headers, **more))
    return world.done("http.request", {"url": URL, "fail_on_error_status": False}).value


def test_a_get_is_the_default_and_carries_no_idempotency_key() -> None:
    request = sent({})
    assert (request.method, request.url, request.body, dict(request.headers)) == ("GET", URL, None, {})
    assert (request.timeout, request.follow_redirects, request.cut, request.auth) == (30.0, True, True, None)


@pytest.mark.parametrize("method", ["post", "PUT", "Delete", "PROPFIND"])
def test_any_other_verb_carries_the_key_of_its_step(method: str) -> None:
    request = sent({"method": method})
    assert request.method == method.upper()
    assert request.headers["Idempotency-Key"] == "step-key"


def test_an_idempotency_key_of_the_user_stays() -> None:
    request = sent({"method": "POST", "headers": {"idempotency-key": "mine"}})
    assert dict(request.headers) == {"idempotency-key": "mine"}


def test_header_values_become_texts() -> None:
    headers = {"A": "x", "B": 7, "C": True, "D": Decimal("1.50"), "E": None, "F": [1]}
    given = {"A": "x", "B": "7", "C": "true", "D": "1.50", "F": "[1]"}
    assert dict(sent({"headers": headers}).headers) == given


def test_a_header_cannot_bring_another_one() -> None:
    failure = World().failure("http.request", {"url": URL, "headers": {"A": "x\r\nB: y"}})
    assert failure.message == 'param "headers" must not contain line breaks'
    assert not failure.retryable


@pytest.mark.parametrize(
    ("body", "content", "media_type"),
    [
        ({"a": [1, Decimal("2.10")]}, b'{"a":[1,2.10]}', "application/json"),
        ([], b"[]", "application/json"),
        ('{"a": 1}', b'{"a": 1}', "application/json"),
        ("[1]", b"[1]", "application/json"),
        ("grüezi", "grüezi".encode(), "text/plain; charset=utf-8"),
        ("", b"", "text/plain; charset=utf-8"),
        (7, b"7", "application/json"),
        (False, b"false", "application/json"),
        (None, None, None),
    ],
)
def test_the_content_type_follows_from_the_body(
    body: Json, content: bytes | None, media_type: str | None
) -> None:
    request = sent({"method": "POST", "body": body})
    assert (request.body, request.headers.get("Content-Type")) == (content, media_type)


def test_a_content_type_of_the_user_stays() -> None:
    request = sent({"method": "POST", "body": {}, "headers": {"content-type": "application/vnd.x+json"}})
    assert request.headers["content-type"] == "application/vnd.x+json"
    assert "Content-Type" not in request.headers


def test_a_form_wins_over_the_body_and_is_encoded() -> None:
    form = {"name": "Zoë & co", "n": 3, "tag": ["a", "b"], "none": None}
    request = sent({"method": "POST", "body": {"x": 1}, "form_data": form})
    assert request.body == b"name=Zo%C3%AB+%26+co&n=3&tag=a&tag=b&none="
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("url", "query", "target"),
    [
        ("https://a.example.com/p", {"q": "a b&c", "n": 1}, "https://a.example.com/p?q=a+b%26c&n=1"),
        ("https://a.example.com/p?x=1#f", {"t": ["a", "b"]}, "https://a.example.com/p?x=1&t=a&t=b#f"),
        ("https://a.example.com/p?x=1", {}, "https://a.example.com/p?x=1"),
        ("https://a.example.com/p?x=1", None, "https://a.example.com/p?x=1"),
    ],
)
def test_query_params_join_the_url(url: str, query: Json, target: str) -> None:
    assert sent({"url": url, "query_params": query}).url == target


@pytest.mark.parametrize(
    ("timeout", "seconds"), [("10s", 10.0), ("250ms", 0.25), (5, 5.0), (Decimal("1.5"), 1.5), ("2m", 60.0)]
)
def test_a_timeout_is_a_duration_or_seconds_and_never_longer_than_the_node_may_take(
    timeout: Json, seconds: float
) -> None:
    assert sent({"timeout": timeout}).timeout == seconds


@pytest.mark.parametrize("name", ["follow_redirects", "follow_redirect"])
def test_redirects_need_not_be_followed(name: str) -> None:
    assert sent({name: False}).follow_redirects is False


BASIC = {"type": "api_key", "config": {"value": "Basic dTpw", "key": "Authorization"}}


@pytest.mark.parametrize(
    ("params", "auth"),
    [
        ({"auth": {"token": "t"}}, {"type": "bearer", "config": {"token": "t"}}),
        ({"bearer_token": "t"}, {"type": "bearer", "config": {"token": "t"}}),
        ({"auth": {"api_key": "k"}}, {"type": "api_key", "config": {"value": "k", "key": "X-API-Key"}}),
        ({"api_key": "k"}, {"type": "api_key", "config": {"value": "k", "key": "X-API-Key"}}),
        (
            {"auth": {"api_key": "k", "key_name": "X-K"}},
            {"type": "api_key", "config": {"value": "k", "key": "X-K"}},
        ),
        ({"api_key": "k", "key_name": "X-K"}, {"type": "api_key", "config": {"value": "k", "key": "X-K"}}),
        ({"auth": {"username": "u", "password": "p"}}, BASIC),
        ({"username": "u", "password": "p"}, BASIC),
        ({"auth": {"token": "t"}, "api_key": "k"}, {"type": "bearer", "config": {"token": "t"}}),
    ],
)
def test_every_way_to_authenticate(params: dict[str, Any], auth: Json) -> None:
    assert sent(params).auth == auth


def test_a_result_has_all_of_its_fields() -> None:
    headers = {"Content-Type": "application/json; charset=utf-8", "Set-Cookie": "a=1, b=2", "X-A": "1"}
    found = result(201, b'{"n": 1.10}', headers, repeated={"Set-Cookie": ["a=1", "b=2"]})
    assert found["timing_ms"] >= 0
    assert found == {
        "status_code": 201,
        "headers": {"Content-Type": [headers["Content-Type"]], "Set-Cookie": ["a=1", "b=2"], "X-A": ["1"]},
        "body": {"n": Decimal("1.10")},
        "raw_body": '{"n": 1.10}',
        "success": True,
        "timing_ms": found["timing_ms"],
        "metadata": {
            "content_type": "application/json; charset=utf-8",
            "content_length": 11,
            "request_url": URL,
            "request_method": "GET",
            "timing": f"{found['timing_ms']}ms",
            "timing_ms": found["timing_ms"],
        },
    }


@pytest.mark.parametrize(
    ("media_type", "body", "parsed"),
    [
        ("application/json", b"[1]", [1]),
        ("Application/JSON; charset=utf-8", b"[1]", [1]),
        ("application/problem+json", b"[1]", [1]),
        ("text/json", b"[1]", [1]),
        ("application/json", b"[1", "[1"),
        ("application/json", b"[" * 201 + b"]" * 201, "[" * 201 + "]" * 201),
        ("application/json", b"", ""),
        ("text/plain", b"[1]", "[1]"),
        ("application/jsonp", b"[1]", "[1]"),
        ("", b"[1]", "[1]"),
        ("text/plain; charset=ISO-8859-1", b"\xe9", "é"),
        ('text/plain; charset="latin-1"; x=y', b"\xe9", "é"),
        ("text/plain; charset=nonsense", b"a", "a"),
        ("text/plain; charset=base64", b"a", "a"),
        ("image/png", b"\x89PNG", "�PNG"),
    ],
)
def test_a_body_is_parsed_where_it_says_that_it_is_json(media_type: str, body: bytes, parsed: Json) -> None:
    assert result(200, body, {"Content-Type": media_type})["body"] == parsed


def test_an_answer_that_was_cut_says_so() -> None:
    assert "truncated" not in result()
    assert result(200, b'{"a":', cut=True)["truncated"] is True


@pytest.mark.parametrize(
    ("status", "action"), [(200, "success"), (204, "success"), (299, "success"), (304, "default")]
)
def test_the_action_follows_from_the_status(status: int, action: str) -> None:
    done = World(answer=response(status)).done("http.request", {"url": URL})
    assert done.action == action
    assert done.value["success"] is (action == "success")
    assert done.shared == {"http_result": done.value}


def test_a_large_result_is_not_copied_to_shared() -> None:
    done = World(answer=response(200, b'"' + b"x" * 70_000 + b'"')).done("http.request", {"url": URL})
    assert (len(done.value["body"]), done.shared) == (70_000, {"http_result": None})


@pytest.mark.parametrize(
    ("status", "handle", "retryable"),
    [
        (400, "client_error", False),
        (404, "client_error", False),
        (408, "client_error", True),
        (425, "client_error", True),
        (429, "client_error", True),
        (500, "server_error", True),
        (503, "server_error", True),
    ],
)
def test_an_error_status_is_a_failure_with_the_whole_answer(
    status: int, handle: str, retryable: bool
) -> None:
    failure = World(answer=response(status, b'{"why":"x"}')).failure("http.request", {"url": URL})
    assert failure.message == f"HTTP request failed with status {status}"
    assert (failure.handle, failure.retryable) == (handle, retryable)
    details = failure.details
    assert (details["status_code"], details["body"], details["success"]) == (status, {"why": "x"}, False)
    assert {"headers", "raw_body", "timing_ms", "metadata"} <= details.keys()


@pytest.mark.parametrize("status", [400, 503])
def test_an_error_status_can_be_an_ordinary_result(status: int) -> None:
    done = World(answer=response(status)).done("http.request", {"url": URL, "fail_on_error_status": False})
    assert (done.action, done.value["status_code"]) == ("default", status)
    assert done.logs[0].message == "HTTP request completed"


@pytest.mark.parametrize(
    ("error", "handle", "retryable"),
    [
        (CallTimedOut("request failed: timed out after 30 s"), "timeout", True),
        (CallFailedForNow("request failed: reset"), None, True),
        (CallFailed("destination blocked"), None, False),
    ],
)
def test_a_call_without_an_answer_fails(error: Exception, handle: str | None, retryable: bool) -> None:
    failure = World(answer=error).failure("http.request", {"url": URL})
    assert (failure.message, failure.handle, failure.retryable) == (str(error), handle, retryable)


def test_the_log_entry_holds_status_and_url_and_no_credentials() -> None:
    params = {
        "url": URL,
        "headers": {"Authorization": "Bearer s3cret", "Cookie": "s3cret"},
        "api_key": "s3cret",
    }
    (line,) = World(answer=response()).done("http.request", params).logs
    assert (line.level, line.message) == (Level.INFO, "HTTP request successful")
    assert line.data == {"status_code": 200, "url": URL}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, 'param "url" is required'),
        ({"url": None}, 'param "url" is required'),
        ({"url": 7}, 'param "url" must be a text'),
        ({"url": ""}, 'param "url" must not be empty'),
        ({"url": URL, "method": "GET /"}, 'param "method" must be an HTTP method'),
        ({"url": URL, "headers": "x"}, 'param "headers" must be a map'),
        ({"url": URL, "form_data": []}, 'param "form_data" must be a map'),
        ({"url": URL, "query_params": "a=b"}, 'param "query_params" must be a map'),
        ({"url": URL, "timeout": "soon"}, 'param "timeout" must be a duration such as 250ms, 1.5s or 1h30m'),
        ({"url": URL, "timeout": 0}, 'param "timeout" must be more than 0 seconds'),
        ({"url": URL, "timeout": True}, 'param "timeout" must be a duration such as 250ms, 1.5s or 1h30m'),
        ({"url": URL, "timeout": "6m"}, 'param "timeout" must be at most 300'),
        ({"url": URL, "timeout": Decimal("1E+999")}, 'param "timeout" must not be longer than a year'),
        ({"url": URL, "timeout": 10**4000}, 'param "timeout" must not be longer than a year'),
        ({"url": URL, "follow_redirect": "no"}, 'param "follow_redirect" must be true or false'),
        ({"url": URL, "auth": "x"}, 'param "auth" must be a map'),
        ({"url": URL, "auth": {}}, 'param "auth" needs username and password, or token, or api_key'),
        ({"url": URL, "auth": {"token": 7}}, 'param "auth" needs a text as token'),
        ({"url": URL, "bearer_token": 7}, 'param "bearer_token" must be a text'),
        ({"url": URL, "fail_on_error_status": 1}, 'param "fail_on_error_status" must be true or false'),
        ({"url": URL, "body": "\ud800"}, 'param "body" must be Unicode text'),
        ({"url": URL, "form_data": {"a": "\ud800"}}, 'param "form_data" must be Unicode text'),
        ({"url": "https://[", "query_params": {"a": 1}}, 'param "url" or query_params cannot be parsed'),
    ],
)
def test_params_are_judged_again_when_they_are_evaluated(params: dict[str, Any], message: str) -> None:
    failure = World().failure("http.request", params)
    assert (failure.message, failure.retryable) == (message, False)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "url")]),
        ({"url": URL, "timeout": "soon"}, [("invalid_duration", "timeout")]),
        ({"url": URL, "timeout": -1}, [("invalid_param", "timeout")]),
        ({"url": URL, "method": "CONNECT"}, [("invalid_param", "method")]),
        ({"url": 3, "auth": {"x": 1}}, [("invalid_param", "url"), ("invalid_param", "auth")]),
        ({"url": "${input.u}", "method": "${input.m}", "timeout": "${input.t}", "headers": "${input.h}"}, []),
        ({"url": URL, "auth": "${input.auth}", "timeout": 2.5, "method": "patch"}, []),
    ],
)
def test_literals_are_judged_when_a_flow_is_saved(
    params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("http.request", params) == found


def test_a_webhook_sends_its_input() -> None:
    request = sent({}, "webhook", {"id": 7})
    assert (request.method, request.body) == ("POST", b'{"id":7}')
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == "step-key"


@pytest.mark.parametrize(("body", "content"), [({"a": 1}, b'{"a":1}'), ("text", b"text"), (None, None)])
def test_a_webhook_may_have_a_body_of_its_own(body: Json, content: bytes | None) -> None:
    assert sent({"body": body, "method": "PUT"}, "webhook", {"id": 7}).body == content


def test_a_webhook_that_arrived_was_sent() -> None:
    done = World(input={}, answer=response(202)).done("webhook", {"url": URL})
    assert done.action == "default"
    assert (done.value["status"], done.value["status_code"], done.value["success"]) == ("sent", 202, True)
    assert done.shared == {"webhook_result": done.value}
    assert (done.logs[0].message, done.logs[0].data) == ("Webhook sent", {"status_code": 202, "url": URL})


@pytest.mark.parametrize(
    ("status", "handle"), [(304, None), (400, "client_error"), (404, "client_error"), (500, "server_error")]
)
def test_a_webhook_wants_2xx(status: int, handle: str | None) -> None:
    failure = World(answer=response(status)).failure("webhook", {"url": URL})
    assert (failure.message, failure.handle) == (f"HTTP request failed with status {status}", handle)


@pytest.mark.parametrize("data", [{"n": 1}, "text ü", None])
def test_a_webhook_signs_exactly_the_bytes_it_sends(data: Json) -> None:
    request = sent({"secret": "s3cret", "headers": {"x-signature": "forged"}}, "webhook", data)
    expected = hmac.new(b"s3cret", request.body or b"", hashlib.sha256).hexdigest()
    assert request.headers["X-Signature"] == f"sha256={expected}"
    assert "x-signature" not in request.headers


def test_a_webhook_takes_headers_and_a_timeout() -> None:
    request = sent({"headers": {"X-A": 1}, "timeout": "2s"}, "webhook")
    assert (request.headers["X-A"], request.timeout) == ("1", 2.0)
    assert problems("webhook", {"timeout": "x"}) == [
        ("missing_param", "url"),
        ("invalid_duration", "timeout"),
    ]
