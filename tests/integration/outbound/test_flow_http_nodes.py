"""`http.request` and `webhook` through the real adapter (FlowRunner spec d.1, d.2)."""

from collections.abc import Mapping
from typing import Any

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import MAX_BODY, OutboundHttp
from flowker.model.exact_json import Json
from flowker.nodes.flow.base import Done, FlowFailure
from tests.flow_nodes import World
from tests.integration.outbound.calls import resolve
from tests.integration.outbound.provider_server import ProviderServer


def request(http: OutboundHttp, params: Mapping[str, Json], kind: str = "http.request") -> Done:
    return World(input={"id": 7}, send=http.send).done(kind, params)


def failure(http: OutboundHttp, params: Mapping[str, Json], kind: str = "http.request") -> FlowFailure:
    return World(input={"id": 7}, send=http.send).failure(kind, params)


def test_everything_that_was_asked_for_arrives(provider: ProviderServer, http: OutboundHttp) -> None:
    done = request(
        http,
        {
            "url": provider.url("/orders?x=1"),
            "method": "POST",
            "headers": {"X-N": 7},
            "query_params": {"q": "a b"},
            "body": {"a": 1},
            "api_key": "k3y",
            "key_name": "X-Case-Key",
        },
    )
    seen: Any = done.value["body"]
    assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/orders?x=1&q=a+b", '{"a":1}')
    headers = seen["headers"]
    assert (headers["x-n"], headers["x-case-key"]) == ("7", "k3y")
    assert (headers["content-type"], headers["idempotency-key"]) == ("application/json", "step-key")
    assert (done.action, done.value["status_code"], done.value["success"]) == ("success", 200, True)
    assert done.logs[0].data == {"status_code": 200, "url": provider.url("/orders?x=1&q=a+b")}


@pytest.mark.parametrize("auth", [{"username": "u", "password": "p"}, {"username": "u"}, {"token": "t0ken"}])
def test_credentials_do_not_follow_to_another_origin(
    provider: ProviderServer, other: ProviderServer, http: OutboundHttp, auth: dict[str, str]
) -> None:
    provider.behaviours["/old"] = lambda call: call.redirect(other.url("/new"))
    assert request(http, {"url": provider.url("/old"), "auth": auth}).value["status_code"] == 200
    basic = {"u": "Basic dTo=", "up": "Basic dTpw"}.get("".join(auth.values()), "Bearer t0ken")
    assert provider.received[0].headers["Authorization"] == basic
    assert other.received[0].headers["Authorization"] is None


def test_a_redirect_that_is_not_followed_is_the_answer(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/old"] = lambda call: call.redirect("/new")
    done = request(http, {"url": provider.url("/old"), "follow_redirects": False})
    assert (done.action, done.value["status_code"], done.value["body"]) == ("default", 302, "moved")
    assert done.value["headers"]["Location"] == ["/new"]
    assert len(provider.received) == 1


def test_redirects_end_after_ten(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.redirect("/")
    found = failure(http, {"url": provider.url("/")})
    assert (found.message, found.retryable) == ("request failed: stopped after 10 redirects", False)


@pytest.mark.parametrize("kind", ["http.request", "webhook"])
def test_no_answer_in_time_is_a_timeout(provider: ProviderServer, http: OutboundHttp, kind: str) -> None:
    provider.behaviours["/"] = lambda call: call.drip(b"HTTP/1.1 200 OK\r\n" * 9)
    found = failure(http, {"url": provider.url("/"), "timeout": "200ms"}, kind)
    assert (found.message, found.handle) == ("request failed: timed out after 0.2 s", "timeout")
    assert found.retryable


def test_a_connection_that_breaks_is_worth_another_attempt(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    provider.behaviours["/"] = lambda call: call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    found = failure(http, {"url": provider.url("/")})
    assert (found.handle, found.retryable) == (None, True)
    assert found.message == "request failed: the answer is not valid HTTP or ended early"


def test_a_host_that_does_not_exist_is_a_failure_without_handle(http: OutboundHttp) -> None:
    found = failure(http, {"url": "http://nowhere.example.test/"})
    assert (found.handle, "nowhere.example.test" in found.message) == (None, True)


@pytest.mark.parametrize("url", ["ftp://example.com/", "http://u:s3cret@example.com/", "nonsense", "http://"])
def test_a_url_that_cannot_be_called_is_not_tried_again_nor_repeated(http: OutboundHttp, url: str) -> None:
    found = failure(http, {"url": url})
    assert (found.retryable, "s3cret" in found.message) == (False, False)


def test_loopback_is_refused_where_it_is_not_allowed(provider: ProviderServer) -> None:
    guarded = OutboundHttp(Destinations(False, resolve))
    try:
        assert not failure(guarded, {"url": provider.url("/")}).retryable
    finally:
        guarded.close()
    assert provider.received == []


@pytest.mark.parametrize(("more", "cut"), [(0, False), (1, True), (5_000_000, True)])
def test_a_body_over_one_mebibyte_is_cut(
    provider: ProviderServer, http: OutboundHttp, more: int, cut: bool
) -> None:
    body = b"x" * (MAX_BODY + more)
    provider.behaviours["/"] = lambda call: call.answer(200, body, {"Content-Type": "text/plain"})
    value = request(http, {"url": provider.url("/")}).value
    assert len(value["raw_body"]) == MAX_BODY
    assert value.get("truncated", False) is cut
    assert value["metadata"]["content_length"] == len(body)
    assert request(http, {"url": provider.url("/other")}).action == "success"


def test_headers_that_come_twice_are_told_apart(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.raw(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1, x\r\nset-cookie: b=2\r\nX-A: 1, 2\r\nContent-Length: 0\r\n\r\n"
    )
    headers = request(http, {"url": provider.url("/")}).value["headers"]
    assert (headers["Set-Cookie"], headers["X-A"]) == (["a=1, x", "b=2"], ["1, 2"])


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_status_carries_the_answer(
    provider: ProviderServer, http: OutboundHttp, status: int
) -> None:
    provider.behaviours["/"] = lambda call: call.answer(
        status, b'{"why":1}', {"Content-Type": "application/problem+json"}
    )
    found = failure(http, {"url": provider.url("/")})
    assert found.message == f"HTTP request failed with status {status}"
    assert (found.details["body"], found.details["status_code"]) == ({"why": 1}, status)


def test_a_form_arrives_as_one(provider: ProviderServer, http: OutboundHttp) -> None:
    form = {"name": "Zoë & co"}
    seen = request(http, {"url": provider.url("/"), "method": "POST", "form_data": form}).value["body"]
    assert seen["body"] == "name=Zo%C3%AB+%26+co"
    assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_a_webhook_arrives_with_its_signature(provider: ProviderServer, http: OutboundHttp) -> None:
    done = request(http, {"url": provider.url("/hook"), "secret": "s3cret"}, "webhook")
    (received,) = provider.received
    assert (received.method, received.body, done.value["status"]) == ("POST", b'{"id":7}', "sent")
    assert received.headers["X-Signature"].startswith("sha256=")
