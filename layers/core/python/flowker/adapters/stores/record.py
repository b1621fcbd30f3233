"""What the items of all stores have in common: keys, a schema, and conditional writes that explain themselves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flowker.adapters.items import ConditionFailed, Delete, Item, Key, Query, Scalar, Table, Write
from flowker.adapters.table_rules import MAX_ITEMS, MOST_BYTES_TOGETHER, size_of
from flowker.errors import UnknownSchema

SCHEMA = 1
PAGE = 50
"""Items that are read to be deleted: at most 20 MB."""


Guarded = tuple[Write, Exception]
"""A write, and what it means if its condition does not hold."""


def item(key: Key, /, **attributes: Scalar | None) -> Item:
    """A new item; attributes that are None are left out."""
    given = {name: value for name, value in attributes.items() if value is not None}
    return {"pk": key.pk, "sk": key.sk, "schema": SCHEMA, **given}


def known(stored: Item) -> Item:
    """The item, if this version can read it. Raises `UnknownSchema`."""
    if stored.get("schema") != SCHEMA:
        found = (
            f"{stored['pk']} {stored['sk']} has schema {stored.get('schema')}, this version reads {SCHEMA}"
        )
        raise UnknownSchema("what is stored here is of another version of Flowker") from ValueError(found)
    return stored


def read(table: Table, keys: Iterable[Key]) -> list[Item | None]:
    """The items under any number of keys, in the order asked, in as few requests as possible."""
    wanted = list(keys)
    found: list[Item | None] = []
    for start in range(0, len(wanted), MAX_ITEMS):
        found += table.get(wanted[start : start + MAX_ITEMS])
    return [stored and known(stored) for stored in found]


def write(table: Table, guarded: Sequence[Guarded]) -> None:
    """Write all or nothing; if nothing, raise what stands beside the first write that was refused."""
    try:
        table.write([step for step, _ in guarded])
    except ConditionFailed as refusal:
        raise guarded[refusal.index][1] from refusal


def delete_found(table: Table, query: Query, but: Key | None = None) -> None:
    """Delete whatever a query finds, but one item if wanted: some at a time, since there may be any number. If somebody else
    deletes some of them, too, the rest is looked for again."""
    page = replace(query, limit=PAGE)
    while True:
        found = table.query(page)
        sized = [(Key(query.table, str(each["pk"]), str(each["sk"])), size_of(each)) for each in found]
        parts = _parts([each for each in sized if each[0] != but])
        if all(_deleted(table, part) for part in parts) and len(found) < PAGE:
            return


def _parts(sized: Iterable[tuple[Key, int]]) -> Iterator[Sequence[Key]]:
    """As much as a transaction may handle, which counts what is deleted."""
    part: list[Key] = []
    carried = 0
    for key, size in sized:
        if part and carried + size > MOST_BYTES_TOGETHER:
            yield part
            part, carried = [], 0
        part.append(key)
        carried += size
    if part:
        yield part


def _deleted(table: Table, found: Sequence[Key]) -> bool:
    """False if one of them was not there any more: then all others still are."""
    try:
        table.write([Delete(key) for key in found])
    except ConditionFailed:
        return False
    return True
