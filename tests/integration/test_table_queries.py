"""The contract of `adapters.items.Table` for queries, on every home."""

from dataclasses import replace

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Delete, Item, Key, Put, Query, Scalar, Table, Update
from flowker.adapters.keys import DEFINITIONS, EXECUTIONS

INDEXES = [(table, index) for table, indexes in keys.TABLES.items() for index in indexes]
MOVING = [(table, index) for table, index in INDEXES if keys.TABLES[table][index].sk != "sk"]
"""Those that are not sorted as the table itself is."""

# --- queries ---------------------------------------------------------------------------------------------------------

SORT_KEYS = [
    "A",
    "STEP#a#0",
    "STEP#a#1",
    "STEP#b#0",
    "STEP#ä",
    "STEP#\U0010ffff",
    "STEP$",
    "T",
    "é",
    "漢",
    "🎈",
]


def put_steps(table: Table) -> None:
    table.write([Put(EXECUTIONS, {"pk": "P", "sk": sk}) for sk in reversed(SORT_KEYS)])
    table.write([Put(EXECUTIONS, {"pk": "Q", "sk": "STEP#a#0"}), Put(DEFINITIONS, {"pk": "P", "sk": "B"})])


BOUNDS = [
    Query(EXECUTIONS, "P"),
    Query(EXECUTIONS, "P", after="STEP#a#0"),
    Query(EXECUTIONS, "P", after="STEP"),
    Query(EXECUTIONS, "P", before="STEP#a#1"),
    Query(EXECUTIONS, "P", before="B"),
    Query(EXECUTIONS, "P", after="A", before="T"),
    Query(EXECUTIONS, "P", after="STEP#a#0", before="STEP#a#1"),
    Query(EXECUTIONS, "P", after="STEP#b#0", before="STEP#a#0"),
    Query(EXECUTIONS, "P", after="T", before="T"),
    Query(EXECUTIONS, "P", prefix="STEP#"),
    Query(EXECUTIONS, "P", prefix="STEP#a#0"),
    Query(EXECUTIONS, "P", prefix="none"),
    Query(EXECUTIONS, "P", prefix="STEP#", after="STEP#a#0"),
    Query(EXECUTIONS, "P", prefix="STEP#", after="STEP#a#0", before="STEP#b#0"),
    Query(EXECUTIONS, "P", prefix="STEP#", before="STEP#b#0"),
    Query(EXECUTIONS, "P", prefix="STEP#", after="A"),
    Query(EXECUTIONS, "P", prefix="STEP#", after="A", before="T"),
    Query(EXECUTIONS, "P", prefix="STEP#", after="T"),
    Query(EXECUTIONS, "P", prefix="STEP#", before="A"),
    Query(EXECUTIONS, "P", prefix="STEP#\U0010ffff"),
    Query(EXECUTIONS, "P", prefix="STEP#\U0010ffff", after="STEP#\U0010ffff"),
    Query(EXECUTIONS, "P", after="", before="B"),
    Query(EXECUTIONS, "P", before=""),
    Query(EXECUTIONS, "P", prefix=""),
    Query(EXECUTIONS, "nobody"),
]


def test_bounds_and_prefix_hold_exactly_in_both_directions(table: Table) -> None:
    put_steps(table)
    for query in BOUNDS:
        expected = [
            sk
            for sk in (SORT_KEYS if query.pk == "P" else [])
            if (query.after is None or sk > query.after)
            and (query.before is None or sk < query.before)
            and sk.startswith(query.prefix or "")
        ]
        for limit in (None, 0, 1, 2):
            forward = table.query(replace(query, limit=limit))
            assert [found["sk"] for found in forward] == expected[:limit], query
            backward = table.query(replace(query, limit=limit, forward=False))
            assert [found["sk"] for found in backward] == expected[::-1][:limit], query


def test_a_query_answers_whole_items_as_just_written(table: Table) -> None:
    for count in (3, 4):
        item: Item = {"pk": "P", "sk": "S", "name": "n", "open": True, "empty": "", "count": count}
        table.write([Put(EXECUTIONS, item, when=None)])
        assert table.query(Query(EXECUTIONS, "P")) == [item]


def test_the_limit_counts_what_where_keeps(table: Table) -> None:
    writes = [
        Put(EXECUTIONS, {"pk": "P", "sk": f"{number:03d}", "odd": number % 2 == 1, "third": number % 3})
        for number in range(100)
    ]
    table.write(writes)
    odd = Query(EXECUTIONS, "P", after="050", limit=3, where={"odd": [True]})
    assert [found["sk"] for found in table.query(odd)] == ["051", "053", "055"]
    both = Query(EXECUTIONS, "P", forward=False, limit=2, where={"odd": [True], "third": [1, 2]})
    assert [found["sk"] for found in table.query(both)] == ["097", "095"]
    none: list[dict[str, list[Scalar]]] = [{"odd": []}, {"third": ["1"]}, {"absent": ["x"]}]
    assert [table.query(Query(EXECUTIONS, "P", where=where)) for where in none] == [[], [], []]


