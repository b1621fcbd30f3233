"""What every home must decide the same way: limits of a call, equality of values, and ranges of sort keys.

The limits are DynamoDB's. The other homes keep them too, so that what works on one machine works on AWS. Breaking a limit
that only code can break is a `ValueError` or `TypeError`; too much data is `InvalidBody`, and nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence

from flowker.adapters import keys as layout
from flowker.adapters.items import Check, Condition, Delete, Item, Key, Put, Query, Scalar, Update, Write
from flowker.errors import InvalidBody

MAX_ITEMS = 100
"""Keys of one read, writes of one transaction."""
MOST_BYTES = 400 * 1024
"""Of an item."""
MOST_BYTES_TOGETHER = 4_000_000
"""Of what one transaction carries."""
MOST_TERMS = 100
"""Attributes and values in one expression, which then stays below DynamoDB's 4 KB of text and 300 operators."""
PARTITION_BYTES, SORT_BYTES = 2048, 1024
"""Of the keys, also of indexes."""
DIGITS = 38
"""Of an integer."""

_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def check_keys(keys: Sequence[Key]) -> None:
    """Raises `ValueError` for more keys than one read may name."""
    if len(keys) > MAX_ITEMS:
        raise ValueError(f"{len(keys)} keys in one read, at most {MAX_ITEMS} are allowed")


def is_storable(key: Key) -> bool:
    """Whether anything can be stored under the key; DynamoDB refuses to look under others."""
    return 0 < _bytes(key.pk) <= PARTITION_BYTES and 0 < _bytes(key.sk) <= SORT_BYTES


def check_query(query: Query) -> None:
    """Raises `ValueError` for bounds that no sort key can reach, for a filter by what DynamoDB does not see, a part of the key
    or what an index does not project, and for one by more values than fit."""
    if any(_bytes(bound or "") > SORT_BYTES for bound in (query.after, query.before, query.prefix)):
        raise ValueError(f"a bound of a query is longer than {SORT_BYTES} bytes")
    seen = (
        layout.TABLES[query.table][query.index].projects if query.index else query.where.keys() - {"pk", "sk"}
    )
    if query.where.keys() - seen:
        raise ValueError(f"a query of {query.index or query.table} cannot filter by {', '.join(query.where)}")
    _check_terms(_terms(query.where))


def is_reachable(query: Query) -> bool:
    """Whether the partition can exist; DynamoDB refuses to look into others."""
    return 0 < _bytes(query.pk) <= PARTITION_BYTES


def check_writes(writes: Sequence[Write]) -> None:
    """Raises `ValueError` for what no home can do in one transaction, `TypeError` for a value that is no scalar or a key that
    is no text, `InvalidBody` for more data than an item or a transaction can hold."""
    if len(writes) > MAX_ITEMS:
        raise ValueError(f"{len(writes)} writes in one transaction, at most {MAX_ITEMS} are allowed")
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("two writes of one transaction have the same key")
    for write in writes:
        _check_write(write)
    if sum(map(_carried, writes)) > MOST_BYTES_TOGETHER:
        raise too_large("what is to be stored at once")


def check_item(table: str, item: Item) -> None:
    """Raises for an item that cannot be stored: see `check_writes`. For homes that compute what an update makes."""
    for name, value in item.items():
        _check_scalar(name, value)
    if size_of(item) > MOST_BYTES:
        raise too_large("an item")
    _check_text("pk", item.get("pk"), PARTITION_BYTES)
    _check_text("sk", item.get("sk"), SORT_BYTES)
    for index in layout.TABLES[table].values():
        for name, most in ((index.pk, PARTITION_BYTES), (index.sk, SORT_BYTES)):
            if name in item:
                _check_text(name, item[name], most)


def too_large(what: str) -> InvalidBody:
    """What too much data is answered with."""
    return InvalidBody(f"{what} is too large")


def size_of(item: Item) -> int:
    """The bytes that DynamoDB counts for an item, rather a few more than one less: names and texts in UTF-8, and half a byte
    per digit, with some around it."""
    return sum(_bytes(name) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Scalar) -> int:
    if isinstance(value, str):
        return _bytes(value)
    return 1 if isinstance(value, bool) else len(str(value)) // 2 + 2


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _carried(write: Write) -> int:
    """The bytes that a write brings along."""
    match write:
        case Put():
            return size_of(write.item)
        case Update():
            return size_of({"pk": write.key.pk, "sk": write.key.sk, **write.set, **write.add})
        case Delete() | Check():
            return size_of({"pk": write.key.pk, "sk": write.key.sk})


def _check_write(write: Write) -> None:
    key = {"pk": write.key.pk, "sk": write.key.sk}
    match write:
        case Put():
            check_item(write.table, write.item)
        case Update():
            check_item(write.key.table, {**key, **write.set, **write.add})
            _check_touched([*write.set, *write.add, *write.remove])
        case Delete() | Check():
            check_item(write.key.table, key)
    if write.when is not None:
        _check_terms(_conditions(write.when))


def _check_touched(touched: Sequence[str]) -> None:
    if not touched:
        raise ValueError("an update that changes nothing; use a Check")
    if len({*touched, "pk", "sk"}) < len(touched) + 2:
        raise ValueError("an update may touch an attribute only once, and never the key")
    _check_terms(touched)


def _check_scalar(name: str, value: object) -> None:
    if not isinstance(value, str | int):
        raise TypeError(f"attribute {name} is a {type(value).__name__}, not a scalar")
    if not name:
        raise ValueError("an attribute without a name")
    if isinstance(value, int) and abs(value) >= 10**DIGITS:
        raise ValueError(f"attribute {name} has more than {DIGITS} digits")


def _check_text(name: str, value: object, most: int) -> None:
    """Check an attribute that the table or an index is sorted or divided by."""
    if not isinstance(value, str):
        raise TypeError(f"attribute {name} is part of a key and no text")
    if not value:
        raise ValueError(f"attribute {name} is part of a key and empty")
    if _bytes(value) > most:
        raise too_large(f"attribute {name}, part of a key,")


def _conditions(condition: Condition) -> Iterator[object]:
    yield from condition.equals
    yield from _terms(condition.one_of)
    yield from condition.at_most
    yield from condition.missing


def _terms(values: Mapping[str, Sequence[Scalar]]) -> Iterator[object]:
    for name, those in values.items():
        yield name
        yield from those


def _check_terms(terms: Iterator[object] | Sequence[object]) -> None:
    count = sum(1 for _ in terms)
    if count > MOST_TERMS:
        raise ValueError(f"{count} attributes and values in one expression, at most {MOST_TERMS} are allowed")


def is_one_of(value: Scalar | None, values: Sequence[Scalar]) -> bool:
    """True is not 1, although Python says so."""
    return any(type(value) is type(other) and value == other for other in values)


def passes(item: Item, query: Query) -> bool:
    """Whether `query.where` keeps the item."""
    return all(is_one_of(item.get(name), values) for name, values in query.where.items())


def in_range(value: str, query: Query) -> bool:
    """Whether a sort key is within the query's bounds and has its prefix."""
    return (
        (query.after is None or value > query.after)
        and (query.before is None or value < query.before)
        and value.startswith(query.prefix or "")
    )


def successor(prefix: str) -> str | None:
    """The smallest string greater than every string with this prefix; None if there is none.

    All homes order strings by code point (DynamoDB and SQLite compare UTF-8 bytes, which is the same order).
    """
    for position in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[position]) + 1
        if following in _SURROGATES:
            following = _SURROGATES.stop
        if following <= _LAST_CHARACTER:
            return prefix[:position] + chr(following)
    return None
