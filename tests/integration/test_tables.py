"""The contract of `adapters.items.Table` for keys and writes, on every home."""

from collections.abc import Sequence

import pytest

from flowker.adapters.items import (
    ABSENT,
    PRESENT,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Scalar,
    Table,
    Update,
    Write,
)
from flowker.adapters.keys import DEFINITIONS, EXECUTIONS

KEY = Key(EXECUTIONS, "EXECUTION#1", "META")
OTHER = Key(DEFINITIONS, "WORKFLOW#1", "HEAD")


def item(key: Key = KEY, **attributes: Scalar) -> Item:
    return {"pk": key.pk, "sk": key.sk, **attributes}


def stored(table: Table, key: Key = KEY) -> Item | None:
    (found,) = table.get([key])
    return found


def put(table: Table, key: Key = KEY, **attributes: Scalar) -> None:
    table.write([Put(key.table, item(key, **attributes), when=None)])


def failure(table: Table, writes: Sequence[Write]) -> tuple[int, Item | None]:
    with pytest.raises(ConditionFailed) as raised:
        table.write(writes)
    return raised.value.index, raised.value.item


# --- items -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "",
        " ",
        "ümläut 漢字 🎈",
        "a\x00b",
        '"quoted" \\ \n',
        0,
        1,
        -1,
        2**53 + 1,
        -(2**63),
        True,
        False,
    ],
)
def test_values_come_back_as_they_were(table: Table, value: Scalar) -> None:
    put(table, value=value)
    found = stored(table)
    assert found == item(value=value)
    assert type(found["value"]) is type(value)


def test_keys_and_names_may_be_any_text(table: Table) -> None:
    key = Key(EXECUTIONS, "ütf 漢字 🎈", "a\x01#'\"%_")
    attributes: dict[str, Scalar] = {"name": 1, "status": 2, "with space-and.dot": 3, "ä": 4}
    put(table, key, **attributes)
    assert stored(table, key) == item(key, **attributes)
    table.write([Update(key, set={"a.b": "x"}, remove=["ä", "name"], when=Condition(equals={"status": 2}))])
    assert stored(table, key) == {
        **item(key, status=2),
        "with space-and.dot": 3,
        "a.b": "x",
    }


def test_what_is_read_can_be_changed_without_changing_what_is_stored(table: Table) -> None:
    mine = dict(item(count=1))
    table.write([Put(KEY.table, mine)])
    mine["count"] = 2
    assert stored(table) == item(count=1)


# --- get -------------------------------------------------------------------------------------------------------------


def test_get_answers_in_the_order_asked_across_tables(table: Table) -> None:
    second = Key(EXECUTIONS, KEY.pk, "INPUT")
    absent = Key(EXECUTIONS, "EXECUTION#2", "META")
    for number, key in enumerate([KEY, second, OTHER]):
        put(table, key, number=number)
    found = table.get([OTHER, absent, second, KEY, second])
    assert found == [
        item(OTHER, number=2),
        None,
        item(second, number=1),
        item(number=0),
        item(second, number=1),
    ]


def test_nothing_can_be_read_and_written(table: Table) -> None:
    table.write([])
    assert table.get([]) == []
    assert table.get([KEY]) == [None]


def test_the_same_key_in_another_table_is_another_item(table: Table) -> None:
    put(table)
    assert stored(table, Key(DEFINITIONS, KEY.pk, KEY.sk)) is None


def test_a_hundred_keys_are_read_at_once(table: Table) -> None:
    all_keys = [Key(EXECUTIONS, f"EXECUTION#{number}", "META") for number in range(100)]
    table.write([Put(key.table, item(key, number=number)) for number, key in enumerate(all_keys)])
    found = table.get(all_keys)
    assert [entry and entry["number"] for entry in found] == list(range(100))


# --- conditions ------------------------------------------------------------------------------------------------------

HOLDING = [
    PRESENT,
    Condition(equals={"status": "running", "count": 3, "open": True}),
    Condition(equals={"empty": ""}),
    Condition(one_of={"status": ["pending", "running"], "count": [1, 2, 3]}),
    Condition(one_of={"open": [False, True]}),
    Condition(at_most={"count": 3}),
    Condition(at_most={"count": 4}),
    Condition(missing=["ended", "error"]),
    Condition(equals={"status": "running"}, one_of={"count": [3]}, at_most={"count": 9}, missing=["ended"]),
]
FAILING = [
    ABSENT,
    Condition(equals={"status": "pending"}),
    Condition(equals={"status": "running", "count": 4}),
    Condition(equals={"count": "3"}),
    Condition(equals={"ended": ""}),
    Condition(equals={"open": False}),
    Condition(one_of={"status": ["pending", "failed"]}),
    Condition(one_of={"status": []}),
    Condition(one_of={"ended": ["now"]}),
    Condition(at_most={"count": 2}),
    Condition(at_most={"ended": 2}),
    Condition(missing=["status"]),
    Condition(missing=["ended", "empty"]),
    Condition(equals={"status": "running"}, missing=["count"]),
]


def writes_under(condition: Condition) -> list[Write]:
    return [
        Put(KEY.table, item(new=True), when=condition),
        Update(KEY, set={"new": True}, when=condition),
        Delete(KEY, when=condition),
        Check(KEY, when=condition),
    ]


