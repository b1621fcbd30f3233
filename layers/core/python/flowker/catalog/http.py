"""HTTP, for every service without a provider of its own (Flowker spec g.1, g.2, h)."""

from collections.abc import Sequence
from typing import Any

from flowker.catalog.entries import (
    ANYTHING,
    FILLED,
    OBJECT,
    STRING,
    URI,
    UUID,
    Executor,
    Provider,
    Schema,
    array,
    document,
    integer,
    one_of,
    record,
)
from flowker.model.authentication import (
    CLIENT_AUTHENTICATION,
    CLIENT_AUTHENTICATIONS,
    CLIENT_ID,
    CLIENT_SECRET,
    EXTRA_PARAMETERS,
    ISSUER_URL,
    TOKEN_URL,
)

_AUTH_TYPES = ("none", "api_key", "bearer", "basic", "oidc_client_credentials", "oidc_user")
_TEXTS: Schema = {"type": "object", "additionalProperties": STRING}
_SCOPES: Schema = {"type": ["array", "string"], "items": STRING}

_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_ENDPOINT = (*ISSUER_URL, *TOKEN_URL)


def _given(name: str) -> Schema:
    """The field is there, and not empty."""
    return {"required": [name], "properties": {name: {"minLength": 1}}}


def _needs(*spellings: str) -> Schema:
    """One of the spellings must be given; the first is the one that a message asks for."""
    first, *others = spellings
    if not others:
        return _given(first)
    return {"if": {"anyOf": [_given(other) for other in others]}, "else": _given(first)}


def _when(auth_type: str, needs: Sequence[Schema]) -> Schema:
    """What `config` must hold for one type of authentication."""
    return {
        "if": {"properties": {"type": {"const": auth_type}}, "required": ["type"]},
        "then": {"required": ["config"], "properties": {"config": {"allOf": list(needs)}}},
    }


def _switch(default: bool) -> dict[str, Any]:
    return {"type": "boolean", "default": default}


_AUTH: Schema = record(
    {
        "type": one_of(*_AUTH_TYPES, default="none"),
        "config": record(
            {
                "key": STRING,
                "value": STRING,
                "prefix": STRING,
                "header": STRING,
                "header_name": STRING,
                "location": one_of("header", "query", default="header"),
                "query_param_name": STRING,
                "token": STRING,
                "username": STRING,
                "password": STRING,
                **dict.fromkeys((*_ENDPOINT, *CLIENT_ID, *CLIENT_SECRET), STRING),
                "scopes": _SCOPES,
                "audience": STRING,
                **dict.fromkeys(
                    CLIENT_AUTHENTICATION, one_of(*CLIENT_AUTHENTICATIONS, default=CLIENT_AUTHENTICATIONS[0])
                ),
                **dict.fromkeys(EXTRA_PARAMETERS, record({}, additionalProperties=_SCALAR)),
            }
        ),
        "cache": record(
            {
                "enabled": _switch(True),
                "refresh_before_expiry_seconds": integer(0, default=60),
                "use_refresh_token": _switch(True),
            }
        ),
    },
    allOf=[
        _when("api_key", [_needs("key", "value")]),
        _when("bearer", [_needs("token")]),
        _when("basic", [_needs("username"), _needs("password")]),
        _when(
            "oidc_client_credentials",
            [_needs(*_ENDPOINT), _needs(*CLIENT_ID), _needs(*CLIENT_SECRET)],
        ),
        _when(
            "oidc_user",
            [_needs(*_ENDPOINT), _needs(*CLIENT_ID), _needs("username"), _needs("password")],
        ),
    ],
)

_FLAT_AUTH: dict[str, Schema] = {
    "auth_type": one_of(*_AUTH_TYPES, default="none"),
    "api_key": STRING,
    "bearer_token": STRING,
    **_AUTH["properties"]["config"]["properties"],
    "cache": _AUTH["properties"]["cache"],
}
"""The older spelling of authentication, beside `base_url` instead of inside `auth`."""

PROVIDER = Provider(
    id="http",
    name="HTTP",
    description="Any service that speaks HTTP.",
    schema=document(
        {
            "base_url": URI,
            "headers": _TEXTS,
            "timeout_ms": integer(100, 30_000, default=5000),
            "auth": _AUTH,
            **_FLAT_AUTH,
        },
        required=["base_url"],
    ),
)

_MAPPINGS: Schema = array(
    record(
        {
            "source": FILLED,
            "target": FILLED,
            "required": _switch(False),
            "transformation": record({"type": FILLED, "config": OBJECT}, required=["type"]),
        },
        required=["source", "target"],
    )
)

_REQUEST: Schema = document(
    {
        "method": one_of("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
        "url": {
            "type": "string",
            "description": "Absolute, or relative to the provider's base_url."
            " ${path} inserts a value of the context, URL-encoded.",
        },
        "headers": _TEXTS,
        "query": _TEXTS,
        "body": ANYTHING,
        "timeout_seconds": integer(1, 300, default=30),
        "retry": record(
            {"max_attempts": integer(1, 10, default=3), "backoff_seconds": integer(1, 60, default=1)}
        ),
        "success_status_codes": array(integer(100, 599), default=[200, 201, 202, 204]),
        "auth": _AUTH,
        "executorConfigId": UUID,
        "endpointName": STRING,
        "inputMapping": _MAPPINGS,
        "outputMapping": _MAPPINGS,
        "transforms": array(
            record(
                {"operation": FILLED, "spec": OBJECT, "require": _switch(False)},
                required=["operation", "spec"],
            )
        ),
    },
    required=["method", "url"],
    additionalProperties=False,
)

EXECUTORS = (
    Executor(
        id="http",
        name="HTTP Request",
        category="HTTP",
        provider_id=PROVIDER.id,
        schema=_REQUEST,
        optional_in_nodes=frozenset({"url"}),  # every provider configuration has a base_url
    ),
)
