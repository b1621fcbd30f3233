"""Outbound authentication in every accepted spelling (Flowker spec h)."""

from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from flowker.adapters.aws_signature import Roles
from flowker.adapters.credentials import Credentials, Fields
from flowker.adapters.deadline import Deadline
from flowker.adapters.oidc import Tokens
from flowker.adapters.oidc_config import Caching, Client, User, caching_of, client_of
from flowker.adapters.outbound_auth import Authentications
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse

CLIENT = {"issuer_url": "https://id.test", "client_id": "c", "client_secret": "s3cret"}
USER = {"token_url": "https://id.test/token", "client_id": "c", "username": "ana", "password": "s3cret"}
KEYS = {"service": "s3", "region": "eu-central-1", "access_key_id": "AKIA", "secret_access_key": "s3cret"}


def never(request: OutboundRequest, deadline: Deadline) -> OutboundResponse:
    raise AssertionError("reading a configuration sends nothing")


def never_assumed(region: str, seconds: float) -> Any:
    raise AssertionError("reading a configuration assumes no role")


AUTHENTICATIONS = Authentications(Tokens(never, lambda: 0.0), Roles(never_assumed, lambda: 0.0))


def credentials(auth: Mapping[str, Any] | None) -> Credentials:
    return AUTHENTICATIONS.of(auth).credentials(Deadline.after(1))


def client(kind: str, config: Mapping[str, Any]) -> Client:
    return client_of(kind, Fields(config))


# --- what is written down ---------------------------------------------------------------------------------------------


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
def test_no_authentication_adds_nothing(auth: Mapping[str, Any] | None) -> None:
    assert credentials(auth) == Credentials()


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
    assert credentials({"type": kind, "config": config}) == Credentials({header: value})


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
    ],
)
def test_a_query_parameter_is_added(config: Mapping[str, str], name: str, value: str) -> None:
    assert credentials({"type": "api_key", "config": config}) == Credentials(query={name: value})


def test_what_is_written_down_is_not_renewed() -> None:
    authentication = AUTHENTICATIONS.of({"type": "bearer", "config": {"token": "t"}})
    refused = authentication.credentials(Deadline.after(1))
    assert authentication.renewed(refused, Deadline.after(1)) is None


# --- spellings of OpenID Connect --------------------------------------------------------------------------------------

EXPECTED = Client(
    token_url=None,
    issuer_url="https://id.test",
    id="c",
    secret="s3cret",
    user=None,
    scopes=(),
    audience=None,
    in_form=False,
    extra=(),
)


@pytest.mark.parametrize("issuer", ["issuer_url", "issuerURL", "issuerUrl"])
@pytest.mark.parametrize("client_id", ["client_id", "clientID", "clientId"])
@pytest.mark.parametrize("secret", ["client_secret", "clientSecret"])
def test_a_client_in_every_spelling_is_the_same_client(issuer: str, client_id: str, secret: str) -> None:
    config = {issuer: "https://id.test", client_id: "c", secret: "s3cret"}
    read = client("oidc_client_credentials", config)
    assert read == EXPECTED
    assert read.key == EXPECTED.key


@pytest.mark.parametrize("spelling", ["token_url", "tokenURL", "tokenUrl"])
def test_a_token_url_wins_over_discovery(spelling: str) -> None:
    read = client("oidc_client_credentials", {**CLIENT, spelling: "https://id.test/token"})
    assert (read.token_url, read.issuer_url) == ("https://id.test/token", "")


def test_the_first_spelling_with_a_text_wins() -> None:
    config = {**CLIENT, "client_id": "", "clientID": "two", "clientId": "three"}
    assert client("oidc_client_credentials", config).id == "two"


@pytest.mark.parametrize(
    ("scopes", "read"),
    [
        (None, ()),
        ([], ()),
        ("", ()),
        ("a", ("a",)),
        (" a  b ", ("a", "b")),
        (["a", "b"], ("a", "b")),
        ([""], ()),
    ],
)
def test_scopes_are_a_list_or_a_text(scopes: Any, read: tuple[str, ...]) -> None:
    assert client("oidc_client_credentials", {**CLIENT, "scopes": scopes}).scopes == read
    assert client("oidc_user", {**USER, "scopes": scopes}).scopes == (read or ("openid",))


def test_a_user_needs_no_client_secret_and_is_always_in_the_form() -> None:
    read = client("oidc_user", {**USER, "token_endpoint_auth_method": "client_secret_basic"})
    assert (read.user, read.secret, read.in_form) == (User("ana", "s3cret"), None, True)
    assert client("oidc_user", {**USER, "clientSecret": "x"}).secret == "x"


@pytest.mark.parametrize("spelling", ["token_endpoint_auth_method", "tokenEndpointAuthMethod"])
@pytest.mark.parametrize(
    ("method", "in_form"),
    [("client_secret_basic", False), ("client_secret_post", True), (None, False), ("", False)],
)
def test_the_client_is_in_a_header_or_in_the_form(spelling: str, method: str | None, in_form: bool) -> None:
    assert client("oidc_client_credentials", {**CLIENT, spelling: method}).in_form is in_form


@pytest.mark.parametrize("spelling", ["extra_params", "extraParams"])
def test_extra_parameters_are_texts_or_written_as_such(spelling: str) -> None:
    given = {"resource": "r", "n": 1, "yes": True, "d": Decimal("1.50")}
    read = client("oidc_client_credentials", {**CLIENT, spelling: given})
    assert read.extra == (("d", "1.50"), ("n", "1"), ("resource", "r"), ("yes", "true"))


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "other"},
        {"client_id": "other"},
        {"issuer_url": "https://other.test"},
        {"token_url": "https://id.test"},
        {"audience": "a"},
        {"scopes": "a"},
        {"scopes": "a b"},
        {"extra_params": {"resource": "r"}},
        {"token_endpoint_auth_method": "client_secret_post"},
    ],
)
def test_whatever_decides_the_token_decides_the_key(change: Mapping[str, Any]) -> None:
    changed = client("oidc_client_credentials", {**CLIENT, **change})
    assert changed.key != client("oidc_client_credentials", CLIENT).key


