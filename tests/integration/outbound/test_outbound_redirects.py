"""Redirects of outbound calls: where they lead, what goes along (Flowker spec c.3, g.5)."""

from typing import Any

import pytest

from flowker.adapters.outbound_http import OutboundHttp
from flowker.model.outbound import CallFailed, OutboundRequest
from tests.integration.outbound.calls import BEARER, QUERY_KEY, fails_for_good, get, post
from tests.integration.outbound.provider_server import ProviderServer


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "GET", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ],
)
def test_redirects_keep_or_change_the_method(
    provider: ProviderServer, http: OutboundHttp, status: int, method: str, then: str
) -> None:
    provider.behaviours["/old"] = lambda call: call.redirect("/new?y=2", status)
    response = http.send(
        OutboundRequest(method, provider.url("/old?x=1"), {"X-A": "b"}, {}, b"data", BEARER, 5.0)
    )
    assert (response.status, response.url) == (200, provider.url("/new?y=2"))
    last = provider.received[-1]
    assert (last.method, last.target) == (then, "/new?y=2")
    assert last.body == (b"data" if then == method else b"")
    assert (last.headers["Content-Type"] is None) == (then != method)
    assert (last.headers["X-A"], last.headers["Authorization"]) == ("b", "Bearer s3cret")


@pytest.mark.parametrize("status", [300, 304, 305, 306])
def test_other_statuses_are_not_followed(provider: ProviderServer, http: OutboundHttp, status: int) -> None:
    provider.behaviours["/"] = lambda call: call.answer(status, b"", {"Location": "/new"})
    assert http.send(get(provider.url("/"))).status == status


def test_a_redirect_without_location_is_an_answer(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.answer(302, b"where?")
    assert http.send(get(provider.url("/"))).body == b"where?"


def test_ten_redirects_are_followed_and_no_more(provider: ProviderServer, http: OutboundHttp) -> None:
    for number in range(20):
        provider.behaviours[f"/{number}"] = lambda call: call.redirect(f"/{int(call.path[1:]) - 1}")
    provider.behaviours["/0"] = lambda call: call.answer(200, b"arrived")
    assert http.send(get(provider.url("/10"))).body == b"arrived"
    assert fails_for_good(http, get(provider.url("/11"))) == "request failed: stopped after 10 redirects"


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("http://169.254.169.254/latest/meta-data/", "destination blocked: "),
        ("http://2852039166/latest/meta-data/", r"destination blocked: |request failed: cannot resolve"),
        ("http://metadata.google.internal/", "destination blocked: "),
        ("http://LOCALHOST:80/", "destination blocked: "),
        ("//db.internal./", "destination blocked: "),
        ("file:///etc/passwd", "unsupported url: "),
        ("http://user:pass@127.0.0.1/", "unsupported url: "),
    ],
)
def test_redirects_to_forbidden_places_are_not_followed(
    provider: ProviderServer, http: OutboundHttp, location: str, text: str
) -> None:
    provider.behaviours["/"] = lambda call: call.redirect(location)
    with pytest.raises(CallFailed, match=text):
        http.send(post(provider.url("/")))


SENSITIVE = {
    "authorization": "Basic x",
    "Cookie": "a=b",
    "X-API-Key": "k",
    "Idempotency-Key": "i",
    "X-Auth-Token": "t",
    "Proxy-Authorization": "p",
}


@pytest.mark.parametrize(
    "auth", [None, BEARER, {"type": "api_key", "config": {"key": "s3cret", "header": "X-Mine"}}]
)
def test_credentials_stay_with_their_origin(
    provider: ProviderServer, other: ProviderServer, http: OutboundHttp, auth: dict[str, Any] | None
) -> None:
    provider.behaviours["/"] = lambda call: call.redirect(other.url("/back"), 307)
    other.behaviours["/back"] = lambda call: call.redirect(provider.url("/end"), 307)
    response = http.send(post(provider.url("/"), b"data", headers={**SENSITIVE, "X-Trace": "1"}, auth=auth))
    assert response.url == provider.url("/end")
    first, second, third = provider.received[0], other.received[0], provider.received[1]
    assert all(first.headers[name] for name in SENSITIVE)
    for later in (second, third):
        assert not {name.lower() for name in later.headers} & {
            name.lower() for name in (*SENSITIVE, "X-Mine")
        }
        assert "s3cret" not in str(later.headers)
        assert (later.headers["X-Trace"], later.body) == ("1", b"data")
    assert second.headers["Host"] == f"127.0.0.1:{other.port}"


def test_a_host_name_of_the_same_server_is_another_origin(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    provider.behaviours["/"] = lambda call: call.redirect(provider.url("/end", "other.example.test"))
    http.send(get(provider.url("/", "api.example.test"), auth=BEARER))
    assert [call.headers["Authorization"] for call in provider.received] == ["Bearer s3cret", None]


def test_a_query_credential_follows_within_the_origin_only(
    provider: ProviderServer, other: ProviderServer, http: OutboundHttp
) -> None:
    provider.behaviours["/"] = lambda call: call.redirect("/in?" + call.path.partition("?")[2])
    provider.behaviours["/in"] = lambda call: call.redirect(other.url("/out?" + call.path.partition("?")[2]))
    response = http.send(get(provider.url("/?a=1"), auth=QUERY_KEY))
    assert [call.target for call in provider.received] == ["/?a=1&api_key=s3cret", "/in?a=1&api_key=s3cret"]
    assert other.received[0].target == "/out?a=1"
    assert response.url == other.url("/out?a=1")
