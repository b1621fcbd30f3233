"""Lists by page: what was asked, what is answered, and the opaque cursor between pages (Flowker spec a.1)."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Generic, TypeVar

from flowker.errors import InvalidQuery
from flowker.model import exact_json

ItemT = TypeVar("ItemT")

_MOST_BYTES = 800
"""Of a cursor's sort text: 100 characters of a name and an id, with room to spare."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the last page ended: the sort it was walked in, and the last item's sort text and id.

    `part` tells lists that are walked in two parts (unfinished executions come last) which one the item was in.
    """

    sort_by: str
    ascending: bool
    value: str
    part: int = 0

    def encode(self) -> str:
        """Opaque, safe in a query string, and refused by `decode` when a character was changed."""
        text = exact_json.canonical([self.sort_by, self.ascending, self.value, self.part]).encode()
        return base64.urlsafe_b64encode(sha256(text).digest()[:6] + text).decode()

    @staticmethod
    def decode(text: str) -> "Cursor":
        """Raises `InvalidQuery` for anything that `encode` did not write."""
        try:
            sort_by, ascending, value, part = exact_json.loads(base64.urlsafe_b64decode(text)[6:])
            if [type(each) for each in (sort_by, ascending, value, part)] != [str, bool, str, int]:
                raise ValueError("types")
            if not 1 <= len(value.encode()) <= _MOST_BYTES:  # half of a surrogate pair cannot be encoded
                raise ValueError("text")
            cursor = Cursor(sort_by, ascending, value, part)
            if cursor.encode() != text:
                raise ValueError("not what `encode` writes")
        except (ValueError, TypeError):
            raise InvalidQuery(
                "cursor is not one this list has given out", fields={"cursor": "invalid"}
            ) from None
        return cursor


@dataclass(frozen=True, slots=True)
class PageQuery:
    """`sort_by` is a field of the API, `where` maps filter names to the values that pass."""

    limit: int
    sort_by: str
    ascending: bool = False
    cursor: Cursor | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """`next_cursor` is None on the last page."""

    items: Sequence[ItemT]
    next_cursor: Cursor | None = None

    def document(self, render: Any) -> dict[str, Any]:
        """The list envelope of the API."""
        return {
            "items": [render(item) for item in self.items],
            "nextCursor": self.next_cursor.encode() if self.next_cursor else "",
            "hasMore": self.next_cursor is not None,
        }