def put_sample(table: Table) -> Item:
    put(table, status="running", count=3, open=True, empty="")
    return item(status="running", count=3, open=True, empty="")


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_a_write_happens_if_its_condition_holds(table: Table, together: bool) -> None:
    companions: list[Write] = [Put(OTHER.table, item(OTHER), when=None)] if together else []
    for condition in HOLDING:
        for write in writes_under(condition):
            before = put_sample(table)
            table.write([write, *companions])
            expected = {Put: item(new=True), Update: {**before, "new": True}, Delete: None, Check: before}
            assert stored(table) == expected[type(write)], write


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_a_write_fails_if_its_condition_does_not_hold(table: Table, together: bool) -> None:
    companions: list[Write] = [Put(OTHER.table, item(OTHER), when=None)] if together else []
    before = put_sample(table)
    for condition in FAILING:
        for write in writes_under(condition):
            assert failure(table, [*companions, write]) == (len(companions), before), write
    assert table.get([KEY, OTHER]) == [before, None]


def test_no_condition_but_absence_holds_for_what_is_not_there(table: Table) -> None:
    for condition in [*HOLDING, Condition(at_most={"count": 0})]:
        for write in writes_under(condition):
            assert failure(table, [write]) == (0, None), write
            assert failure(table, [Put(OTHER.table, item(OTHER), when=None), write]) == (1, None), write
    assert table.get([KEY, OTHER]) == [None, None]


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_absence_holds_for_what_is_not_there(table: Table, together: bool) -> None:
    companions: list[Write] = [Put(OTHER.table, item(OTHER), when=None)] if together else []
    for write in writes_under(ABSENT):
        table.write([write, *companions])
        created = {Put: item(new=True), Update: item(new=True), Delete: None, Check: None}
        assert stored(table) == created[type(write)]
        put(table)
        table.write([Delete(KEY)])


# --- writes ----------------------------------------------------------------------------------------------------------


def test_a_put_replaces_the_whole_item(table: Table) -> None:
    put(table, old=1, both=1)
    table.write([Put(KEY.table, item(both=2), when=PRESENT)])
    assert stored(table) == item(both=2)


def test_a_put_without_condition_always_happens(table: Table) -> None:
    table.write([Put(KEY.table, item(turn=1), when=None)])
    table.write([Put(KEY.table, item(turn=2), when=None)])
    assert stored(table) == item(turn=2)


def test_an_update_sets_adds_and_removes(table: Table) -> None:
    put(table, keep="k", text="old", count=5, gone=True)
    table.write(
        [
            Update(
                KEY, set={"text": "", "flag": False}, add={"count": -2, "fresh": 7}, remove=["gone", "never"]
            )
        ]
    )
    assert stored(table) == item(keep="k", text="", flag=False, count=3, fresh=7)


@pytest.mark.parametrize(
    "update", [Update(KEY, set={"a": 1}), Update(KEY, add={"n": 1}), Update(KEY, remove=["n"])], ids=str
)
def test_each_part_of_an_update_may_stand_alone(table: Table, update: Update) -> None:
    put(table, n=1)
    table.write([update])
    assert stored(table) == update.apply(item(n=1))


def test_deleting_what_is_not_there_fails(table: Table) -> None:
    assert failure(table, [Delete(KEY)]) == (0, None)


def test_a_transaction_writes_to_several_tables(table: Table) -> None:
    put(table, KEY, count=1)
    third = Key(EXECUTIONS, KEY.pk, "STEP#a#0")
    gone = Key(EXECUTIONS, KEY.pk, "STEP#b#0")
    put(table, gone)
    table.write(
        [
            Update(KEY, add={"count": 1}),
            Put(OTHER.table, item(OTHER)),
            Put(third.table, item(third)),
            Delete(gone),
        ]
    )
    assert table.get([KEY, OTHER, third, gone]) == [item(count=2), item(OTHER), item(third), None]


def test_a_failing_transaction_writes_nothing_and_names_the_first_failure(table: Table) -> None:
    put(table, KEY, count=1)
    steps = [Key(EXECUTIONS, KEY.pk, f"STEP#{name}#0") for name in "abc"]
    put(table, steps[1], seen=True)
    put(table, steps[2])
    writes: list[Write] = [
        Update(KEY, add={"count": 1}),
        Put(EXECUTIONS, item(steps[0])),
        Put(EXECUTIONS, item(steps[1])),
        Put(EXECUTIONS, item(steps[2])),
        Check(OTHER),
    ]
    assert failure(table, writes) == (2, item(steps[1], seen=True))
    assert table.get([KEY, *steps]) == [item(count=1), None, item(steps[1], seen=True), item(steps[2])]


def test_a_check_alone_writes_nothing(table: Table) -> None:
    assert failure(table, [Check(KEY)]) == (0, None)
    put(table, count=1)
    table.write([Check(KEY, Condition(equals={"count": 1}))])
    assert stored(table) == item(count=1)


def test_a_hundred_writes_are_one_transaction(table: Table) -> None:
    all_keys = [Key(EXECUTIONS, f"EXECUTION#{number}", "META") for number in range(100)]
    put(table, all_keys[99])
    writes = [Put(key.table, item(key)) for key in all_keys]
    assert failure(table, writes) == (99, item(all_keys[99]))
    assert stored(table, all_keys[0]) is None
    table.write(writes[:99])
    assert None not in table.get(all_keys)
