"""Reads and writes as DynamoDB requests."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.dynamodb.expressions import (
    FILTERED_PAGE,
    batch_get_request,
    from_attributes,
    get_request,
    query_request,
    to_attributes,
    write_request,
)
from flowker.adapters.dynamodb.schema import create_table_request
from flowker.adapters.items import (
    ABSENT,
    Check,
    Condition,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Scalar,
    Update,
    Write,
)
from flowker.adapters.keys import DEFINITIONS, EXECUTIONS, TABLES
from flowker.adapters.table_rules import MOST_TERMS, check_query, check_writes, in_range

NAMES = {table: f"flowker-test-{table}" for table in TABLES}
KEY = Key(EXECUTIONS, "EXECUTION#1", "META")
DYNAMO_KEY = {"pk": {"S": "EXECUTION#1"}, "sk": {"S": "META"}}


def query(wanted: Query) -> dict[str, Any]:
    request = query_request(wanted, NAMES)
    assert request is not None
    return request


def spelled_out(request: dict[str, Any], expression: str) -> str:
    """The expression with names and values in place of their placeholders."""
    names = request.get("ExpressionAttributeNames", {})
    values = {
        placeholder: repr(from_attributes({"v": value})["v"])
        for placeholder, value in request.get("ExpressionAttributeValues", {}).items()
    }
    used = set(
        re.findall(r"[#:][av]\d+", " ".join(v for k, v in request.items() if k.endswith("Expression")))
    )
    assert used == {*names, *values}, "DynamoDB refuses placeholders that are not used"
    return re.sub(r"[#:][av]\d+", lambda found: str((names | values)[found[0]]), request[expression])


# --- items -----------------------------------------------------------------------------------------------------------


def test_items_in_the_notation_of_dynamodb() -> None:
    item: Item = {"pk": "P", "sk": "", "n": -12, "yes": True, "no": False, "big": 2**63}
    assert to_attributes(item) == {
        "pk": {"S": "P"},
        "sk": {"S": ""},
        "n": {"N": "-12"},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "big": {"N": "9223372036854775808"},
    }


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans(), max_size=5))
def test_every_item_comes_back_with_its_types(item: dict[str, Scalar]) -> None:
    back = from_attributes(to_attributes(item))
    assert back == item
    assert [type(value) for value in back.values()] == [type(value) for value in item.values()]


@pytest.mark.parametrize("attribute", [{"NULL": True}, {"L": []}, {"B": b""}, {"SS": ["a"]}])
def test_what_is_no_scalar_is_no_item(attribute: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no scalar"):
        from_attributes({"a": attribute})


# --- reads -----------------------------------------------------------------------------------------------------------


def test_reads_of_keys_are_consistent() -> None:
    assert get_request(KEY, NAMES) == {
        "TableName": "flowker-test-executions",
        "Key": DYNAMO_KEY,
        "ConsistentRead": True,
    }
    other = Key(DEFINITIONS, "WORKFLOW#1", "HEAD")
    assert batch_get_request([KEY, other], NAMES) == {
        "flowker-test-executions": {"Keys": [DYNAMO_KEY], "ConsistentRead": True},
        "flowker-test-definitions": {
            "Keys": [{"pk": {"S": "WORKFLOW#1"}, "sk": {"S": "HEAD"}}],
            "ConsistentRead": True,
        },
    }


@pytest.mark.parametrize(
    ("wanted", "condition"),
    [
        (Query(EXECUTIONS, "P"), "pk = 'P'"),
        (Query(EXECUTIONS, "P", after="b"), "pk = 'P' AND sk > 'b'"),
        (Query(EXECUTIONS, "P", before="b"), "pk = 'P' AND sk < 'b'"),
        (Query(EXECUTIONS, "P", after="b", before="d"), "pk = 'P' AND sk BETWEEN 'b' AND 'd'"),
        (Query(EXECUTIONS, "P", prefix="b"), "pk = 'P' AND begins_with(sk, 'b')"),
        (Query(EXECUTIONS, "P", prefix="b", after="a", before="d"), "pk = 'P' AND begins_with(sk, 'b')"),
        (Query(EXECUTIONS, "P", prefix="b", after="b1"), "pk = 'P' AND sk BETWEEN 'b1' AND 'c'"),
        (Query(EXECUTIONS, "P", prefix="b", before="b1"), "pk = 'P' AND sk BETWEEN 'b' AND 'b1'"),
        (Query(EXECUTIONS, "P", after="", prefix=""), "pk = 'P'"),
        (Query(EXECUTIONS, "S", "by_started", after="b"), "shard = 'S' AND started_sort > 'b'"),
        (Query(DEFINITIONS, "K", "by_name"), "kind = 'K'"),
    ],
    ids=str,
)
def test_a_range_is_one_condition_on_the_sort_key(wanted: Query, condition: str) -> None:
    request = query(wanted)
    assert spelled_out(request, "KeyConditionExpression") == condition


@pytest.mark.parametrize(
    "wanted",
    [
        Query(EXECUTIONS, "P", after="c", before="b"),
        Query(EXECUTIONS, "P", after="b", before="b"),
        Query(EXECUTIONS, "P", prefix="a", after="b"),
        Query(EXECUTIONS, "P", prefix="b", before="b"),
        Query(EXECUTIONS, "P", before=""),
        Query(EXECUTIONS, "P", limit=0),
        Query(EXECUTIONS, "P", where={"status": ["a"], "kind": []}),
    ],
    ids=str,
)
def test_nothing_is_asked_when_nothing_can_match(wanted: Query) -> None:
    assert query_request(wanted, NAMES) is None


def test_tables_are_read_consistently_and_indexes_by_name() -> None:
    own = query(Query(EXECUTIONS, "P", forward=False))
    assert own["TableName"] == "flowker-test-executions"
    assert (own["ConsistentRead"], own["ScanIndexForward"]) == (True, False)
    assert "IndexName" not in own
    index = query(Query(EXECUTIONS, "P", "by_started"))
    assert (index["IndexName"], index["ScanIndexForward"]) == ("by_started", True)
    assert "ConsistentRead" not in index


def test_where_is_a_filter() -> None:
    wanted = Query(EXECUTIONS, "P", "by_started", where={"status": ["a", "b"], "open": [True]})
    assert spelled_out(query(wanted), "FilterExpression") == "status IN ('a', 'b') AND open IN (True)"


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [
        (Query(EXECUTIONS, "P"), None),
        (Query(EXECUTIONS, "P", limit=10), 10),
        (Query(EXECUTIONS, "P", limit=10, after="a"), 10),
        (Query(EXECUTIONS, "P", limit=10, after="a", before="b"), 12),
        (Query(EXECUTIONS, "P", limit=10, where={"status": ["a"]}), FILTERED_PAGE),
        (Query(EXECUTIONS, "P", limit=1000, where={"status": ["a"]}), 1000),
    ],
    ids=str,
)
def test_a_page_holds_the_limit_and_what_will_be_dropped(wanted: Query, limit: int | None) -> None:
    assert query(wanted).get("Limit") == limit


texts = st.text(alphabet="abé\ud7ff\ue000\U0010ffff", max_size=3)
bounds = st.none() | texts


@settings(max_examples=400, deadline=None)
@given(
    st.builds(Query, st.just(EXECUTIONS), st.just("P"), st.none(), bounds, bounds, bounds), texts.filter(bool)
)
def test_no_condition_excludes_what_is_asked_for(wanted: Query, sort_key: str) -> None:
    request = query_request(wanted, NAMES)
    if in_range(sort_key, wanted):
        assert request is not None
        assert admits(request, sort_key)


def admits(request: dict[str, Any], sort_key: str) -> bool:
    """What DynamoDB decides about the sort key. It refuses empty key values and ranges that end before they begin."""
    condition = re.sub(r"^#a0 = :v0(?: AND )?", "", request["KeyConditionExpression"])
    values = [attribute["S"] for attribute in request["ExpressionAttributeValues"].values()][1:]
    assert all(values)
    match condition.replace("#a1", "sk"):
        case "":
            return True
        case "begins_with(sk, :v1)":
            return sort_key.startswith(values[0])
        case "sk BETWEEN :v1 AND :v2":
            assert values[0] <= values[1]
            return bool(values[0] <= sort_key <= values[1])
        case "sk > :v1":
            return bool(sort_key > values[0])
        case "sk < :v1":
            return bool(sort_key < values[0])
    raise AssertionError(condition)


# --- writes ----------------------------------------------------------------------------------------------------------


def test_a_put_of_something_new() -> None:
    request = write_request(Put(EXECUTIONS, {"pk": "EXECUTION#1", "sk": "META", "name": "n"}), NAMES)
    assert request == {
        "Put": {
            "TableName": "flowker-test-executions",
            "Item": {**DYNAMO_KEY, "name": {"S": "n"}},
            "ConditionExpression": "attribute_not_exists(#a0)",
            "ExpressionAttributeNames": {"#a0": "pk"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def test_a_put_without_condition_has_no_expressions() -> None:
    request = write_request(Put(EXECUTIONS, {"pk": "EXECUTION#1", "sk": "META"}, when=None), NAMES)
    assert request == {"Put": {"TableName": "flowker-test-executions", "Item": DYNAMO_KEY}}


def test_an_update_never_creates() -> None:
    update = Update(
        KEY, set={"status": "done", "name": ""}, add={"count": 2, "size": -1}, remove=["error", "open"]
    )
    request = write_request(update, NAMES)["Update"]
    assert request["Key"] == DYNAMO_KEY
    assert (
        spelled_out(request, "UpdateExpression")
        == "SET status = 'done', name = '' ADD count 2, size -1 REMOVE error, open"
    )
    assert spelled_out(request, "ConditionExpression") == "attribute_exists(pk)"


def test_deletes_and_checks_name_their_key_and_condition() -> None:
    when = Condition(equals={"version": 3})
    for operation, request in [
        *write_request(Delete(KEY, when), NAMES).items(),
        *write_request(Check(KEY, when), NAMES).items(),
    ]:
        assert operation in ("Delete", "ConditionCheck")
        assert request["Key"] == DYNAMO_KEY
        assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        assert spelled_out(request, "ConditionExpression") == "attribute_exists(pk) AND version = 3"


@pytest.mark.parametrize(
    ("condition", "expression"),
    [
        (ABSENT, "attribute_not_exists(pk)"),
        (Condition(equals={"a": True, "b": 1}), "attribute_exists(pk) AND a = True AND b = 1"),
        (Condition(one_of={"a": ["x", "y"]}), "attribute_exists(pk) AND a IN ('x', 'y')"),
        (Condition(one_of={"a": []}), "attribute_exists(pk) AND attribute_not_exists(pk)"),
        (Condition(at_most={"until": 5}), "attribute_exists(pk) AND until <= 5"),
        (
            Condition(missing=["a", "b"]),
            "attribute_exists(pk) AND attribute_not_exists(a) AND attribute_not_exists(b)",
        ),
        (
            Condition(equals={"a": 1}, one_of={"a": [1, 2]}, at_most={"a": 3}, missing=["b"]),
            "attribute_exists(pk) AND a = 1 AND a IN (1, 2) AND a <= 3 AND attribute_not_exists(b)",
        ),
    ],
    ids=str,
)
def test_conditions_are_conjunctions(condition: Condition, expression: str) -> None:
    request = write_request(Check(KEY, condition), NAMES)["ConditionCheck"]
    assert spelled_out(request, "ConditionExpression") == expression


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_created_with_all_indexes_and_what_they_project(table: str) -> None:
    request = create_table_request(table, NAMES[table])
    assert request["TableName"] == NAMES[table]
    assert request["BillingMode"] == "PAY_PER_REQUEST"
    created = {
        index["IndexName"]: (
            [(part["AttributeName"], part["KeyType"]) for part in index["KeySchema"]],
            index["Projection"],
        )
        for index in request["GlobalSecondaryIndexes"]
    }
    assert created == {
        name: (
            [(index.pk, "HASH"), (index.sk, "RANGE")],
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projects)}
            if index.projects
            else {"ProjectionType": "KEYS_ONLY"},
        )
        for name, index in TABLES[table].items()
    }
    described = {attribute["AttributeName"] for attribute in request["AttributeDefinitions"]}
    assert described == {"pk", "sk"} | {
        part for index in TABLES[table].values() for part in (index.pk, index.sk)
    }
    assert ("StreamSpecification" in request) is (table == EXECUTIONS)


# --- limits ----------------------------------------------------------------------------------------------------------

NAMED = [f"attribute {number} with a long name" for number in range(MOST_TERMS)]
WIDEST: list[Write] = [
    Update(KEY, set=dict.fromkeys(NAMED, "x"), when=Condition(equals=dict.fromkeys(NAMED, "y"))),
    Update(KEY, add=dict.fromkeys(NAMED, 1), when=Condition(missing=NAMED)),
    Update(KEY, remove=NAMED, when=Condition(at_most=dict.fromkeys(NAMED, 1))),
    Update(KEY, set={"a": 1}, when=Condition(one_of={name: [1] for name in NAMED[:50]})),
    Check(KEY, Condition(one_of={name: [] for name in NAMED})),
    Check(KEY, Condition(one_of={"a": list(range(MOST_TERMS - 1))})),
]


@pytest.mark.parametrize("write", WIDEST, ids=range(len(WIDEST)))
def test_the_widest_expressions_are_below_the_limits_of_dynamodb(write: Write) -> None:
    """4 KB of text and 300 operators each; names and values are placeholders, so reserved words do not matter."""
    check_writes([write])
    ((_, request),) = write_request(write, NAMES).items()
    for name in ("ConditionExpression", "UpdateExpression"):
        _below_the_limits(request.get(name, ""))


def test_the_widest_filter_is_below_the_limits_of_dynamodb() -> None:
    wanted = Query(EXECUTIONS, "P", where={name: [1] for name in NAMED[: MOST_TERMS // 2]})
    check_query(wanted)
    _below_the_limits(query(wanted)["FilterExpression"])


def _below_the_limits(expression: str) -> None:
    assert len(expression) < 4096
    words = re.findall(r"[A-Za-z_]+|[=<>+]+", re.sub(r"[#:][av][0-9]+", "", expression))
    assert len(words) <= 300
    assert set(words) <= {
        "AND",
        "IN",
        "SET",
        "ADD",
        "REMOVE",
        "attribute_exists",
        "attribute_not_exists",
        "=",
        "<=",
    }
