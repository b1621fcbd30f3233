"""The routes of the audit trail and of the dashboards: documents, filters, codes (Flowker spec a.2 #38-#42, j)."""

import json
from typing import Any

import pytest

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.items import Delete, Put
from flowker.http.v1.audit_events import EXPORTED_BYTES
from flowker.model.audit import Actor, ActorType, AuditEvent, EventType, acting
from flowker.model.audit_export import Line, inspect
from tests.fakes import MemoryBlobs, MemoryTable
from tests.functions import Answered, call
from tests.integration.samples import execution
from tests.integration.test_audit_search import few, many
from tests.trails import chained, event, events, long_trail, matching, say, trail, use, uuid

AUDIT = "/v1/audit-events"
DASHBOARD = "/v1/dashboards/executions"


@pytest.fixture
def table() -> MemoryTable:
    table = MemoryTable()
    use(table)
    return table


def get(path: str, **query: object) -> Answered:
    return call("GET", path, query=query)


def search(**query: object) -> Any:
    return get(AUDIT, **query).ok()


# --- documents -------------------------------------------------------------------------------------------------------


def test_an_event_is_shown_as_documented() -> None:
    with acting(Actor(ActorType.API_KEY, "cli", "192.0.2.1", "r-1")):
        shown = event(
            1, seconds=1.1239, kind=EventType.PROVIDER_CALL_FAILED, metadata={"node.id": "a|b", "attempt": 2}
        )
    table = chained([shown, event(2, metadata={})])
    use(table)
    first, second = trail(table)
    assert get(f"{AUDIT}/{shown.id}").ok() == {
        "eventId": shown.id,
        "eventType": "PROVIDER_CALL_FAILED",
        "action": "EXECUTE",
        "result": "SUCCESS",
        "resourceId": shown.resource_id,
        "resourceType": "execution",
        "actor": {"type": "api_key", "id": "cli", "ipAddress": "192.0.2.1"},
        "context": {"request.id": "r-1"},
        "metadata": {"node.id": "a|b", "attempt": 2},
        "timestamp": "2026-03-01T10:00:01.123Z",
        "hash": first.hash,
        "sequence": 1,
    }
    document = get(f"{AUDIT}/{uuid(2, 1)}").ok()
    assert (document["previousHash"], document["hash"]) == (first.hash, second.hash)
    assert {"context", "metadata"}.isdisjoint(document)


def test_an_event_is_found_by_its_id_in_any_spelling() -> None:
    use(few())
    spelled = event(5).id.replace("-", "").upper()
    assert get(f"{AUDIT}/{spelled}").ok()["eventId"] == event(5).id
    get(f"{AUDIT}/{uuid(1, 9)}").refused(404, "FLK-0600")
    get(f"{AUDIT}/{uuid(1, 9)}/verify").refused(404, "FLK-0600")
    get(f"{AUDIT}/nonsense").refused(400, "FLK-0002")
    get(f"{AUDIT}/nonsense/verify").refused(400, "FLK-0002")


def test_an_entry_that_cannot_be_read_is_an_error_that_says_so(table: MemoryTable) -> None:
    say(table, events(3))
    wiring.audit_chain().append_pending()
    (stored,) = table.get([keys.audit_entry(2)])
    assert stored is not None
    table.write([Put(keys.AUDIT, {**stored, "text": "nothing"}, when=None)])
    message = get(f"{AUDIT}/{uuid(2, 1)}").refused(500, "FLK-0612")["message"]
    assert "entry 2 cannot be read" in message
    get(AUDIT).refused(500, "FLK-0612")
    verdict = get(f"{AUDIT}/{uuid(2, 1)}/verify").ok()
    assert verdict | {"isValid": False, "firstInvalidId": 2, "totalChecked": 2} == verdict


def test_verifying_tells_how_many_entries_hold_and_which_does_not(table: MemoryTable) -> None:
    say(table, events(5))
    wiring.audit_chain().append_pending()
    verdict = get(f"{AUDIT}/{uuid(4, 1)}/verify").ok()
    assert verdict == {"isValid": True, "totalChecked": 4, "message": "all 4 entries hold"}
    (stored,) = table.get([keys.audit_entry(3)])
    assert stored is not None
    table.write(
        [Put(keys.AUDIT, {**stored, "text": str(stored["text"]).replace("flowker", "mallory")}, when=None)]
    )
    message = "entry 3 does not match its hash"
    expected = {"isValid": False, "firstInvalidId": 3, "totalChecked": 3, "message": message}
    assert get(f"{AUDIT}/{uuid(4, 1)}/verify").ok() == expected
    assert get(f"{AUDIT}/{uuid(2, 1)}/verify").ok()["isValid"] is True


