"""How the texts of environment variables are read. Every reader raises `ValueError`, which never repeats what may be secret."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import get_args

MOST_RUN_SECONDS = 365 * 86_400
"""A year: Step Functions keeps no run for longer."""
MOST_STEPS, MOST_DAYS = 100_000, 3650
LEAST_SECRET = 32
"""Bytes of a key that signs tokens: as many as the hash of HS256 has."""
PASSWORD = 8, 128
"""The least and the most characters of a password."""
MOST_HOURS = 720
"""The longest life of a token: 30 days, after which everybody gives their password again."""


def stage(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise ValueError("must be at most 64 letters, digits or any of _ . -")
    return text


def one_of(kind: object) -> Callable[[str], str]:
    words = get_args(kind)

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "0", "false"):
        raise ValueError("must be true or false")
    return text.lower() in ("1", "true")


def entries(text: str) -> Iterator[tuple[int, str]]:
    """What stands between commas, counted from 1; empty entries are no entries."""
    entries = (entry.strip() for entry in text.split(","))
    return ((number, entry) for number, entry in enumerate(entries, start=1) if entry)


def api_keys(text: str) -> Mapping[str, str]:
    """Messages repeat no entry: somebody may have put a key there instead of its hash."""
    keys: dict[str, str] = {}
    for number, entry in entries(text):
        name, _, digest = entry.partition("=")
        if not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise ValueError(f"entry {number} is not id=sha256, with 64 hexadecimal digits")
        check_key_id(name)
        if name in keys:
            raise ValueError(f"entry {number} has the id of an earlier one")
        keys[name] = digest.lower()
    return keys


def signing_secrets(text: str) -> Mapping[str, bytes]:
    """Keys that tokens are signed with, by key id: `id=secret`, with commas between them. Raises `ValueError`, which repeats
    none of them."""
    keys: dict[str, bytes] = {}
    for number, entry in entries(text):
        name, _, secret = entry.partition("=")
        if not name or len(secret.encode()) < LEAST_SECRET:
            raise ValueError(
                f"entry {number} is not id=secret, with a secret of at least {LEAST_SECRET} bytes"
            )
        if name in keys:
            raise ValueError(f"entry {number} has the id of an earlier one")
        keys[name] = secret.encode()
    return keys


def email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError("must be an e-mail address")
    return text


def password(text: str) -> str:
    least, most = PASSWORD
    if not least <= len(text) <= most:
        raise ValueError(f"must have {least} to {most} characters")
    return text


def check_key_id(name: str) -> None:
    if not name or "|" in name:
        raise ValueError(f"the id of an API key must not be empty or contain |: {name!r}")


def origins(text: str) -> tuple[str, ...]:
    origins = tuple(entry for _, entry in entries(text))
    for origin in origins:
        if not re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/?#\s]+", origin):
            raise ValueError(f"{origin} is not an origin, such as https://console.example, or *")
    return origins


def whole(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise ValueError(f"must be a whole number from 1 to {most}")
        return int(text)

    return read
