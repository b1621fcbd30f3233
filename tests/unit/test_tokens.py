"""Tokens: what is in them, which are refused, and how keys are rotated (FlowRunner spec b)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from flowker.errors import TokenRefused
from flowker.model.account import Account, Role, SigningKeys
from flowker.usecases.tokens import LONGEST_SESSION, Claims, Tokens
from tests.fakes import CountingIds, ManualClock

OLD, NEW = b"o" * 32, b"n" * 32
DAY = 24 * 3600
ACCOUNT = Account(
    id="account-1",
    name="Somebody",
    email="somebody@example.com",
    role=Role.USER,
    password="hash",
    token_version=3,
    created_at="2026-03-01T10:00:00.000Z",
    updated_at="2026-03-01T10:00:00.000Z",
)


class Keys:
    """Signing keys that a test rotates."""

    def __init__(self, **secrets: bytes) -> None:
        self.secrets = secrets

    def __call__(self, wanted: str | None = None) -> SigningKeys:
        return SigningKeys(self.secrets)


class World:
    def __init__(self, hours: int = 24) -> None:
        self.keys = Keys(old=OLD)
        self.clock = ManualClock()
        self.tokens = Tokens(self.keys, self.clock, CountingIds(), hours)

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def forged(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        secret: bytes = OLD,
        kid: str | None = "old",
        alg: str = "HS256",
    ) -> str:
        """A token like ours, but for the changes; None leaves a claim out."""
        _, claims = self.tokens.issue(ACCOUNT)
        asked = {**claims.model_dump(), **(changes or {})}
        told = {name: value for name, value in asked.items() if value is not None}
        return jwt.PyJWS().encode(json.dumps(told).encode(), secret, alg, {"kid": kid} if kid else None)


@pytest.fixture
def world() -> World:
    return World()


def refused(world: World, token: str) -> str:
    with pytest.raises(TokenRefused) as refusal:
        world.tokens.read(token)
    return refusal.value.message


def test_a_token_says_who_it_is_for_and_how_long_it_is_valid(world: World) -> None:
    token, claims = world.tokens.issue(ACCOUNT)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "old", "typ": "JWT"}
    assert claims == Claims(
        sub="account-1",
        account_id="account-1",
        username="somebody@example.com",
        role="user",
        iss="flowrunner",
        iat=world.now,
        nbf=world.now,
        exp=world.now + DAY,
        auth_time=world.now,
        jti="00000000-0000-4000-8000-000000000001",
        tv=3,
    )
    assert world.tokens.read(token) == claims


def test_tokens_of_one_moment_differ(world: World) -> None:
    assert world.tokens.issue(ACCOUNT)[0] != world.tokens.issue(ACCOUNT)[0]


def test_a_token_expires_but_clocks_may_differ_by_half_a_minute(world: World) -> None:
    token, _ = world.tokens.issue(ACCOUNT)
    world.clock.advance(DAY + 29)
    world.tokens.read(token)
    world.clock.advance(1)
    assert refused(world, token) == "the token has expired"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_of_the_future_is_refused(world: World, claim: str) -> None:
    world.tokens.read(world.forged({claim: world.now + 30}))
    assert refused(world, world.forged({claim: world.now + 31})) == "the token is not valid yet"


def test_a_token_lives_as_long_as_the_settings_say() -> None:
    world = World(hours=2)
    assert world.tokens.issue(ACCOUNT)[1].exp == world.now + 2 * 3600


def test_no_token_outlives_its_session(world: World) -> None:
    since = world.now
    world.clock.advance(LONGEST_SESSION - 60)
    _, claims = world.tokens.issue(ACCOUNT, authenticated_at=since)
    assert (claims.auth_time, claims.exp) == (since, since + LONGEST_SESSION)


def unsigned(token: str, algorithm: str) -> str:
    """The same claims, under a header that says that nothing needs to be verified."""
    header = json.dumps({"alg": algorithm, "typ": "JWT", "kid": "old"}).encode()
    return ".".join([urlsafe_b64encode(header).rstrip(b"=").decode(), token.split(".")[1], ""])


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "", "hs256"])
def test_only_the_one_algorithm_is_accepted(world: World, algorithm: str) -> None:
    refused(world, unsigned(world.tokens.issue(ACCOUNT)[0], algorithm))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_right_key_does_not_make_up_for_another_algorithm(world: World, algorithm: str) -> None:
    secret = b"o" * 64
    world.keys.secrets = {"old": secret}
    refused(world, world.forged(secret=secret, alg=algorithm))


@pytest.mark.parametrize("kid", [None, "", "new", "OLD"])
def test_a_token_names_a_key_of_ours(world: World, kid: str | None) -> None:
    refused(world, world.forged(kid=kid))


def test_a_token_is_signed_with_the_key_that_it_names(world: World) -> None:
    world.keys.secrets = {"new": NEW, "old": OLD}
    refused(world, world.forged(secret=NEW, kid="old"))
    world.tokens.read(world.forged(secret=NEW, kid="new"))


def test_every_changed_part_is_noticed(world: World) -> None:
    token, _ = world.tokens.issue(ACCOUNT)
    header, claims, signature = token.split(".")
    text = urlsafe_b64decode(claims + "==").replace(b'"user"', b'"admin"')
    forged = urlsafe_b64encode(text).rstrip(b"=").decode()
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    for changed in (f"{header}.{forged}.{signature}", f"{header}.{claims}.{other}", f"{header}.{claims}."):
        refused(world, changed)


@pytest.mark.parametrize("name", [*Claims.model_fields])
def test_no_claim_may_be_missing_or_of_another_type(world: World, name: str) -> None:
    refused(world, world.forged({name: None}))
    refused(world, world.forged({name: ["x"]}))
    refused(world, world.forged({name: True}))


@pytest.mark.parametrize("changes", [{"iss": "somebody"}, {"sub": "account-2"}, {"account_id": "account-2"}])
def test_a_token_is_one_of_ours_and_says_one_thing(world: World, changes: dict[str, str]) -> None:
    assert refused(world, world.forged(changes)) == "the token is not one of ours"


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "ü.ü.ü", "x" * 10_000, "eyJhbGciOiJIUzI1NiJ9..", "null.e30.x"]
)
def test_what_is_no_token_is_refused(world: World, text: str) -> None:
    refused(world, text)


def test_after_a_rotation_old_tokens_are_valid_until_the_old_key_is_taken_away(world: World) -> None:
    before, _ = world.tokens.issue(ACCOUNT)
    world.keys.secrets = {"new": NEW, "old": OLD}
    after, _ = world.tokens.issue(ACCOUNT)
    assert jwt.get_unverified_header(after)["kid"] == "new"
    world.tokens.read(before)
    world.keys.secrets = {"new": NEW}
    world.tokens.read(after)
    refused(world, before)


@pytest.mark.parametrize("secrets", [{}, {"": b"x" * 32}, {"short": b"x" * 31}])
def test_keys_that_would_not_protect_are_refused_and_not_repeated(secrets: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="key") as refusal:
        SigningKeys(secrets)
    assert "xxx" not in str(refusal.value)
    assert "xxx" not in repr(SigningKeys({"a": b"x" * 32}))