@pytest.mark.parametrize("change", [{"username": "eva"}, {"password": "other"}, {"client_secret": "s"}])
def test_the_user_and_the_password_decide_the_key(change: Mapping[str, Any]) -> None:
    assert client("oidc_user", {**USER, **change}).key != client("oidc_user", USER).key


def test_a_client_and_its_key_show_no_secret() -> None:
    read = client("oidc_user", {**USER, "client_secret": "s3cret", "extra_params": {"a": "s3cret"}})
    assert "s3cret" not in f"{read!r} {read.key} {Credentials({'Authorization': 's3cret'})!r}"


@pytest.mark.parametrize(
    ("cache", "read"),
    [
        (None, Caching(True, 60.0, True)),
        ({}, Caching(True, 60.0, True)),
        ({"enabled": False}, Caching(False, 60.0, True)),
        ({"refresh_before_expiry_seconds": 0}, Caching(True, 0.0, True)),
        ({"refresh_before_expiry_seconds": Decimal("1.5")}, Caching(True, 1.5, True)),
        ({"refresh_before_expiry_seconds": 10**400}, Caching(True, 1e9, True)),
        ({"use_refresh_token": False}, Caching(True, 60.0, False)),
        ({"enabled": None, "other": 1}, Caching(True, 60.0, True)),
    ],
)
def test_what_a_cache_block_leaves_out_keeps_its_default(cache: Any, read: Caching) -> None:
    assert caching_of(cache) == read


# --- AWS --------------------------------------------------------------------------------------------------------------


def test_a_key_signs_without_asking_anybody() -> None:
    made = credentials({"type": "aws_sigv4", "config": KEYS})
    assert made.sign is not None
    assert "s3cret" not in repr(made)
    signed = made.sign("GET", "https://b.s3.eu-central-1.amazonaws.com/k", {}, b"")
    assert signed["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")


# --- what is impossible -----------------------------------------------------------------------------------------------


def lacking(field: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != field}


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
        ("oidc_client_credentials", {}, "issuer_url or token_url is required"),
        ("oidc_client_credentials", lacking("client_id", CLIENT), "client_id is required"),
        ("oidc_client_credentials", lacking("client_secret", CLIENT), "client_secret is required"),
        ("oidc_client_credentials", {**CLIENT, "client_id": 7}, "client_id is required"),
        (
            "oidc_client_credentials",
            {**CLIENT, "token_endpoint_auth_method": "private_key_jwt"},
            "token_endpoint_auth_method must be client_secret_basic or client_secret_post",
        ),
        (
            "oidc_client_credentials",
            {**CLIENT, "scopes": {"a": 1}},
            "scopes must be a list of texts, or one text with spaces between",
        ),
        (
            "oidc_client_credentials",
            {**CLIENT, "scopes": [1]},
            "scopes must be a list of texts, or one text with spaces between",
        ),
        (
            "oidc_client_credentials",
            {**CLIENT, "extra_params": [1]},
            "extra_params must be an object of texts",
        ),
        (
            "oidc_client_credentials",
            {**CLIENT, "extra_params": {"a": {}}},
            "extra_params must be an object of texts",
        ),
        (
            "oidc_client_credentials",
            {**CLIENT, "issuer_url": "id.test"},
            "issuer_url: unsupported url: the scheme must be http or https",
        ),
        (
            "oidc_client_credentials",
            {**CLIENT, "tokenURL": "https://u:p@id.test"},
            "token_url: unsupported url: credentials belong into the authentication, not into the url",
        ),
        ("oidc_user", lacking("token_url", USER), "issuer_url or token_url is required"),
        ("oidc_user", lacking("client_id", USER), "client_id is required"),
        ("oidc_user", lacking("username", USER), "username is required"),
        ("oidc_user", lacking("password", USER), "password is required"),
        ("aws_sigv4", {}, "service is required"),
        ("aws_sigv4", lacking("region", KEYS), "region is required"),
        ("aws_sigv4", lacking("access_key_id", KEYS), "access_key_id or role_arn is required"),
        ("aws_sigv4", lacking("secret_access_key", KEYS), "secret_access_key is required"),
    ],
)
def test_impossible_authentication_fails_for_good(kind: Any, config: Any, reason: str) -> None:
    with pytest.raises(CallFailed) as failure:
        credentials({"type": kind, "config": config})
    assert str(failure.value) == f"failed to create auth provider: {reason}"
    assert not isinstance(failure.value, CallFailedForNow)


@pytest.mark.parametrize(
    ("cache", "reason"),
    [
        (1, "cache is not an object"),
        ({"enabled": "yes"}, "cache.enabled must be true or false"),
        ({"use_refresh_token": 1}, "cache.use_refresh_token must be true or false"),
        *(
            (
                {"refresh_before_expiry_seconds": value},
                "cache.refresh_before_expiry_seconds must be a number of seconds, 0 or more",
            )
            for value in (-1, True, "60")
        ),
    ],
)
def test_an_impossible_cache_block_fails_for_good(cache: Any, reason: str) -> None:
    with pytest.raises(CallFailed, match=f"^failed to create auth provider: {reason}$"):
        credentials({"type": "oidc_user", "config": USER, "cache": cache})
