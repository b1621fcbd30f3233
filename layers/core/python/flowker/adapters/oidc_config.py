"""The configuration of OpenID Connect, read in all its spellings (Flowker spec h)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flowker.adapters.credentials import Fields, impossible
from flowker.adapters.outbound_url import Url
from flowker.model import exact_json
from flowker.model.authentication import (
    CLIENT_AUTHENTICATION,
    CLIENT_AUTHENTICATIONS,
    CLIENT_ID,
    CLIENT_SECRET,
    EXTRA_PARAMETERS,
    ISSUER_URL,
    TOKEN_URL,
)
from flowker.model.outbound import CallFailed

_EARLY = 60.0
_LONGEST = 10**9


@dataclass(frozen=True, slots=True)
class User:
    """Who the password grant speaks for."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """All that decides which token the token endpoint gives. `issuer_url` matters only without a `token_url`."""

    token_url: str | None
    issuer_url: str
    id: str
    secret: str | None = field(repr=False)
    user: User | None
    scopes: tuple[str, ...]
    audience: str | None
    in_form: bool
    """Whether id and secret go into the form, not into a header."""
    extra: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def key(self) -> str:
        """Equal for equal clients, secrets included, and tells nothing of them."""
        user = (self.user.name, self.user.password) if self.user else None
        place = (self.token_url, self.issuer_url)
        return exact_json.digest(
            [place, self.id, self.secret, user, self.scopes, self.audience, self.in_form, self.extra]
        )


@dataclass(frozen=True, slots=True)
class Caching:
    """How long a token is used: until `early` seconds before it expires."""

    enabled: bool = True
    early: float = _EARLY
    use_refresh_token: bool = True


def client_of(kind: str, fields: Fields) -> Client:
    """`kind` is `oidc_client_credentials` or `oidc_user`. Raises `CallFailed`: `failed to create auth provider: …`."""
    token_url = _address(fields, TOKEN_URL)
    issuer_url = None if token_url else _address(fields, ISSUER_URL)
    if token_url is None and issuer_url is None:
        raise impossible("issuer_url or token_url is required")
    client_id = fields.required(*CLIENT_ID)
    scopes = _scopes(fields.value("scopes"))
    if kind == "oidc_user":
        user = User(fields.required("username"), fields.required("password"))
        secret, in_form, scopes = fields.text(*CLIENT_SECRET), True, scopes or ("openid",)
    else:
        user, secret, in_form = None, fields.required(*CLIENT_SECRET), _in_form(fields)
    return Client(
        token_url=token_url,
        issuer_url=issuer_url or "",
        id=client_id,
        secret=secret,
        user=user,
        scopes=scopes,
        audience=fields.text("audience"),
        in_form=in_form,
        extra=_extra(fields.value(*EXTRA_PARAMETERS)),
    )


def caching_of(cache: object) -> Caching:
    """What is not given keeps its default. Raises `CallFailed`."""
    if cache is None:
        return Caching()
    if not isinstance(cache, Mapping):
        raise impossible("cache is not an object")
    return Caching(
        enabled=_switch(cache, "enabled"),
        early=_seconds(cache, "refresh_before_expiry_seconds", _EARLY),
        use_refresh_token=_switch(cache, "use_refresh_token"),
    )


def _address(fields: Fields, spellings: tuple[str, ...]) -> str | None:
    address = fields.text(*spellings)
    if address is not None:
        try:
            Url.parse(address)
        except CallFailed as error:
            raise impossible(f"{spellings[0]}: {error}") from None
    return address


def _scopes(value: Any) -> tuple[str, ...]:
    """A list, or a text with spaces between."""
    if isinstance(value, str):
        return tuple(value.split())
    if not isinstance(value, list | None) or not all(isinstance(scope, str) for scope in value or ()):
        raise impossible("scopes must be a list of texts, or one text with spaces between")
    return tuple(scope for scope in value or () if scope)


def _in_form(fields: Fields) -> bool:
    method = fields.value(*CLIENT_AUTHENTICATION) or CLIENT_AUTHENTICATIONS[0]
    if method not in CLIENT_AUTHENTICATIONS:
        raise impossible(f"{CLIENT_AUTHENTICATION[0]} must be {' or '.join(CLIENT_AUTHENTICATIONS)}")
    return method == "client_secret_post"


def _extra(value: Any) -> tuple[tuple[str, str], ...]:
    value = {} if value is None else value
    if not isinstance(value, Mapping) or not all(
        isinstance(one, str | bool | int | Decimal) for one in value.values()
    ):
        raise impossible(f"{EXTRA_PARAMETERS[0]} must be an object of texts")
    return tuple(
        sorted((name, one if isinstance(one, str) else exact_json.dumps(one)) for name, one in value.items())
    )


def _switch(cache: Mapping[str, Any], name: str) -> bool:
    value = cache.get(name)
    if not isinstance(value, bool | None):
        raise impossible(f"cache.{name} must be true or false")
    return value is not False


def _seconds(cache: Mapping[str, Any], name: str, default: float) -> float:
    value = cache.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value < 0:
        raise impossible(f"cache.{name} must be a number of seconds, 0 or more")
    return float(min(value, _LONGEST))
