"""What every home must decide the same way: limits of a call, equality of values, and ranges of sort keys.

The limits are DynamoDB's. The other homes keep them too, so that what works on one machine works on AWS.
"""

from collections.abc import Sequence

from flowker.adapters.items import Item, Key, Put, Query, Scalar, Update, Write

MAX_ITEMS = 100
"""Keys of one read, writes of one transaction."""

_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def check_keys(keys: Sequence[Key]) -> None:
    """Raises `ValueError` for more keys than one read may name."""
    if len(keys) > MAX_ITEMS:
        raise ValueError(f"{len(keys)} keys in one read, at most {MAX_ITEMS} are allowed")


def check_writes(writes: Sequence[Write]) -> None:
    """Raises `ValueError` for what no home can do in one transaction, `TypeError` for a value that is no scalar."""
    if len(writes) > MAX_ITEMS:
        raise ValueError(f"{len(writes)} writes in one transaction, at most {MAX_ITEMS} are allowed")
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("two writes of one transaction have the same key")
    for write in writes:
        if isinstance(write, Put):
            _check_scalars(write.item)
        elif isinstance(write, Update):
            _check_update(write)


def _check_update(update: Update) -> None:
    _check_scalars(update.set)
    touched = [*update.set, *update.add, *update.remove]
    if not touched:
        raise ValueError("an update that changes nothing; use a Check")
    if len({*touched, "pk", "sk"}) < len(touched) + 2:
        raise ValueError("an update may touch an attribute only once, and never the key")


def _check_scalars(item: Item) -> None:
    for name, value in item.items():
        if not isinstance(value, str | int):
            raise TypeError(f"attribute {name} is a {type(value).__name__}, not a scalar")


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
