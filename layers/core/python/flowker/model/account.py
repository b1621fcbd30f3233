"""Who owns flows, secrets and executions of the second face: login and tenant in one record (FlowRunner spec b)."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from flowker.model.instant import Instant

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
    """Whom a valid token stands for. `token_id` is its `jti`, `expires_at` its `exp` in seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    email: str
    role: Role
    token_id: str
    expires_at: int

    @property
    def admin(self) -> bool:
        return self.role is Role.ADMIN


class SecretHead(BaseModel):
    """What can be known of a secret: never its value (FlowRunner spec f)."""

    model_config = ConfigDict(frozen=True)

    key: str
    created_at: Instant
    updated_at: Instant
