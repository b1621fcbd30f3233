"""How a call identifies itself to a provider, in every accepted spelling (Flowker spec h)."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from flowker.adapters.aws_signature import AwsAuthentication, Roles, signer_of
from flowker.adapters.credentials import Authentication, Credentials, Fields, Fixed, impossible
from flowker.adapters.oidc import OidcAuthentication, Tokens
from flowker.adapters.oidc_config import caching_of, client_of


class Authentications:
    """Reads the `auth` of requests, `{type, config, cache}`. Tokens and roles are shared by all of them."""

    def __init__(self, tokens: Tokens, roles: Roles) -> None:
        self._tokens = tokens
        self._roles = roles

    def of(self, auth: Mapping[str, Any] | None) -> Authentication:
        """Raises `CallFailed` with `failed to create auth provider: …` for an unknown type or a wrong field."""
        auth = auth or {}
        kind = auth.get("type") or "none"
        config = auth.get("config") or {}
        if not isinstance(config, Mapping):
            raise impossible("config is not an object")
        fields = Fields(config)
        match kind:
            case "oidc_client_credentials" | "oidc_user":
                return OidcAuthentication(
                    client_of(kind, fields), caching_of(auth.get("cache")), self._tokens
                )
            case "aws_sigv4":
                return AwsAuthentication(signer_of(fields), self._roles)
            case _:
                return Fixed(_fixed(kind, fields))


def _fixed(kind: object, fields: Fields) -> Credentials:
    match kind:
        case "none":
            return Credentials()
        case "api_key":
            return _api_key(fields)
        case "bearer":
            return Credentials({"Authorization": f"Bearer {fields.required('token')}"})
        case "basic":
            pair = f"{fields.required('username')}:{fields.required('password')}"
            return Credentials({"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})
        case _:
            raise impossible(f'authentication type "{kind}" is not supported')


def _api_key(fields: Fields) -> Credentials:
    """Two spellings: `{value: secret, key: name}`; `{key: secret, header | header_name | query_param_name: name}`."""
    secret, name = fields.text("value"), fields.text("key")
    if secret is None:
        secret, name = fields.required("key"), None
    secret = (fields.text("prefix") or "") + secret
    match fields.text("location") or "header":
        case "header":
            return Credentials({name or fields.text("header", "header_name") or "X-API-Key": secret})
        case "query":
            return Credentials(query={name or fields.text("query_param_name") or "api_key": secret})
        case _:
            raise impossible("location must be header or query")
