"""Outbound authentication in every accepted spelling (Flowker spec h)."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from flowker.adapters.outbound_auth import authenticate
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest

URL = "https://api.example.com/v1"


def request(kind: Any, config: Any = None, headers: Mapping[str, str] | None = None) -> OutboundRequest:
    auth = {"type": kind, "config": config}
    return OutboundRequest("POST", URL, headers or {}, {"page": "2"}, b"{}", auth, 7.0)


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        {"config": {"token": "unused"}},
        {"type": None},
        {"type": ""},
        {"type": "none"},
        {"type": "none", "config": None, "cache": {"enabled": True}},
    ],
)
def test_no_authentication_leaves_the_request_as_it_is(auth: Mapping[str, Any] | None) -> None:
    plain = OutboundRequest("GET", URL, {"A": "b"}, {"c": "d"}, b"e", auth, 3.0)
    assert authenticate(plain) == OutboundRequest("GET", URL, {"A": "b"}, {"c": "d"}, b"e", None, 3.0)


@pytest.mark.parametrize(
    ("kind", "config", "header", "value"),
    [
        ("api_key", {"key": "s3cret"}, "X-API-Key", "s3cret"),
        ("api_key", {"key": "s3cret", "header": "X-Token"}, "X-Token", "s3cret"),
        ("api_key", {"key": "s3cret", "header_name": "X-Token"}, "X-Token", "s3cret"),
        ("api_key", {"key": "s3cret", "header": "X-One", "header_name": "X-Two"}, "X-One", "s3cret"),
        ("api_key", {"key": "s3cret", "header": "", "header_name": "X-Two"}, "X-Two", "s3cret"),
        ("api_key", {"key": "s3cret", "prefix": "ApiKey "}, "X-API-Key", "ApiKey s3cret"),
        ("api_key", {"key": "s3cret", "location": "header", "query_param_name": "q"}, "X-API-Key", "s3cret"),
        ("api_key", {"key": "X-Token", "value": "s3cret"}, "X-Token", "s3cret"),
        ("api_key", {"key": "X-Token", "value": "s3cret", "location": "header"}, "X-Token", "s3cret"),
        ("api_key", {"key": "X-Token", "value": "s3cret", "prefix": "k="}, "X-Token", "k=s3cret"),
        ("api_key", {"value": "s3cret"}, "X-API-Key", "s3cret"),
        ("api_key", {"value": "s3cret", "header": "X-Token"}, "X-Token", "s3cret"),
        ("bearer", {"token": "t0ken"}, "Authorization", "Bearer t0ken"),
        ("basic", {"username": "ana", "password": "p:w"}, "Authorization", "Basic YW5hOnA6dw=="),
        (
            "basic",
            {"username": "ana", "password": "señha"},
            "Authorization",
            "Basic " + b64encode("ana:señha".encode()).decode(),
        ),
    ],
)
def test_a_header_is_added(kind: str, config: Mapping[str, str], header: str, value: str) -> None:
    signed = authenticate(request(kind, config, {"Accept": "text/plain"}))
    assert signed == OutboundRequest(
        "POST", URL, {"Accept": "text/plain", header: value}, {"page": "2"}, b"{}", None, 7.0
    )


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        ({"key": "s3cret", "location": "query"}, "api_key", "s3cret"),
        ({"key": "s3cret", "location": "query", "query_param_name": "appid"}, "appid", "s3cret"),
        (
            {"key": "s3cret", "location": "query", "header": "X-Token", "prefix": "v1."},
            "api_key",
            "v1.s3cret",
        ),
        ({"key": "appid", "value": "s3cret", "location": "query"}, "appid", "s3cret"),
        ({"value": "s3cret", "location": "query"}, "api_key", "s3cret"),
        ({"key": "s3cret", "location": "query", "query_param_name": "page"}, "page", "s3cret"),
    ],
)
def test_a_query_parameter_is_added(config: Mapping[str, str], name: str, value: str) -> None:
    signed = authenticate(request("api_key", config))
    assert signed.query == {"page": "2", name: value}
    assert signed.headers == {}
    assert signed.auth is None


@pytest.mark.parametrize("given", ["authorization", "AUTHORIZATION", "Authorization"])
def test_authentication_replaces_a_header_of_the_same_name_in_any_case(given: str) -> None:
    signed = authenticate(request("bearer", {"token": "new"}, {given: "old", "Accept": "*/*"}))
    assert signed.headers == {"Accept": "*/*", "Authorization": "Bearer new"}


@pytest.mark.parametrize(
    ("kind", "config", "reason"),
    [
        ("api_key", {}, "key is required"),
        ("api_key", None, "key is required"),
        ("api_key", {"key": ""}, "key is required"),
        ("api_key", {"key": None, "value": ""}, "key is required"),
        ("api_key", {"key": 42}, "key is required"),
        ("api_key", {"key": "k", "location": "cookie"}, "location must be header or query"),
        ("bearer", {}, "token is required"),
        ("bearer", {"token": ""}, "token is required"),
        ("basic", {"password": "p"}, "username is required"),
        ("basic", {"username": "u"}, "password is required"),
        ("bearer", "token", "config is not an object"),
        ("digest", {}, 'authentication type "digest" is not supported'),
        ("Bearer", {"token": "t"}, 'authentication type "Bearer" is not supported'),
        (7, {}, 'authentication type "7" is not supported'),
        ("oidc_client_credentials", {}, 'authentication type "oidc_client_credentials" is not supported'),
        ("oidc_user", {}, 'authentication type "oidc_user" is not supported'),
    ],
)
def test_impossible_authentication_fails_for_good(kind: Any, config: Any, reason: str) -> None:
    with pytest.raises(CallFailed) as failure:
        authenticate(request(kind, config))
    assert str(failure.value) == f"failed to create auth provider: {reason}"
    assert not isinstance(failure.value, CallFailedForNow)
