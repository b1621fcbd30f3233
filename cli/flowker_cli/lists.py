"""Lists that are longer than a page of the API."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowker_cli.paths import PAGE

if TYPE_CHECKING:
    from flowker_cli.client import Client


def by_offset(
    client: "Client", path: str, name: str, query: Mapping[str, Any], limit: int | None, offset: int
) -> dict[str, Any]:
    """A list of /api/v1 as one page: at most `limit` things, or all, from `offset` on."""
    found: list[Any] = []
    while True:
        wanted = PAGE if limit is None else min(PAGE, limit - len(found))
        page = client.get(path, {**query, "limit": wanted, "offset": offset + len(found)})
        found += page[name]
        enough = limit is not None and len(found) >= limit
        if enough or not page[name] or offset + len(found) >= page["total"]:
            shown = len(found) if limit is None else limit
            return {name: found, "total": page["total"], "limit": shown, "offset": offset}


def by_cursor(client: "Client", path: str, query: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """A list of /v1 as one page of at most `limit` items."""
    found: list[Any] = []
    cursor = query.get("cursor")
    first = {name: value for name, value in query.items() if name != "cursor"}
    while True:
        place = {"cursor": cursor} if cursor else first
        page = client.get(path, {**place, "limit": min(PAGE, limit - len(found))})
        found += page["items"]
        cursor = page["nextCursor"]
        if len(found) >= limit or not cursor:
            return {**page, "items": found}
