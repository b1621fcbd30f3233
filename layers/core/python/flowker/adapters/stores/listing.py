"""Pages of long lists, by keyset: a cursor names the last row of a page, so rows that come and go shift nothing.

A list is walked in one or several stretches, one after the other; a stretch is one range of an index, spread over any
number of partitions, which are merged. A row only says where the thing itself is to be read.
"""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from flowker.adapters import keys
from flowker.adapters.items import Item, Key, Query, Scalar, Table
from flowker.errors import InvalidQuery
from flowker.model.page import Cursor, PageQuery

MOST_BYTES = 3_000_000
"""Of definitions on a page, unless the first one alone is larger. An answer has room for 6 MB, and what is shown may be
twice as long as what is stored: a mask is longer than a short secret."""

Where = Mapping[str, Sequence[Scalar]]
"""The values that pass, by attribute of an index."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The range of an index of `table` whose sort texts start with `prefix`; `part` is how cursors call it."""

    table: str
    index: str
    partitions: Sequence[str]
    prefix: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Where a thing on a list is stored, its sort text without the stretch's prefix, and its size if that is known."""

    key: Key
    sort: str
    part: int
    size: int


def sort_field(query: PageQuery, known: Collection[str]) -> str:
    """The field to sort by; a cursor carries its own. Raises `InvalidQuery` if it is not one of those known."""
    asked = query.cursor or query
    if asked.sort_by not in known:
        raise InvalidQuery(f"cannot sort by {asked.sort_by}", fields={"sortBy": "unknown"})
    return asked.sort_by


def rows(
    table: Table, stretches: Sequence[Stretch], query: PageQuery, where: Where
) -> tuple[Sequence[Row], Cursor | None]:
    """The rows of one page of the list, and where the next page starts."""
    cursor, asked = query.cursor, query.cursor or query
    found: list[Row] = []
    for stretch in stretches:
        if cursor and stretch.part < cursor.part:
            continue
        start = cursor.value if cursor and stretch.part == cursor.part else None
        wanted = query.limit + 1 - len(found)  # one more shows whether there is a next page
        found += _walk(table, stretch, start, asked.ascending, wanted, where)
        if len(found) > query.limit:
            break
    page = _fitting(found[: query.limit])
    if len(page) == len(found):
        return page, None
    return page, Cursor(asked.sort_by, asked.ascending, page[-1].sort, page[-1].part)


def _fitting(found: Sequence[Row]) -> Sequence[Row]:
    """The first rows, as many as one answer can hold, and at least one."""
    together = accumulate(row.size for row in found)
    return [row for row, size in zip(found, together, strict=True) if row is found[0] or size <= MOST_BYTES]


def still_passes(item: Item, where: Where) -> bool:
    """Whether the thing itself passes the filter: an index may lag behind it."""
    return all(item.get(name) in values for name, values in where.items())


def _walk(
    table: Table, stretch: Stretch, start: str | None, ascending: bool, wanted: int, where: Where
) -> Sequence[Row]:
    """The next rows of one stretch, its partitions merged."""
    bound = None if start is None else stretch.prefix + start
    partitions = [
        table.query(
            Query(
                stretch.table,
                partition,
                stretch.index,
                after=bound if ascending else None,
                before=None if ascending else bound,
                prefix=stretch.prefix or None,
                forward=ascending,
                limit=wanted,
                where=where,
            )
        )
        for partition in stretch.partitions
    ]
    sort_key = keys.TABLES[stretch.table][stretch.index].sk
    merged = heapq.merge(*partitions, key=lambda item: str(item[sort_key]), reverse=not ascending)
    return [_row(stretch, item, str(item[sort_key])) for item in merged][:wanted]


def _row(stretch: Stretch, item: Item, sort: str) -> Row:
    key = Key(stretch.table, str(item["pk"]), str(item["sk"]))
    return Row(key, sort.removeprefix(stretch.prefix), stretch.part, int(item.get("size", 0)))
