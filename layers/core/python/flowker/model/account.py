"""Who owns flows, secrets and executions of the second face: login and tenant in one record (FlowRunner spec b)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from flowker.model.instant import Instant
from flowker.settings.texts import LEAST_SECRET

ACCOUNT_PREFIX = "account-"
"""What the ids of accounts start with."""


class Role(StrEnum):
    """An admin administers accounts; it sees no flows but its own (decision D-11 of the specification)."""

    ADMIN = "admin"
    USER = "user"


class Account(BaseModel):
    """`version` counts changes; every write names the one it read. `token_version` is part of each token: raising it revokes
    all of them. `password` is an Argon2id hash string."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    email: str
    """As the user wrote it; unique without regard to letter case."""
    role: Role
    password: str
    token_version: int = 1
    created_at: Instant
    updated_at: Instant
    version: int = 1


class Principal(BaseModel):
    """Whom a valid token stands for. `token_id` is its `jti`, `expires_at` its `exp`; all times are in seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    email: str
    role: Role
    token_id: str
    expires_at: int
    authenticated_at: int = 0
    """When somebody last gave a password for it; tokens can be refreshed for so long after that, and no longer."""

    @property
    def admin(self) -> bool:
        return self.role is Role.ADMIN


class SecretHead(BaseModel):
    """What can be known of a secret: never its value (FlowRunner spec f)."""

    model_config = ConfigDict(frozen=True)

    key: str
    created_at: Instant
    updated_at: Instant


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """What tokens are signed with, by key id: the first one signs, all of them verify. So a new one is put first, and the old
    one is taken away once all of its tokens have expired. Raises `ValueError`, which repeats no key."""

    secrets: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.secrets:
            raise ValueError("there is no key that tokens can be signed with")
        for name, secret in self.secrets.items():
            if not name:
                raise ValueError("a signing key has no id")
            if len(secret) < LEAST_SECRET:
                raise ValueError(f"the signing key {name} has less than {LEAST_SECRET} bytes")

    @property
    def newest(self) -> tuple[str, bytes]:
        return next(iter(self.secrets.items()))


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """The admin who makes all other accounts; comes with the deployment."""

    email: str
    password: str = field(repr=False)
