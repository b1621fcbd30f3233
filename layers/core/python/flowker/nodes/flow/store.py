"""`store`: the account's key/value store (FlowRunner spec d.6).

What is read here is the present; what changes goes into the transaction of the step, under the condition that the entry is
still what was read. So a redelivery adds nothing twice, and two runs that count lose nothing.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Context, Decimal, InvalidOperation
from itertools import islice
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.run import Entry, EntryChange
from flowker.nodes.flow import filters
from flowker.nodes.flow.base import Circumstances, Done, Entries, FlowFailure
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import (
    INVALID,
    MISSING,
    UNSUPPORTED,
    Kind,
    Param,
    Problem,
    is_number,
    open_,
    wrong,
)

MAX_KEY = 250
"""Characters; each has up to four bytes, and keys of tables have at most 1024."""
MAX_VALUE = 256 * 1024
"""Bytes of JSON."""
MAX_FOUND = 1000
"""Values that a query gives at most."""
MAX_READ = 5000
"""Entries that one node reads at most: all of them, for they are not indexed by what is in them."""
MAX_CLEARED = 50
"""Entries that one `clear` deletes: one transaction holds no more."""

_DIGITS = 1000
"""How far from the point a number may reach that is counted."""
_EXACT = Context(prec=4 * _DIGITS)

Values = Mapping[str, Any]
_KEYED = ("set", "get", "delete", "increment", "append")
_VALUED = ("set", "append")


class Store(NodeType):
    name = "store"
    table = (
        Param("operation", Kind.TEXT, "What to do", required=True,
              choices=("set", "get", "delete", "list", "clear", "increment", "append", "query", "save", "load")),
        Param("key", Kind.TEXT, "Which entry; required but for `list`, `clear`, `query`", least=1, most=MAX_KEY),
        Param("value", Kind.ANY, "`set`: the value; `append`: the new element; required there"),
        Param("ttl", Kind.DURATION, "`set`, `increment`, `append`: the entry is forgotten after this time; without it `set` "
              "keeps it for good, the others as long as before", least=1),
        Param("amount", Kind.ANY, "`increment`: what to add, a number or a text that writes one; 1 unless given"),
        Param("filter", Kind.MAP, "`query`: fields to values, or to operators `$eq` `$ne` `$gt` `$gte` `$lt` `$lte` `$in` "
              "`$contains`; all must match, and a missing field does not"),
        Param("sort", Kind.TEXT, "`query`: `field`, or `-field` for the greatest first; else by key"),
        Param("limit", Kind.COUNT, "`query`: how many at most", default=MAX_FOUND, least=1, most=MAX_FOUND),
        Param("auto_save", Kind.BOOLEAN, "Without effect: everything is kept"),
    )  # fmt: skip
    page = Page(
        summary="Keeps values between runs, for each account. Every change happens exactly once per visit of the node, and "
        "`increment` and `append` lose nothing when runs change the same entry at the same time. A value has at most 256 KiB. "
        "`list` and `query` read all entries of the account and fail if it has more than 5,000. `save` and `load` do nothing "
        "and pass the input through.",
        example="{ type: store, params: { operation: increment, key: visits }, next: { default: greet } }",
        results={
            "(the value)": "`set`, `get`",
            "key, deleted": "`delete`: whether there was an entry",
            "(list of keys)": "`list`: sorted",
            "cleared, remaining": "`clear`: entries deleted, at most 50 at a time, and those left, of which at most "
            "4,950 are counted",
            "key, new_value, incremented": "`increment`: the sum, and what was added",
            "key, appended": "`append`: the element",
            "(list of maps)": "`query`: the values that are maps and match, each with its `_key`",
        },
        actions={"default": "always"},
        handles=NO_NAMES,
        logs=NO_NAMES,
    )

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        operation = params.get("operation")
        for name, operations in (("key", _KEYED), ("value", _VALUED)):
            missing = params.get(name) is None if name == "key" else name not in params
            if operation in operations and missing:
                yield MISSING, name, f"is required to {operation}"
        amount = params.get("amount")
        if amount is not None and not open_(amount) and _number(amount) is None:
            yield INVALID, "amount", "must be a number"
        if isinstance(params.get("filter"), Mapping) and (found := filters.problem(params["filter"])):
            yield INVALID, "filter", found
        if "file_path" in params:
            yield UNSUPPORTED, "file_path", "is not supported: values are kept by the service"

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        operation: str = values["operation"]
        if "file_path" in around.params:
            raise wrong("file_path", "is not supported")
        if operation in _KEYED and values["key"] is None:
            raise wrong("key", f"is required to {operation}")
        if operation in _VALUED and "value" not in values:
            raise wrong("value", f"is required to {operation}")
        if operation in ("save", "load"):
            return Done(passes=True)
        if around.store is None:
            raise FlowFailure("there is no store here", retryable=False)
        done = _OPERATIONS[operation](around.store, values, around.now.timestamp())
        return Done(done.value, changes=done.changes, shared=remembered("store", done.value))


def _set(store: Entries, values: Values, now: float) -> Done:
    entry = store.get(values["key"])
    return _changed(entry, values, values["value"], now, values["value"], expires=None)


def _get(store: Entries, values: Values, now: float) -> Done:
    entry = store.get(values["key"])
    if entry is None:
        raise FlowFailure(f"key not found: {values['key']}")
    return Done(entry.value)


def _delete(store: Entries, values: Values, now: float) -> Done:
    entry = store.get(values["key"])
    changes = [] if entry is None else [EntryChange(entry.key, entry.version, None)]
    return Done({"key": values["key"], "deleted": entry is not None}, changes=changes)


def _list(store: Entries, values: Values, now: float) -> Done:
    return Done(sorted(entry.key for entry in _all(store, values=False)))


def _clear(store: Entries, values: Values, now: float) -> Done:
    entries = list(islice(store.all(values=False), MAX_READ))
    changes = [EntryChange(entry.key, entry.version, None) for entry in entries[:MAX_CLEARED]]
    return Done({"cleared": len(changes), "remaining": len(entries) - len(changes)}, changes=changes)


def _increment(store: Entries, values: Values, now: float) -> Done:
    entry = store.get(values["key"])
    before = _number(0 if entry is None else entry.value)
    amount = _number(1 if values.get("amount") is None else values["amount"])
    if before is None:
        raise FlowFailure(f"the value of {values['key']} is not a number", retryable=False)
    if amount is None:
        raise wrong("amount", "must be a number")
    whole = isinstance(before, int) and isinstance(amount, int)
    after = before + amount if whole else _EXACT.add(Decimal(before), Decimal(amount))
    result = {"key": values["key"], "new_value": after, "incremented": amount}
    return _changed(entry, values, after, now, result, expires=_expiry(entry))


def _append(store: Entries, values: Values, now: float) -> Done:
    entry = store.get(values["key"])
    before = [] if entry is None else entry.value
    if not isinstance(before, list):
        raise FlowFailure(f"the value of {values['key']} is not a list", retryable=False)
    result = {"key": values["key"], "appended": values["value"]}
    after = [*before, values["value"]]
    return _changed(entry, values, after, now, result, expires=_expiry(entry))


def _query(store: Entries, values: Values, now: float) -> Done:
    wanted: Mapping[str, Json] = values["filter"] or {}
    if found := filters.problem(wanted):
        raise wrong("filter", found)
    matching = [
        {**entry.value, "_key": entry.key}
        for entry in _all(store)
        if isinstance(entry.value, Mapping) and filters.matches(wanted, entry.value)
    ]
    return Done(filters.ordered(matching, values["sort"])[: int(values["limit"])])


def _all(store: Entries, *, values: bool = True) -> Iterator[Entry]:
    """Raises `FlowFailure` if there are too many: a part of them would look like all."""
    for number, entry in enumerate(store.all(values=values)):
        if number == MAX_READ:
            raise FlowFailure(f"the store has more than {MAX_READ} entries", retryable=False)
        yield entry


_OPERATIONS: Mapping[str, Callable[[Entries, Values, float], Done]] = {
    "set": _set,
    "get": _get,
    "delete": _delete,
    "list": _list,
    "clear": _clear,
    "increment": _increment,
    "append": _append,
    "query": _query,
}


def _expiry(entry: Entry | None) -> int | None:
    return None if entry is None else entry.expires


def _changed(
    found: Entry | None, values: Values, value: Json, now: float, result: Json, *, expires: int | None
) -> Done:
    """The result, and the entry with its new value. It expires as `ttl` says, else at `expires`."""
    if len(exact_json.dumps(value)) > MAX_VALUE:
        raise FlowFailure(
            f"the value of {values['key']} would have more than {MAX_VALUE} bytes", retryable=False
        )
    version = found.version if found else 0
    if values["ttl"] is not None:
        expires = math.ceil(now + values["ttl"])
    after = Entry(values["key"], value, version + 1, expires)
    return Done(result, changes=[EntryChange(values["key"], version, after)])


def _number(value: Json) -> int | Decimal | None:
    """A finite number, or a text that writes one, exactly."""
    if not is_number(value) and not isinstance(value, str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS or len(number.as_tuple().digits) > _DIGITS:
        return None
    return int(number) if number == number.to_integral_value() and number.as_tuple().exponent == 0 else number
