"""What each list makes of its parameters, cell by cell of the table in Flowker spec a.1."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import pytest

from flowker.errors import FlowkerError, InvalidQuery
from flowker.http.requests import ListRules, page_query
from flowker.http.v1 import executions, executors, provider_configurations, workflows
from flowker.model.page import Cursor, PageQuery

LISTS: Mapping[str, ListRules] = {
    "workflows": workflows.LIST,
    "executors": executors.LIST,
    "provider-configurations": provider_configurations.LIST,
    "executions": executions.LIST,
}
SORTS = {
    "workflows": ("createdAt", "updatedAt", "name"),
    "executors": ("createdAt", "updatedAt", "name"),
    "provider-configurations": ("createdAt", "updatedAt", "name"),
    "executions": ("startedAt", "completedAt"),
}
STATUSES = {
    "workflows": ("draft", "active", "inactive"),
    "executors": ("unconfigured", "configured", "tested", "active", "disabled"),
    "provider-configurations": ("active", "disabled"),
    "executions": ("pending", "running", "completed", "failed"),
}
EVERY_LIST = pytest.mark.parametrize("name", LISTS)
INTEGER, RANGE = "FLK-0304", "FLK-0309"


def outcome(name: str, read: Callable[[PageQuery], Any], **parameters: str) -> tuple[Any, list[str]]:
    """What is read from the query, or the code of the refusal and the fields that it names."""
    try:
        return read(page_query(parameters, LISTS[name])), []
    except FlowkerError as refusal:
        return refusal.code, list(refusal.fields)


@pytest.mark.parametrize("name", sorted(SORTS.keys() | STATUSES.keys() | LISTS.keys()))
def test_every_list_has_its_rows_in_this_file(name: str) -> None:
    assert name in LISTS
    assert name in SORTS
    assert name in STATUSES


# --- limit ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "lenient", "configurations", "of_executions"),
    [
        (None, 10, 10, 10),
        ("", 10, 10, 10),
        ("1", 1, 1, 1),
        ("100", 100, 100, 100),
        ("+3", 3, 3, 3),
        ("007", 7, 7, 7),
        ("0" * 40 + "7", 7, 7, 7),
        ("0", 10, INTEGER, RANGE),
        ("-0", 10, INTEGER, RANGE),
        ("-5", 10, INTEGER, RANGE),
        ("-" + "9" * 30, 10, INTEGER, RANGE),
        ("101", 100, INTEGER, RANGE),
        ("1000000", 100, INTEGER, RANGE),
        ("9" * 5000, 100, INTEGER, RANGE),
        ("ten", 10, INTEGER, INTEGER),
        ("2.5", 10, INTEGER, INTEGER),
        ("1e1", 10, INTEGER, INTEGER),
        ("0x10", 10, INTEGER, INTEGER),
        ("1_0", 10, INTEGER, INTEGER),
        ("٣", 10, INTEGER, INTEGER),
        (" 5", 10, INTEGER, INTEGER),
        ("5 ", 10, INTEGER, INTEGER),
        ("5\n", 10, INTEGER, INTEGER),
        ("+", 10, INTEGER, INTEGER),
        ("--1", 10, INTEGER, INTEGER),
        ("1,2", 10, INTEGER, INTEGER),  # limit=1&limit=2
        ("null", 10, INTEGER, INTEGER),
        ("\u0000", 10, INTEGER, INTEGER),
    ],
)
def test_limits(sent: str | None, lenient: Any, configurations: Any, of_executions: Any) -> None:
    wanted = {
        "workflows": lenient,
        "executors": lenient,
        "provider-configurations": configurations,
        "executions": of_executions,
    }
    for name, expected in wanted.items():
        parameters = {} if sent is None else {"limit": sent}
        fields = ["limit"] if isinstance(expected, str) else []
        assert outcome(name, lambda query: query.limit, **parameters) == (expected, fields), name


# --- sort -------------------------------------------------------------------------------------------------------------


def sort_of(query: PageQuery) -> tuple[str, bool]:
    return query.sort_by, query.ascending


@EVERY_LIST
def test_the_first_sort_downwards_is_the_default(name: str) -> None:
    for parameters in ({}, {"sortBy": ""}, {"sortOrder": ""}, {"sortBy": "", "sortOrder": "", "cursor": ""}):
        assert outcome(name, sort_of, **parameters) == ((SORTS[name][0], False), [])


@EVERY_LIST
def test_every_sort_goes_both_ways_whatever_the_letter_case_of_the_direction(name: str) -> None:
    for sort_by, order in product(SORTS[name], ("ASC", "asc", "Asc", "DESC", "desc", "dEsC")):
        found = outcome(name, sort_of, sortBy=sort_by, sortOrder=order)
        assert found == ((sort_by, order.upper() == "ASC"), [])


@EVERY_LIST
@pytest.mark.parametrize("order", ["up", "ASCENDING", "1", "ASC,DESC", "ASC,ASC", " ASC", "aſc", "null"])
def test_other_directions_are_refused(name: str, order: str) -> None:
    assert outcome(name, sort_of, sortOrder=order) == ("FLK-0310", ["sortOrder"])


@EVERY_LIST
@pytest.mark.parametrize("sort_by", ["colour", "created_at", "NAME", "STARTEDAT", "id", "name,name", " name"])
def test_other_sorts_are_refused_by_executions_and_replaced_elsewhere(name: str, sort_by: str) -> None:
    expected = (INTEGER, ["sortBy"]) if name == "executions" else (("createdAt", False), [])
    assert outcome(name, sort_of, sortBy=sort_by) == expected


def test_sorts_of_one_kind_of_list_are_unknown_to_the_other() -> None:
    assert outcome("executions", sort_of, sortBy="createdAt") == (INTEGER, ["sortBy"])
    assert outcome("workflows", sort_of, sortBy="startedAt") == (("createdAt", False), [])


# --- filters ----------------------------------------------------------------------------------------------------------


@EVERY_LIST
def test_every_status_is_a_filter(name: str) -> None:
    for status in STATUSES[name]:
        assert outcome(name, lambda query: query.where, status=status) == ({"status": [status]}, [])


@EVERY_LIST
@pytest.mark.parametrize(
    "status", ["unknown", "ACTIVE", "Failed", "active,active", "active,draft", " active"]
)
def test_other_statuses_are_refused(name: str, status: str) -> None:
    assert outcome(name, lambda query: query.where, status=status) == ("FLK-0304", ["status"])


def test_statuses_of_another_list_are_refused() -> None:
    for name, (other, statuses) in product(LISTS, STATUSES.items()):
        for status in {*statuses} - {*STATUSES[name]}:
            assert outcome(name, lambda query: query.where, status=status)[0] == "FLK-0304", (name, other)


def test_the_other_filters_are_free_text() -> None:
    read = outcome("provider-configurations", lambda query: query.where, providerId="any,thing ")
    assert read == ({"provider_id": ["any,thing "]}, [])
    read = outcome("executions", lambda query: query.where, workflowId="w", status="failed")
    assert read == ({"status": ["failed"], "workflow_id": ["w"]}, [])


@EVERY_LIST
def test_empty_and_unknown_parameters_filter_nothing(name: str) -> None:
    empty = {"status": "", "providerId": "", "workflowId": "", "colour": "red", "where": "x"}
    assert outcome(name, lambda query: query.where, **empty) == ({}, [])


def test_a_list_has_no_filter_of_another_list() -> None:
    for name in ("workflows", "executors", "executions"):
        assert outcome(name, lambda query: query.where, providerId="http") == ({}, [])
    for name in ("workflows", "executors", "provider-configurations"):
        assert outcome(name, lambda query: query.where, workflowId="w") == ({}, [])


# --- cursor -----------------------------------------------------------------------------------------------------------


@EVERY_LIST
def test_a_cursor_brings_its_sort(name: str) -> None:
    for sort_by, ascending in product(SORTS[name], (True, False)):
        cursor = Cursor(sort_by, ascending, "value")
        found = outcome(name, lambda query: (query.cursor, *sort_of(query)), cursor=cursor.encode())
        assert found == ((cursor, sort_by, ascending), [])


@EVERY_LIST
def test_beside_a_cursor_executions_refuse_any_sort_and_the_others_one_that_contradicts(name: str) -> None:
    for sort_by, ascending in product(SORTS[name], (True, False)):
        cursor = Cursor(sort_by, ascending, "value").encode()
        same, opposite = ("asc", "DESC") if ascending else ("desc", "ASC")
        other = next(each for each in SORTS[name] if each != sort_by)
        refused = [{"sortOrder": opposite}, {"sortBy": other}, {"sortBy": sort_by, "sortOrder": opposite}]
        agreeing = [{"sortOrder": same}, {"sortBy": sort_by}, {"sortBy": sort_by, "sortOrder": same}]
        for parameters in refused if name != "executions" else [*refused, *agreeing]:
            assert outcome(name, sort_of, cursor=cursor, **parameters) == ("FLK-0304", ["cursor"])
        for parameters in agreeing if name != "executions" else []:
            assert outcome(name, sort_of, cursor=cursor, **parameters) == ((sort_by, ascending), [])
        empty = {"sortBy": "", "sortOrder": ""}
        assert outcome(name, sort_of, cursor=cursor, **empty) == ((sort_by, ascending), [])


@EVERY_LIST
def test_a_cursor_of_a_sort_that_the_list_does_not_have_is_refused(name: str) -> None:
    foreign = "createdAt" if name == "executions" else "startedAt"
    found = outcome(name, sort_of, cursor=Cursor(foreign, True, "value").encode())
    assert found == ("FLK-0304", ["cursor"])


@EVERY_LIST
def test_what_is_no_cursor_is_refused(name: str) -> None:
    good = Cursor(SORTS[name][0], False, "value>>>???").encode()
    twice, spaced = f"{good},{good}", good.replace("-", " ", 1) if "-" in good else f" {good}"
    for text in ("x", "=", "e30=", "null", "ä", "\u0000", good[:-4], good + "=", twice, spaced, good * 200):
        assert outcome(name, sort_of, cursor=text) == ("FLK-0304", ["cursor"]), text


def test_a_cursor_is_one_word_of_a_query_string() -> None:
    for value in ("a>>>b???", "\u00ff\u00fe", "~" * 99, "€😀"):
        text = Cursor("name", True, value).encode()
        assert not {*text} & {*"+/&?# %"}
        assert page_query({"cursor": text}, workflows.LIST).cursor == Cursor("name", True, value)


def test_parameters_are_checked_even_beside_a_good_cursor() -> None:
    cursor = Cursor("name", True, "value").encode()
    with pytest.raises(InvalidQuery):
        page_query({"cursor": cursor, "status": "unknown"}, workflows.LIST)
