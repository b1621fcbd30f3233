"""Lists over HTTP: limits, sorts, filters, cursors (Flowker spec a.1); every cell of the rules is in
tests/unit/test_list_rules.py."""

from collections.abc import Iterator
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from tests.samples import create_workflow, set_output, trigger, unique
from tests.servers import Api, expect

WORKFLOWS = "/v1/workflows"
EXECUTORS = "/v1/executors"
CONFIGURATIONS = "/v1/provider-configurations"
EACH = pytest.mark.parametrize("route", [WORKFLOWS, EXECUTORS, CONFIGURATIONS])
LENIENT = pytest.mark.parametrize("route", [WORKFLOWS, EXECUTORS])


def add(api: Api, route: str, name: str) -> str:
    """The id of a new thing of this name."""
    if route == WORKFLOWS:
        return create_workflow(api, {"name": name})
    if route == EXECUTORS:
        return str(expect(api.post(route, whole_executor(name)), 201)["id"])
    body = {"name": name, "providerId": "http", "config": {"base_url": "https://provider.test"}}
    return str(expect(api.post(route, body), 201)["id"])


def whole_executor(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "baseUrl": "https://executor.test",
        "endpoints": [{"name": "one", "path": "/one", "method": "GET"}],
        "authentication": {"type": "none"},
    }


def rename(api: Api, route: str, thing_id: str) -> None:
    path, name = f"{route}/{thing_id}", unique()
    if route == WORKFLOWS:
        expect(api.put(path, {"name": name}), 200)
    else:
        expect(api.patch(path, whole_executor(name) if route == EXECUTORS else {"name": name}), 200)


def page(api: Api, route: str, **parameters: Any) -> dict[str, Any]:
    found = expect(api.get(route, params=parameters), 200)
    assert found.keys() == {"items", "nextCursor", "hasMore"}
    assert found["hasMore"] is bool(found["nextCursor"])
    assert isinstance(found["nextCursor"], str)
    return found


def walk(api: Api, route: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    """The pages of a list, one after the other."""
    found = page(api, route, **parameters)
    while found["hasMore"]:
        yield found["items"]
        found = page(api, route, **parameters, cursor=found["nextCursor"])
    yield found["items"]


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


@pytest.fixture
def twelve(api: Api, route: str) -> list[str]:
    """Twelve things, oldest first: more than a page by default."""
    prefix = unique("twelve")
    return [add(api, route, f"{prefix}-{number:02}") for number in range(12)]


@pytest.mark.skip_moto
@EACH
def test_a_page_holds_ten_the_newest_first(api: Api, route: str, twelve: list[str]) -> None:
    found = page(api, route)
    assert ids(found["items"]) == twelve[:1:-1]
    assert found["hasMore"] is True
    assert ids(page(api, route, cursor=found["nextCursor"])["items"])[:2] == [twelve[1], twelve[0]]


def test_a_list_of_nothing_is_empty(api: Api) -> None:
    assert page(api, CONFIGURATIONS, providerId="nothing-has-this") == {
        "items": [],
        "nextCursor": "",
        "hasMore": False,
    }


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("1", 1),
        ("11", 11),
        ("+3", 3),
        ("", 10),
        ("0", 10),
        ("-5", 10),
        ("many", 10),
        ("2.5", 10),
        ("1e1", 10),
        ("9" * 30, 12),
    ],
)
@LENIENT
def test_workflows_and_executors_make_the_best_of_any_limit(
    api: Api, route: str, twelve: list[str], limit: str, count: int
) -> None:
    found = len(page(api, route, limit=limit)["items"])
    assert found == count if count < 12 else 12 <= found <= 100


@pytest.mark.skip_moto
@LENIENT
def test_workflows_and_executors_clamp_the_limit_to_100(api: Api, route: str) -> None:
    for _ in range(101):
        add(api, route, unique())
    for limit in (100, 101, 1_000_000):
        assert len(page(api, route, limit=limit)["items"]) == 100


@pytest.mark.skip_moto
@pytest.mark.parametrize("limit", ["0", "-1", "101", "many", "2.5", "9" * 30])
def test_provider_configurations_refuse_other_limits_than_1_to_100(api: Api, limit: str) -> None:
    body = expect(api.get(CONFIGURATIONS, params={"limit": limit}), 400, "FLK-0304")
    assert list(body["fields"]) == ["limit"]


