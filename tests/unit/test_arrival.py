"""Where requests come from: behind CloudFront, from where it says, if it is ours (docs/operations.md)."""

from collections.abc import Mapping

import pytest

from flowker import wiring
from flowker.http.arrival import as_called
from flowker.settings import Settings
from tests.fakes import MemoryTable
from tests.functions import ADDRESS, call
from tests.samples import trigger
from tests.trails import outbox, use

SECRET = "of our own distribution"
VIEWER = "198.51.100.23"
OURS = {"x-flowker-origin": SECRET, "x-flowker-address": VIEWER}


@pytest.fixture
def table() -> MemoryTable:
    table = MemoryTable()
    use(table, Settings(authenticate=False, origin_secret=SECRET))
    return table


def address_of_change(table: MemoryTable, headers: Mapping[str, str]) -> str:
    """From where the audit trail says that a workflow was made."""
    call("POST", "/v1/workflows", {"name": "w", "nodes": [trigger()], "edges": []}, headers).ok(201)
    wiring.audit_trail().append_pending()
    (entry,) = wiring.audit_chain().entries(1, 1)
    return entry.event.actor.ip_address


def test_our_own_cloudfront_is_believed(table: MemoryTable) -> None:
    assert address_of_change(table, OURS) == VIEWER
    assert outbox(table) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-flowker-address": VIEWER},
        {"x-flowker-origin": "", "x-flowker-address": VIEWER},
        {"x-flowker-origin": "of another one", "x-flowker-address": VIEWER},
        {"x-flowker-origin": f"{SECRET} ", "x-flowker-address": VIEWER},
        {"x-flowker-origin": "größer", "x-flowker-address": VIEWER},
        {"x-flowker-origin": SECRET},
        {"x-flowker-origin": SECRET, "x-flowker-address": "somewhere"},
        {"x-flowker-origin": SECRET, "x-flowker-address": f"{VIEWER}, 203.0.113.9"},
        {"x-forwarded-for": VIEWER, "cloudfront-viewer-address": f"{VIEWER}:46532"},
    ],
)
def test_nobody_else_is(table: MemoryTable, headers: Mapping[str, str]) -> None:
    assert address_of_change(table, headers) == ADDRESS


def test_without_a_secret_nobody_is() -> None:
    table = MemoryTable()
    use(table)
    for secret in ("", SECRET):
        event = {
            "headers": OURS | {"x-flowker-origin": secret},
            "requestContext": {"http": {"sourceIp": "x"}},
        }
        assert as_called(event, Settings())["requestContext"]["http"]["sourceIp"] == "x"


def test_an_address_of_six_is_written_as_usual() -> None:
    headers = OURS | {"x-flowker-address": "2001:DB8:0:0:0:0:0:1"}
    event = {"headers": headers, "requestContext": {"http": {"sourceIp": "x"}}}
    http = as_called(event, Settings(origin_secret=SECRET))["requestContext"]["http"]
    assert http["sourceIp"] == "2001:db8::1"


def test_what_is_between_cloudfront_and_us_goes_no_further(table: MemoryTable) -> None:
    """Webhooks hand the headers of a request to their workflow, and the address it came from."""
    body = {"name": "w", "nodes": [trigger(path="/in", method="POST")], "edges": []}
    path = f"/v1/workflows/{call('POST', '/v1/workflows', body).ok(201)['workflowId']}"
    call("POST", f"{path}/activate").ok()
    answered = call("POST", "/v1/webhooks/in", {}, OURS).ok(201)
    received = wiring.execution_store().history(answered["executionId"]).input
    assert isinstance(received, dict)
    assert received["_webhook"]["remote_ip"] == VIEWER
    assert SECRET not in str(received)
    assert "x-flowker" not in str(received)


def test_an_event_without_these_headers_is_as_it_was() -> None:
    event = {"headers": {"host": "x"}, "requestContext": {"http": {"sourceIp": "x"}}}
    assert as_called(event, Settings(origin_secret=SECRET)) is event
    assert as_called({"requestContext": {}}, Settings()) == {"requestContext": {}}