# --- indexes ---------------------------------------------------------------------------------------------------------


def put_indexed(table: Table, logical: str, index: keys.Index) -> None:
    """Five items in the index, not in the order of their keys, and some that are not in it."""
    listed = {
        f"id-{number}": {
            index.pk: "here",
            index.sk: f"2026-0{5 - number}",
            **dict.fromkeys(index.projects, "odd" if number % 2 else "even"),
        }
        for number in range(5)
    }
    unlisted = {
        "elsewhere": {index.pk: "there", index.sk: "2026-01"},
        "no-pk": {index.sk: "2026-01"},
        "neither": {"other": "even"},
    }
    if index.sk != "sk":
        unlisted["no-sk"] = {index.pk: "here"}
    table.write(
        [
            Put(logical, {"pk": pk, "sk": "HEAD", **attributes})
            for pk, attributes in (listed | unlisted).items()
        ]
    )


@pytest.mark.parametrize(("logical", "name"), INDEXES)
def test_an_index_is_another_order_of_the_items_that_have_its_attributes(
    table: Table, logical: str, name: str
) -> None:
    index = keys.TABLES[logical][name]
    put_indexed(table, logical, index)

    def found(**options: object) -> list[Scalar]:
        query = Query(logical, "here", name, **options)  # type: ignore[arg-type]
        return [entry["pk"] for entry in table.query(query)]

    assert found() == ["id-4", "id-3", "id-2", "id-1", "id-0"]
    assert found(forward=False, limit=2) == ["id-0", "id-1"]
    assert found(after="2026-01", before="2026-04") == ["id-3", "id-2"]
    assert found(after="2026-01", prefix="2026-", limit=1) == ["id-3"]
    assert found(prefix="2026-0", before="2026-02") == ["id-4"]
    assert found(prefix="2027") == []
    for attribute in index.projects:
        assert found(where={attribute: ["odd"]}) == ["id-3", "id-1"]
        assert found(where={attribute: ["odd"]}, forward=False, limit=1) == ["id-1"]


@pytest.mark.parametrize(("logical", "name"), INDEXES)
def test_an_index_answers_keys_its_own_attributes_and_those_it_projects(
    table: Table, logical: str, name: str
) -> None:
    index = keys.TABLES[logical][name]
    projected: dict[str, Scalar] = {attribute: f"its {attribute}" for attribute in index.projects}
    whole: Item = {"pk": "P", "sk": "HEAD", index.pk: "here", index.sk: "now", **projected}
    table.write([Put(logical, {**whole, "other": 1})])
    (found,) = table.query(Query(logical, "here", name))
    assert {**whole, **found} == found


@pytest.mark.parametrize(("logical", "name"), INDEXES)
def test_items_enter_and_leave_an_index(table: Table, logical: str, name: str) -> None:
    index = keys.TABLES[logical][name]
    key = Key(logical, "P", "HEAD")
    sort = {} if index.sk == "sk" else {index.sk: "1"}
    table.write([Put(logical, {"pk": key.pk, "sk": key.sk, **sort})])
    for pk, expected in [("here", [key.pk]), ("there", []), ("here", [key.pk])]:
        table.write([Update(key, set={index.pk: pk})])
        assert [entry["pk"] for entry in table.query(Query(logical, "here", name))] == expected
    table.write([Update(key, remove=[index.pk])])
    assert table.query(Query(logical, "here", name)) == []


@pytest.mark.parametrize(("logical", "name"), MOVING)
def test_items_enter_move_within_and_leave_an_index(table: Table, logical: str, name: str) -> None:
    index = keys.TABLES[logical][name]
    key = Key(logical, "P", "HEAD")
    query = Query(logical, "here", name)
    table.write([Put(logical, {"pk": key.pk, "sk": key.sk})])
    assert table.query(query) == []
    table.write([Update(key, set={index.pk: "here", index.sk: "1"})])
    assert [entry[index.sk] for entry in table.query(query)] == ["1"]
    table.write([Update(key, set={index.sk: "2"})])
    assert [entry[index.sk] for entry in table.query(query)] == ["2"]
    table.write([Update(key, remove=[index.sk])])
    assert table.query(query) == []
    table.write([Update(key, set={index.sk: "3"})])
    table.write([Delete(key)])
    assert table.query(query) == []
