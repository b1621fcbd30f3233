"""Tokens: JSON Web Tokens, signed with HS256 by a key that the token names (FlowRunner spec b)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError

from flowker.errors import TokenRefused
from flowker.model.account import Account
from flowker.ports import Clock, Ids
from flowker.ports.accounts import Signing
from flowker.settings.texts import MOST_HOURS

ALGORITHM = "HS256"
ISSUER = "flowrunner"
LEEWAY = 30
"""Seconds that clocks may differ."""
LONGEST_SESSION = int(timedelta(hours=MOST_HOURS).total_seconds())
"""After so long, refreshing ends: somebody has to give the password again."""


class Claims(BaseModel):
    """What a token says; times are in seconds since 1970. `role` and `username` are for the client: what is stored decides."""

    model_config = ConfigDict(frozen=True)

    sub: StrictStr
    account_id: StrictStr
    username: StrictStr
    role: StrictStr
    iss: StrictStr
    iat: StrictInt
    nbf: StrictInt
    exp: StrictInt
    auth_time: StrictInt
    jti: StrictStr
    tv: StrictInt


@dataclass(frozen=True, slots=True)
class Tokens:
    """`signing` is asked each time, so that a rotation is noticed."""

    signing: Signing
    clock: Clock
    ids: Ids
    hours: int

    def issue(self, account: Account, authenticated_at: int | None = None) -> tuple[str, Claims]:
        """A token for the account, and what it says. A refreshed one remembers when the password was given."""
        now = self._now()
        since = now if authenticated_at is None else authenticated_at
        claims = Claims(
            sub=account.id,
            account_id=account.id,
            username=account.email,
            role=account.role,
            iss=ISSUER,
            iat=now,
            nbf=now,
            exp=min(now + self.hours * 3600, since + LONGEST_SESSION),
            auth_time=since,
            jti=self.ids.new(),
            tv=account.token_version,
        )
        name, secret = self.signing().newest
        return jwt.encode(claims.model_dump(), secret, ALGORITHM, headers={"kid": name}), claims

    def read(self, token: str) -> Claims:
        """What a token says, if one of our keys signed it and it is valid now. Raises `TokenRefused`."""
        try:
            claims = Claims.model_validate(self._verified(token))
        except (jwt.PyJWTError, ValidationError) as error:
            raise TokenRefused("the token is malformed or not one of ours") from error
        now = self._now()
        if claims.iss != ISSUER or claims.sub != claims.account_id:
            raise TokenRefused("the token is not one of ours")
        if max(claims.nbf, claims.iat) > now + LEEWAY:
            raise TokenRefused("the token is not valid yet")
        if claims.exp <= now - LEEWAY:
            raise TokenRefused("the token has expired")
        return claims

    def _verified(self, token: str) -> Mapping[str, Any]:
        """The times are left to `read`, which knows the clock. Raises `jwt.PyJWTError`."""
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM:
            raise jwt.InvalidAlgorithmError("another algorithm")
        name = str(header.get("kid"))
        secret = self.signing(name).secrets.get(name)
        if secret is None:
            raise jwt.InvalidKeyError("an unknown key")
        unchecked = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
        return jwt.decode(token, secret, [ALGORITHM], options=unchecked)  # type: ignore[arg-type]

    def _now(self) -> int:
        return int(self.clock.now().timestamp())
