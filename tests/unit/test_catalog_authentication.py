"""Which blocks of authentication the http provider and the http executor accept (Flowker spec g.2, h)."""

from typing import Any

import pytest

from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import violations

OIDC = {"issuer_url": "https://id.test", "client_id": "c", "client_secret": "s"}
USER = {"tokenURL": "https://id.test/token", "clientID": "c", "username": "u", "password": "p"}


def of(auth_type: str, **config: Any) -> dict[str, Any]:
    return {"type": auth_type, "config": config}


def without(field: str, config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != field}


ACCEPTED: list[Any] = [
    {},
    {"type": "none"},
    of("none", key=""),
    of("bearer", token="t"),
    of("api_key", key="k"),
    of("api_key", key="k", header="X-K", prefix="p", location="query"),
    of("api_key", key="k", header_name="X-K", query_param_name="k", location="header"),
    of("api_key", value="v", key="X-K"),
    of("basic", username="u", password="p"),
    of("oidc_client_credentials", **OIDC),
    of("oidc_client_credentials", **OIDC, scopes="a b", extra_params={}, audience="a"),
    of("oidc_client_credentials", **OIDC, scopes=["a"], token_endpoint_auth_method="client_secret_post"),
    of("oidc_client_credentials", tokenURL="https://id.test/token", clientID="c", clientSecret="s"),
    of("oidc_client_credentials", token_url="https://id.test/token", client_id="c", client_secret="s"),
    of("oidc_client_credentials", tokenUrl="https://id.test/token", clientId="c", clientSecret="s"),
    of("oidc_client_credentials", issuerUrl="https://id.test", clientId="c", clientSecret="s"),
    of("oidc_client_credentials", **OIDC, tokenEndpointAuthMethod="client_secret_post"),
    of("oidc_client_credentials", **OIDC, extraParams={"resource": "r", "n": 1, "yes": True}),
    of("oidc_user", **USER),
    of("oidc_user", issuerURL="https://id.test", **without("tokenURL", USER)),
    {"cache": {"enabled": False, "refresh_before_expiry_seconds": 0, "use_refresh_token": False}},
]

REFUSED: list[tuple[Any, str]] = [
    ("x", "/auth"),
    ({"type": "magic"}, "/auth/type"),
    ({"type": "aws_sigv4"}, "/auth/type"),
    ({"type": "bearer", "config": "x"}, "/auth/config"),
    ({"type": "bearer"}, "/auth/config"),
    (of("bearer"), "/auth/config/token"),
    (of("bearer", token=""), "/auth/config/token"),
    (of("bearer", token=1), "/auth/config/token"),
    (of("api_key"), "/auth/config/key"),
    (of("api_key", key=""), "/auth/config/key"),
    (of("api_key", value=""), "/auth/config/key"),
    (of("api_key", key="k", location="cookie"), "/auth/config/location"),
    (of("basic", username="u"), "/auth/config/password"),
    (of("basic", password="p"), "/auth/config/username"),
    *((of("oidc_client_credentials", **without(field, OIDC)), f"/auth/config/{field}") for field in OIDC),
    (
        of("oidc_client_credentials", **OIDC, token_endpoint_auth_method="x"),
        "/auth/config/token_endpoint_auth_method",
    ),
    (of("oidc_client_credentials", **OIDC, extra_params=1), "/auth/config/extra_params"),
    (of("oidc_client_credentials", **OIDC, extra_params={"a": {}}), "/auth/config/extra_params/a"),
    (
        of("oidc_client_credentials", **OIDC, tokenEndpointAuthMethod="x"),
        "/auth/config/tokenEndpointAuthMethod",
    ),
    (of("oidc_client_credentials", **OIDC, scopes=1), "/auth/config/scopes"),
    (of("oidc_user", **without("tokenURL", USER)), "/auth/config/issuer_url"),
    (of("oidc_user", **without("clientID", USER)), "/auth/config/client_id"),
    (of("oidc_user", **without("username", USER)), "/auth/config/username"),
    (of("oidc_user", **without("password", USER)), "/auth/config/password"),
    ({"cache": 1}, "/auth/cache"),
    ({"cache": {"enabled": 1}}, "/auth/cache/enabled"),
    ({"cache": {"refresh_before_expiry_seconds": -1}}, "/auth/cache/refresh_before_expiry_seconds"),
    ({"cache": {"use_refresh_token": 1}}, "/auth/cache/use_refresh_token"),
]


def pointers(auth: Any) -> list[list[str]]:
    """Where the provider's and the executor's schema see a violation."""
    provider = {"base_url": "https://http.test", "auth": auth}
    executor = {"method": "GET", "url": "/", "auth": auth}
    return [
        [each.pointer for each in violations(CATALOG.providers["http"].schema, provider, formats=False)],
        [each.pointer for each in violations(CATALOG.executors["http"].schema, executor, formats=True)],
    ]


@pytest.mark.parametrize("auth", ACCEPTED)
def test_authentication_is_accepted_in_every_spelling(auth: Any) -> None:
    assert pointers(auth) == [[], []]


@pytest.mark.parametrize(("auth", "pointer"), REFUSED)
def test_incomplete_authentication_is_refused_at_the_field(auth: Any, pointer: str) -> None:
    assert pointers(auth) == [[pointer], [pointer]]