@pytest.mark.skip_moto
@pytest.mark.parametrize("limit", ["1", "100", ""])
@pytest.mark.parametrize("route", [CONFIGURATIONS])
def test_provider_configurations_accept_limits_from_1_to_100(
    api: Api, route: str, twelve: list[str], limit: str
) -> None:
    assert 1 <= len(page(api, route, limit=limit)["items"]) <= int(limit or 10)


@EACH
def test_a_walk_sees_everything_once_in_order(api: Api, route: str, twelve: list[str]) -> None:
    for sort_by, order in product(("createdAt", "updatedAt", "name"), ("ASC", "desc")):
        pages = walk(api, route, sortBy=sort_by, sortOrder=order, limit=10)
        items = [item for items in pages for item in items]
        assert len({*ids(items)}) == len(items)
        assert {*twelve} <= {*ids(items)}
        keys = [(item[sort_by], item["id"]) for item in items]
        assert keys == sorted(keys, reverse=order == "desc")


@EACH
def test_the_order_of_updates_follows_changes(api: Api, route: str, twelve: list[str]) -> None:
    rename(api, route, twelve[5])
    assert ids(page(api, route, sortBy="updatedAt", limit=2)["items"]) == [twelve[5], twelve[11]]
    assert ids(page(api, route, limit=1)["items"]) == [twelve[11]]


@pytest.mark.skip_moto
@EACH
def test_an_unknown_sort_field_means_the_time_of_creation(api: Api, route: str, twelve: list[str]) -> None:
    for sort_by in ("colour", "created_at", "NAME", ""):
        assert ids(page(api, route, sortBy=sort_by)["items"]) == twelve[:1:-1]


@pytest.mark.skip_moto
@EACH
@pytest.mark.parametrize("order", ["up", "ASCENDING", "1", "ASC,DESC"])
def test_an_unknown_sort_order_is_refused(api: Api, route: str, order: str) -> None:
    body = expect(api.get(route, params={"sortOrder": order}), 400, "FLK-0310")
    assert list(body["fields"]) == ["sortOrder"]


@pytest.mark.skip_moto
@EACH
def test_an_unknown_status_is_refused(api: Api, route: str) -> None:
    for status in ("unknown", "ACTIVE", "active,draft"):
        body = expect(api.get(route, params={"status": status}), 400, "FLK-0304")
        assert list(body["fields"]) == ["status"]


def test_workflows_are_filtered_by_status(api: Api) -> None:
    made = [
        create_workflow(api, {"name": unique(), "nodes": [trigger(), set_output("end")]}) for _ in range(3)
    ]
    for workflow_id, verbs in zip(made, ((), ("activate",), ("activate", "deactivate")), strict=True):
        for verb in verbs:
            expect(api.post(f"{WORKFLOWS}/{workflow_id}/{verb}"), 200)
    for status, wanted in zip(("draft", "active", "inactive"), made, strict=True):
        items = [item for items in walk(api, WORKFLOWS, status=status, limit=100) for item in items]
        assert {item["status"] for item in items} == {status}
        assert {*ids(items)} & {*made} == {wanted}
    assert {*made} <= {*ids(page(api, WORKFLOWS, status="")["items"])}


def test_executors_are_filtered_by_status(api: Api) -> None:
    unconfigured = str(expect(api.post(EXECUTORS, {"name": unique()}), 201)["id"])
    configured = add(api, EXECUTORS, unique())
    made = {unconfigured, configured}
    for status, wanted in (("unconfigured", {unconfigured}), ("configured", {configured}), ("tested", set())):
        items = [item for items in walk(api, EXECUTORS, status=status, limit=100) for item in items]
        assert {item["status"] for item in items} <= {status}
        assert {*ids(items)} & made == wanted
    assert made <= {*ids(page(api, EXECUTORS, status="", limit=100)["items"])}


