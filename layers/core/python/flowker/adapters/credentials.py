"""What identifies a call, where it comes from, and how its configuration is read (Flowker spec h)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowker.adapters.deadline import Deadline
from flowker.model.outbound import CallFailed

Sign = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]
"""From method, URL, headers and body of a request that is ready to the headers that sign it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers and query parameters, or a signature. They never leave the origin that the call was made to."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    sign: Sign | None = None


class Authentication(Protocol):
    """How one call is authenticated. What it raises is `CallFailed` or `CallFailedForNow`."""

    def credentials(self, deadline: Deadline) -> Credentials: ...

    def renewed(self, refused: Credentials, deadline: Deadline) -> Credentials | None:
        """Fresh ones in place of those that the provider answered 401 to; None if there are no others."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Credentials that are written down in the configuration."""

    value: Credentials

    def credentials(self, deadline: Deadline) -> Credentials:
        return self.value

    def renewed(self, refused: Credentials, deadline: Deadline) -> Credentials | None:
        return None


def impossible(reason: str) -> CallFailed:
    """What is wrong with the configuration; only its author can put it right."""
    return CallFailed(f"failed to create auth provider: {reason}")


class Fields:
    """The `config` of one type of authentication. An empty text is as good as none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, *spellings: str) -> str | None:
        """The first spelling that has a text."""
        found = (self._values.get(name) for name in spellings)
        return next((value for value in found if isinstance(value, str) and value), None)

    def required(self, *spellings: str) -> str:
        """As `text`. Raises `CallFailed`, which asks for the first spelling."""
        value = self.text(*spellings)
        if value is None:
            raise impossible(f"{spellings[0]} is required")
        return value

    def value(self, *spellings: str) -> Any:
        """The first spelling that is there, whatever its type."""
        return next((self._values[name] for name in spellings if self._values.get(name) is not None), None)
