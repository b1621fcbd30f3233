"""Passwords as Argon2id hash strings, which carry their own parameters (FlowRunner spec b)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from flowker.errors import InvalidAccount
from flowker.settings.texts import PASSWORD

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""What OWASP recommends: 19 MiB for some tens of milliseconds, which a small function can afford."""


def hashed(password: str, field: str = "password") -> str:
    """The hash string of a new password. Raises `InvalidAccount`."""
    least, most = PASSWORD
    if not least <= len(password) <= most:
        wanted = f"must have {least} to {most} characters"
        raise InvalidAccount(f"the {field} {wanted}", fields={field: wanted})
    return _HASHER.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Whether this is the password. Without an account there is no hash; that takes as long."""
    try:
        return _HASHER.verify(stored or _nobodys(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody has this password")