def test_provider_configurations_are_filtered_by_status_and_provider(api: Api) -> None:
    config = {"region": "r", "bucket": "b", "access_key_id": "a", "secret_access_key": "s"}
    bodies = [{"name": unique(), "providerId": "s3", "config": config} for _ in range(4)]
    made = [str(expect(api.post(CONFIGURATIONS, body), 201)["id"]) for body in bodies]
    other = add(api, CONFIGURATIONS, unique())
    expect(api.post(f"{CONFIGURATIONS}/{made[1]}/disable"), 200)

    def listed(**filters: str) -> set[str]:
        pages = list(walk(api, CONFIGURATIONS, limit=3, **filters))
        return {*ids([item for items in pages for item in items])} & {*made, other}

    assert listed(providerId="s3") == {*made}
    assert listed(providerId="s3", status="active") == {made[0], made[2], made[3]}
    assert listed(providerId="s3", status="disabled") == {made[1]}
    assert listed(providerId="S3") == set()
    assert other in listed(status="active")


@pytest.mark.skip_moto
@EACH
def test_a_cursor_survives_url_encoding(api: Api, route: str, twelve: list[str]) -> None:
    for sort_by in ("createdAt", "name"):
        first = page(api, route, limit=5, sortBy=sort_by)
        cursor = first["nextCursor"]
        encoded = "".join(f"%{ord(letter):02X}" for letter in cursor)
        pages = [
            expect(api.get(f"{route}?limit=5&cursor={text}"), 200)
            for text in (cursor, cursor.replace("=", "%3D"), encoded)
        ]
        assert pages[0] == pages[1] == pages[2]
        assert not {*ids(pages[0]["items"])} & {*ids(first["items"])}


@pytest.mark.skip_moto
@EACH
def test_empty_parameters_are_as_good_as_none(api: Api, route: str, twelve: list[str]) -> None:
    found = expect(api.get(f"{route}?limit=&sortBy=&sortOrder=&status=&providerId=&cursor=&&="), 200)
    assert ids(found["items"]) == twelve[:1:-1]


@pytest.mark.skip_moto
@EACH
def test_a_parameter_that_is_sent_twice_is_one_with_a_comma(api: Api, route: str, twelve: list[str]) -> None:
    for twice, code in (
        ("status=active&status=active", "FLK-0304"),
        ("sortOrder=ASC&sortOrder=ASC", "FLK-0310"),
    ):
        expect(api.get(f"{route}?{twice}"), 400, code)
    cursor = page(api, route, limit=5)["nextCursor"]
    expect(api.get(f"{route}?cursor={cursor}&cursor={cursor}"), 400, "FLK-0304")
    limited = api.get(f"{route}?limit=1&limit=2")
    if route == CONFIGURATIONS:
        expect(limited, 400, "FLK-0304")
    else:
        assert len(expect(limited, 200)["items"]) == 10


@pytest.mark.skip_moto
@EACH
def test_a_plus_in_a_query_is_a_space_and_in_no_cursor(api: Api, route: str, twelve: list[str]) -> None:
    cursor = page(api, route, limit=5, sortBy="name")["nextCursor"]
    assert not {*cursor} & {*"+/ "}
    for text in ("+", "%20", "%2B"):
        expect(api.get(f"{route}?cursor={text}{cursor}"), 400, "FLK-0304")
        expect(api.get(f"{route}?cursor={cursor}{text}"), 400, "FLK-0304")
    assert len(expect(api.get(f"{route}?limit=%2B3"), 200)["items"]) == 3


@pytest.mark.skip_moto
def test_the_list_of_executions_reads_odd_queries_in_the_same_way(api: Api) -> None:
    route, workflow_id = "/v1/executions", str(uuid4())
    empty = "workflowId=&limit=&sortBy=&sortOrder=&status=&cursor="
    assert len(expect(api.get(f"{route}?{empty}"), 200)["items"]) <= 10
    for query, code in (
        (f"workflowId={workflow_id}&workflowId={workflow_id}", "FLK-0002"),
        (f"workflowId=urn:uuid:{workflow_id}", "FLK-0002"),
        (f"workflowId=%7B{workflow_id}%7D", "FLK-0002"),
        ("workflowId=+", "FLK-0002"),
        ("limit=1&limit=2", "FLK-0304"),
        ("limit=+5", "FLK-0304"),
        ("limit=" + "9" * 30, "FLK-0309"),
        ("status=failed&status=failed", "FLK-0304"),
        ("sortBy=startedAt&sortBy=startedAt", "FLK-0304"),
        ("sortOrder=asc&sortOrder=asc", "FLK-0310"),
        ("cursor=%FF", "FLK-0304"),
    ):
        expect(api.get(f"{route}?{query}"), 400, code)