# --- search ----------------------------------------------------------------------------------------------------------


def listed(**query: object) -> list[str]:
    """The ids of the events on all pages."""
    found, cursor = [], ""
    while True:
        page = search(**query, **({"cursor": cursor} if cursor else {}))
        found += [item["eventId"] for item in page["items"]]
        cursor = page["nextCursor"]
        assert page["hasMore"] is bool(cursor)
        if not cursor:
            return found


def ids(expected: list[AuditEvent]) -> list[str]:
    return [each.id for each in expected]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({}, {}),
        ({"eventType": "WORKFLOW_CREATED"}, {"event_type": "WORKFLOW_CREATED"}),
        ({"action": "EXECUTE"}, {"action": "EXECUTE"}),
        ({"result": "FAILED"}, {"result": "FAILED"}),
        ({"resourceType": "provider_config"}, {"resource_type": "provider_config"}),
        ({"resourceId": uuid(2, 7)}, {"resource_id": uuid(2, 7)}),
        ({"resourceId": uuid(2, 7).replace("-", "").upper()}, {"resource_id": uuid(2, 7)}),
        ({"resourceId": uuid(2, 7), "result": "FAILED"}, {"resource_id": uuid(2, 7), "result": "FAILED"}),
        ({"eventType": "", "action": "", "result": "", "resourceId": ""}, {}),
    ],
)
def test_each_filter_finds_its_events(query: dict[str, str], where: dict[str, str]) -> None:
    use(few())
    expected = ids(matching(events(45), where))
    assert listed(**query, sortOrder="ASC", limit=4) == expected
    assert listed(**query, limit=7) == expected[::-1]


def test_dates_include_both_ends() -> None:
    use(few())
    dates = {"dateFrom": "2026-03-01T10:00:10Z", "dateTo": "2026-03-01T11:00:20+01:00"}
    assert listed(**dates, sortOrder="asc") == ids(events(20)[9:])
    assert listed(dateFrom=dates["dateFrom"], dateTo=dates["dateFrom"]) == [uuid(10, 1)]
    assert (
        listed(dateFrom="0001-01-01T00:00:00Z", dateTo="9999-12-31T23:59:59.999999Z", limit=100)
        == ids(events(45))[::-1]
    )


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, 20), ("", 20), ("0", 20), ("-3", 20), ("5", 5), ("100", 100), ("101", 100), ("9" * 99, 100)],
)
def test_the_limit_is_clamped(limit: str | None, expected: int) -> None:
    use(many())
    assert len(search(**({} if limit is None else {"limit": limit}))["items"]) == expected


def test_the_order_is_that_of_the_chain_newest_first_unless_asked_otherwise() -> None:
    use(few())
    newest, oldest = uuid(45, 1), uuid(1, 1)
    orders = {None: newest, "DESC": newest, "sideways": newest, "": newest, "ASC": oldest, "asc": oldest}
    for order, first in orders.items():
        page = search(**({} if order is None else {"sortOrder": order}))
        assert page["items"][0]["eventId"] == first


