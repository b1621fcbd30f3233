"""Items and conditional writes: the one storage vocabulary of all stores, small enough to mean the same everywhere.

A `Table` is DynamoDB on AWS, a SQLite file on one machine and a dictionary in unit tests; all three pass the same
contract tests (`tests/integration/test_tables.py`). Items are flat: strings, integers, booleans. Structured data is kept
as JSON text in one attribute, so numbers stay exact and no home needs its own marshalling.

The physical tables and their indexes are listed once, in `keys.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Scalar = str | int | bool
Item = Mapping[str, Scalar]
"""Attributes by name; `pk` and `sk` are always there. An absent attribute is absent, never null."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where an item lives: `table` is a logical name from `keys.TABLES`."""

    table: str
    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Condition:
    """Must hold for the stored item: all of the given parts, and existence unless `absent`.

    `absent`: no item is stored under the key. `equals`: attribute has this value. `one_of`: attribute has one of these.
    `at_most`: attribute is an integer not greater than this. `missing`: these attributes are not set.
    """

    absent: bool = False
    equals: Mapping[str, Scalar] = field(default_factory=dict)
    one_of: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)
    at_most: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()

    def holds(self, item: Item | None) -> bool:
        """What a table decides inside its transaction."""
        if self.absent:
            return item is None
        if item is None:
            return False
        return (
            all(item.get(name) == value for name, value in self.equals.items())
            and all(item.get(name) in values for name, values in self.one_of.items())
            and all(_at_most(item.get(name), bound) for name, bound in self.at_most.items())
            and not any(name in item for name in self.missing)
        )


def _at_most(value: Scalar | None, bound: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value <= bound


ABSENT = Condition(absent=True)
PRESENT = Condition()


@dataclass(frozen=True, slots=True)
class Put:
    """Store the whole item, if the condition holds for what is stored now. `when=None` is for immutable items only."""

    table: str
    item: Item
    when: Condition | None = ABSENT

    @property
    def key(self) -> Key:
        return Key(self.table, str(self.item["pk"]), str(self.item["sk"]))


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of a stored item: `set` replaces, `add` adds to an integer (absent counts as 0), `remove` unsets.
    `when=None` changes whatever is stored, and begins with nothing if nothing is."""

    key: Key
    set: Mapping[str, Scalar] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: Sequence[str] = ()
    when: Condition | None = PRESENT

    def apply(self, item: Item) -> Item:
        """The item after the change, for tables that compute it themselves."""
        changed = {name: value for name, value in item.items() if name not in self.remove}
        changed.update(self.set)
        for name, amount in self.add.items():
            changed[name] = int(changed.get(name, 0)) + amount
        return changed


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a stored item if the condition holds."""

    key: Key
    when: Condition = PRESENT


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the transaction fail unless the condition holds."""

    key: Key
    when: Condition = PRESENT


Write = Put | Update | Delete | Check


class ConditionFailed(Exception):
    """A write's condition did not hold, so nothing of its transaction was written.

    `index` is the position of the first failed write, `item` what is stored under its key.
    """

    def __init__(self, index: int, item: Item | None) -> None:
        super().__init__(index, item)  # its own arguments, so that it can travel between processes
        self.index = index
        self.item = item

    def __str__(self) -> str:
        return f"condition of write {self.index} does not hold"


@dataclass(frozen=True, slots=True)
class Query:
    """A range of one partition, of the table itself (`index=None`, sorted by `sk`) or of an index of `keys.TABLES`.

    `after` and `before` are exclusive bounds of the sort key; `prefix` restricts it; `where` keeps items whose attribute
    has one of the values. `limit` bounds the answer after `where`. Answers of an index hold at least the key, the index's
    own attributes and those it projects. A bound has at most 1,024 bytes. `where` has at most 100 names and values, none of
    the key and in an index only such as it projects.
    """

    table: str
    pk: str
    index: str | None = None
    after: str | None = None
    before: str | None = None
    prefix: str | None = None
    forward: bool = True
    limit: int | None = None
    where: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)


class Table(Protocol):
    """A home's storage. Reads of keys and of tables are strongly consistent; reads of indexes may lag on AWS.

    Every method raises `flowker.errors.StoreUnavailable` when the home refuses for load or conflict after all retries.
    """

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """The items under up to 100 keys, in the order asked."""
        ...

    def query(self, query: Query) -> list[Item]: ...

    def write(self, writes: Sequence[Write]) -> None:
        """All of up to 100 writes, on distinct keys, or none. Raises `ConditionFailed`, and `InvalidBody` for an item or a
        transaction that is too large (`table_rules`). Safe to repeat by the caller only."""
        ...


class Blobs(Protocol):
    """Where payloads live that are too large for an item: S3, or rows of their own. Written once per key."""

    def put(self, key: str, content: bytes) -> None:
        """Store it durably; repeating it with the same content changes nothing."""
        ...

    def get(self, key: str) -> bytes:
        """Raises `KeyError`."""
        ...

    def delete(self, start: str) -> None:
        """Delete all whose keys begin so: `start` is a whole key, or a folder and ends in `/`. Repeating it changes nothing."""
        ...


class Cipher(Protocol):
    """Encryption at rest, bound to a context: what was sealed for one thing cannot be opened for another."""

    def seal(self, plain: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises `ValueError` if it was not sealed for this context, or was tampered with."""
        ...

    def stale(self, sealed: bytes) -> bool:
        """Whether a newer key seals by now, so that this should be sealed anew."""
        ...