@pytest.mark.skip_moto
@EACH
def test_a_query_that_is_no_utf_8_is_answered(api: Api, route: str) -> None:
    for query in ("status=%FF", "cursor=%FF%FE", "status=%ED%A0%80", "cursor=%", "status=%zz"):
        expect(api.get(f"{route}?{query}"), 400, "FLK-0304")


@pytest.mark.skip_moto
@EACH
def test_a_name_of_any_characters_makes_a_working_cursor(api: Api, route: str) -> None:
    missing = {
        add(api, route, f"!!{letter}{unique()}")
        for letter in ('"', "é", "😀", "\u0000", "%", "a#b", "\uffff")
    }
    seen: list[str] = []
    for items in walk(api, route, sortBy="name", sortOrder="ASC", limit=1):
        seen += ids(items)
        missing -= {*seen}
        if not missing:
            break
    assert not missing
    assert len(seen) == len({*seen})


@pytest.mark.skip_moto
@EACH
def test_a_cursor_that_was_changed_is_refused(api: Api, route: str, twelve: list[str]) -> None:
    cursor = page(api, route, limit=5)["nextCursor"]
    changed = [
        cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
        for position in range(0, len(cursor), 5)
    ]
    for text in (*changed, cursor[:-4], f"{cursor}AAAA", f"{cursor}=", "x", "=", "%00", "null", "e30=", "ä"):
        body = expect(api.get(route, params={"cursor": text, "limit": 5}), 400, "FLK-0304")
        assert list(body["fields"]) == ["cursor"]


@pytest.mark.skip_moto
@EACH
def test_a_cursor_carries_its_sort(api: Api, route: str, twelve: list[str]) -> None:
    first = page(api, route, sortBy="name", sortOrder="ASC", limit=3)
    cursor = first["nextCursor"]
    second = page(api, route, sortBy="name", sortOrder="ASC", limit=3, cursor=cursor)
    for same in ({}, {"sortBy": "name"}, {"sortOrder": "asc"}):
        assert page(api, route, limit=3, cursor=cursor, **same) == second
    for other in ({"sortBy": "createdAt"}, {"sortOrder": "DESC"}, {"sortBy": "name", "sortOrder": "desc"}):
        expect(api.get(route, params={"cursor": cursor, **other}), 400, "FLK-0304")


@pytest.mark.skip_moto
@EACH
def test_the_size_of_pages_may_change_on_the_way(api: Api, route: str, twelve: list[str]) -> None:
    first = page(api, route, limit=2)
    second = page(api, route, limit=7, cursor=first["nextCursor"])
    third = page(api, route, limit=3, cursor=second["nextCursor"])
    assert ids([*first["items"], *second["items"], *third["items"]]) == twelve[::-1]


@pytest.mark.skip_moto
@EACH
@pytest.mark.parametrize(
    ("sort_by", "order", "first"), [("createdAt", "DESC", "m"), ("name", "ASC", "!"), ("name", "DESC", "~")]
)
def test_a_walk_sees_everything_once_while_rows_come_and_go(
    api: Api, route: str, sort_by: str, order: str, first: str
) -> None:
    """`first` begins names that come early in the walk, whatever else is stored."""
    there = {add(api, route, f"{first}{unique()}") for _ in range(12)}
    seen: list[str] = []
    for items in walk(api, route, sortBy=sort_by, sortOrder=order, limit=5):
        seen += ids(items)
        for letter in "!m~":
            add(api, route, f"{letter}{unique()}")
        if items[-1]["id"] in there:  # the very row that the cursor names
            expect(api.delete(f"{route}/{items[-1]['id']}"), 204)
        if there <= {*seen}:
            break
    assert len(seen) == len({*seen})
    assert there <= {*seen}
