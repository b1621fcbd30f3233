"""What the items of all stores have in common: keys, a schema, and conditional writes that explain themselves."""

from collections.abc import Iterable, Sequence

from flowker.adapters.items import ConditionFailed, Item, Key, Scalar, Table, Write
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.errors import UnknownSchema

SCHEMA = 1


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