def test_a_cursor_carries_its_order_and_refuses_another() -> None:
    use(few())
    cursor = search(sortOrder="ASC", limit=5)["nextCursor"]
    assert search(cursor=cursor, limit=1)["items"][0]["eventId"] == uuid(6, 1)
    assert search(cursor=cursor, sortOrder="asc", limit=1)["items"][0]["eventId"] == uuid(6, 1)
    refused = get(AUDIT, cursor=cursor, sortOrder="DESC").refused(400, "FLK-0304")
    assert "cursor" in refused["fields"]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"eventType": "WORKFLOW_EXPLODED"}, "FLK-0601", "eventType"),
        ({"eventType": "workflow_created"}, "FLK-0601", "eventType"),
        ({"action": "create"}, "FLK-0602", "action"),
        ({"result": "MAYBE"}, "FLK-0603", "result"),
        ({"resourceType": "planet"}, "FLK-0605", "resourceType"),
        ({"resourceId": "7"}, "FLK-0002", "resourceId"),
        ({"resourceId": "exec-"}, "FLK-0002", "resourceId"),
        ({"resourceId": f"planet-{uuid(2, 7)}"}, "FLK-0002", "resourceId"),
        ({"dateFrom": "2026-03-01"}, "FLK-0305", "dateFrom"),
        ({"dateFrom": "2026-03-01T10:00:00"}, "FLK-0305", "dateFrom"),
        ({"dateTo": "2026-02-30T10:00:00Z"}, "FLK-0305", "dateTo"),
        ({"dateTo": "yesterday"}, "FLK-0305", "dateTo"),
        ({"dateFrom": "2026-03-01T10:00:01Z", "dateTo": "2026-03-01T10:00:00Z"}, "FLK-0308", "dateFrom"),
        ({"limit": "ten"}, "FLK-0304", "limit"),
        ({"limit": "1.5"}, "FLK-0304", "limit"),
        ({"limit": "1,2"}, "FLK-0304", "limit"),
        ({"cursor": "abc"}, "FLK-0610", "cursor"),
        ({"cursor": "20"}, "FLK-0610", "cursor"),
        ({"cursor": "é"}, "FLK-0610", "cursor"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_own_code(query: dict[str, str], code: str, field: str) -> None:
    use(few())
    assert field in get(AUDIT, **query).refused(400, code)["fields"]


def test_cursors_of_other_lists_are_refused() -> None:
    from flowker.model.page import Cursor

    use(few())
    for cursor in (
        Cursor("createdAt", True, "x"),
        Cursor("sequence", True, "x"),
        Cursor("sequence", True, "-1"),
    ):
        get(AUDIT, cursor=cursor.encode()).refused(400, "FLK-0610")


# --- export ----------------------------------------------------------------------------------------------------------


def pages(**query: object) -> list[Answered]:
    """The answers of an export that follows `complete`."""
    found, after = [], int(str(query.pop("after", 0)))
    while True:
        answer = get(f"{AUDIT}/export", after=after, **query)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        found.append(answer)
        last = json.loads(answer.text.splitlines()[-1])
        if last["complete"] or last["checkpoint"]["sequence"] == after:
            return found
        after = last["checkpoint"]["sequence"]


def lines(answers: list[Answered]) -> list[Line]:
    text = "".join(answer.text for answer in answers).encode().splitlines(keepends=True)
    return [Line("export", number, content) for number, content in enumerate(text, start=1)]


@pytest.mark.parametrize("limit", [1, 7, 45, 5000])
def test_an_export_proves_itself(limit: int) -> None:
    use(few())
    report = inspect(lines(pages(limit=limit)))
    assert (report.checked, report.complete, report.findings) == (45, True, [])
    assert report.end.hash == trail(few())[-1].hash


def test_an_export_begins_behind_any_entry() -> None:
    use(few())
    report = inspect(lines(pages(after=40)))
    assert (report.checked, report.start.sequence, report.start.hash) == (5, 40, trail(few())[39].hash)
    report = inspect(lines(pages(after=45)))
    assert (report.checked, report.complete, report.findings) == (0, True, [])


def test_an_empty_trail_exports_two_checkpoints(table: MemoryTable) -> None:
    assert get(f"{AUDIT}/export").text == (
        '{"checkpoint":{"sequence":0,"hash":"GENESIS"}}\n'
        '{"checkpoint":{"sequence":0,"hash":"GENESIS"},"complete":true}\n'
    )


def test_a_thousand_entries_are_one_part_unless_asked_otherwise() -> None:
    use(many())
    sizes = [len(answer.text.splitlines()) - 2 for answer in pages()]
    assert sizes == [1000, 1000, 300]


def test_a_part_ends_early_when_the_answer_has_no_more_room() -> None:
    large = [event(number, metadata={"workflow.name": '"' * 100_000}) for number in range(1, 21)]
    use(long_trail(large))
    answers = pages(limit=5000)
    assert len(answers) > 1
    assert max(len(json.dumps(answer.text)) for answer in answers) < EXPORTED_BYTES + 1000
    assert inspect(lines(answers)).checked == 20


@pytest.mark.parametrize(
    "query",
    [
        {"after": -1},
        {"after": "x"},
        {"after": 46},
        {"limit": 0},
        {"limit": 5001},
        {"limit": "x"},
        {"after": "9" * 99},
    ],
)
def test_a_bad_part_is_refused(query: dict[str, object]) -> None:
    use(few())
    get(f"{AUDIT}/export", **query).refused(400, "FLK-0304")


def test_what_is_missing_in_the_store_is_missing_in_its_export() -> None:
    for gone in (5, 45):
        table = long_trail(events(45))
        table.write([Delete(keys.audit_entry(gone))])
        use(table)
        report = inspect(lines(pages(limit=20)))
        assert [finding.entry for finding in report.findings] == ([5] if gone == 5 else [])
        assert not report.complete
        assert report.end.sequence == gone - 1


# --- dashboards ------------------------------------------------------------------------------------------------------


def test_the_summary_lists_every_status_in_the_order_of_the_lifecycle(table: MemoryTable) -> None:
    nothing = [{"status": status, "count": 0} for status in ("draft", "active", "inactive")]
    summary = get("/v1/dashboards/workflows/summary").ok()
    assert summary == {"total": 0, "active": 0, "byStatus": nothing}
    call("POST", "/v1/workflows", {"name": "one"}).ok(201)
    call("POST", "/v1/workflows", {"name": "two"}).ok(201)
    summary = get("/v1/dashboards/workflows/summary").ok()
    assert summary == {"total": 2, "active": 0, "byStatus": [{"status": "draft", "count": 2}, *nothing[1:]]}


def test_the_dashboard_of_executions_has_all_five_numbers(table: MemoryTable) -> None:
    for second in (1, 2, 2):
        started = execution(started_at=f"2026-03-01T10:00:0{second}.000Z")
        wiring.execution_store().add(started, {}, None)
    zeros = {"total": 0, "completed": 0, "failed": 0, "pending": 0, "running": 0}
    three = zeros | {"total": 3, "pending": 3}
    assert get(DASHBOARD).ok() == three
    assert list(get(DASHBOARD).ok()) == list(zeros)
    assert get(DASHBOARD, status="pending").ok() == three
    assert get(DASHBOARD, status="failed").ok() == zeros
    first = {"startTime": "2026-03-01T10:00:01Z", "endTime": "2026-03-01T11:00:01+01:00"}
    assert get(DASHBOARD, **first).ok() == zeros | {"total": 1, "pending": 1}
    assert get(DASHBOARD, startTime="2026-03-01T10:00:02Z").ok()["total"] == 2
    assert get(DASHBOARD, endTime="2026-03-01T10:00:01.999Z").ok()["total"] == 1
    assert get(DASHBOARD, startTime="", endTime="", status="").ok() == three


@pytest.mark.parametrize(
    ("query", "text", "field"),
    [
        ({"startTime": "yesterday"}, "startTime", "startTime"),
        ({"endTime": "2026-03-01"}, "endTime", "endTime"),
        ({"endTime": "2026-03-01T10:00:00"}, "endTime", "endTime"),
        (
            {"startTime": "2026-03-01T10:00:01Z", "endTime": "2026-03-01T10:00:00Z"},
            "startTime must be before endTime",
            "startTime",
        ),
        ({"status": "finished"}, "invalid status", "status"),
        ({"status": "PENDING"}, "invalid status", "status"),
    ],
)
def test_a_bad_dashboard_filter_is_refused(
    table: MemoryTable, query: dict[str, str], text: str, field: str
) -> None:
    refused = get(DASHBOARD, **query).refused(400, "FLK-0302")
    assert text in refused["message"]
    assert field in refused["fields"]


def test_a_start_that_is_the_end_is_no_mistake(table: MemoryTable) -> None:
    same = {"startTime": "2026-03-01T10:00:00Z", "endTime": "2026-03-01T10:00:00Z"}
    assert get(DASHBOARD, **same).ok()["total"] == 0


def test_only_reading_is_allowed(table: MemoryTable) -> None:
    for path in (
        AUDIT,
        f"{AUDIT}/export",
        f"{AUDIT}/{uuid(1)}",
        DASHBOARD,
        "/v1/dashboards/workflows/summary",
    ):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert call(method, path, {}).status == 405
    assert isinstance(wiring.home().blobs, MemoryBlobs)
