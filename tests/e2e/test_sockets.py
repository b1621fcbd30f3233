"""Following runs over WebSocket, as a client sees it (FlowRunner spec i)."""

import time
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from tests.accounts import Tenant, admin, log_in, new_tenant
from tests.servers import expect
from tests.sockets import (
    STEPS,
    Message,
    address,
    create_flow,
    go_on,
    receive,
    refusal,
    run,
    sequences,
    socket,
    to_the_end,
    until,
)


@pytest.fixture(scope="module")
def tenant(target: str) -> Iterator[Tenant]:
    chief = admin(target)
    found = new_tenant(target, chief)
    yield found
    chief.api.close()
    found.api.close()


@pytest.fixture(scope="module")
def waits(tenant: Tenant) -> str:
    return create_flow(tenant)


@pytest.fixture(scope="module")
def finished(target: str, tenant: Tenant) -> tuple[str, list[Message]]:
    """An execution that has ended, and all that was told about it."""
    execution_id = run(tenant, create_flow(tenant, STEPS))
    with socket(target, tenant, execution_id) as client:
        messages, _ = to_the_end(client)
    return execution_id, messages


def test_a_run_is_told_from_beginning_to_end_and_then_the_socket_is_closed(
    target: str, tenant: Tenant, waits: str
) -> None:
    execution_id = run(tenant, waits)
    with socket(target, tenant, execution_id) as client:
        begin = until(client, "execution_update", node_id="waiting")
        go_on(tenant, execution_id)
        rest, code = to_the_end(client)
        ended = time.monotonic()
    messages = begin + rest
    assert sequences(messages) == list(range(1, len(messages) + 1))
    assert {message["execution_id"] for message in messages} == {execution_id}
    assert (code, time.monotonic() - ended < 1) == (1000, True)
    assert messages[0]["message"] == "Execution started"
    told = [message for message in messages if message["type"] != "log"]
    assert [(message["type"], message.get("node_id")) for message in told] == [
        ("execution_update", "first"),
        ("node_completed", "first"),
        ("execution_update", "waiting"),
        ("node_completed", "waiting"),
        ("execution_update", "last"),
        ("node_completed", "last"),
        ("execution_completed", None),
    ]
    assert told[1]["result"] == {"a": 1}
    assert (told[-1]["status"], told[-1]["result"]) == ("completed", {"b": 2})


def test_what_is_told_is_what_the_logs_say(tenant: Tenant, finished: tuple[str, list[Message]]) -> None:
    execution_id, messages = finished
    logs = expect(tenant.api.get(f"/api/v1/executions/{execution_id}/logs?limit=100"), 200)["logs"]
    told = [message for message in messages if message["type"] == "log"]
    shown = ("timestamp", "level", "message", "node_id", "node_type")
    assert [[each[name] for name in shown] for each in told] == [
        [each[name] for name in shown] for each in logs
    ]


def test_who_comes_after_the_end_is_told_everything(
    target: str, tenant: Tenant, finished: tuple[str, list[Message]]
) -> None:
    execution_id, messages = finished
    with socket(target, tenant, execution_id) as client:
        assert to_the_end(client) == (messages, 1000)


def test_who_comes_back_names_what_it_knows_already(
    target: str, tenant: Tenant, finished: tuple[str, list[Message]]
) -> None:
    execution_id, messages = finished
    for since in (1, len(messages) - 1, len(messages)):
        with socket(target, tenant, execution_id, f"?since={since}") as client:
            assert to_the_end(client) == (messages[since:], 1000)
    for nonsense in ("-1", "x", "1.5", "99999", "9" * 30):
        assert refusal(target, tenant, execution_id, f"?since={nonsense}") == 400


def test_a_cancelled_run_is_an_update_and_then_closed(target: str, tenant: Tenant, waits: str) -> None:
    execution_id = run(tenant, waits)
    with socket(target, tenant, execution_id) as client:
        until(client, "execution_update", node_id="waiting")
        expect(tenant.api.delete(f"/api/v1/executions/{execution_id}"), 200)
        messages, code = to_the_end(client)
    last = messages[-1]
    assert (last["type"], last["status"], code) == ("execution_update", "cancelled", 1000)


@pytest.mark.skip_moto
def test_only_who_owns_the_run_may_follow_it(
    target: str, tenant: Tenant, finished: tuple[str, list[Message]]
) -> None:
    execution_id, _ = finished
    chief = admin(target)
    assert refusal(target, chief, execution_id) == 404  # not even an admin
    chief.api.close()
    assert refusal(target, tenant, "exec-00000000-0000-4000-8000-000000000000") == 404
    assert refusal(target, tenant, "..%2f") == 404
    assert refusal(target, None, execution_id) == 401
    assert refusal(target, None, execution_id, "?token=nonsense") == 401
    assert refusal(target, None, execution_id, "?ticket=nonsense") == 401
    assert refusal(target, None, execution_id, subprotocols=["bearer", "nonsense"]) == 401
    basic = {"Authorization": "Basic YTpi"}
    with (
        pytest.raises(Exception, match="401"),
        connect(address(target, execution_id), additional_headers=basic),
    ):
        pass


def test_browsers_have_other_ways_to_say_who_they_are(
    target: str, tenant: Tenant, finished: tuple[str, list[Message]]
) -> None:
    execution_id, messages = finished
    with socket(target, None, execution_id, f"?token={tenant.token}") as client:
        assert to_the_end(client)[0] == messages
    with socket(target, None, execution_id, subprotocols=["bearer", tenant.token]) as client:
        assert client.subprotocol == "bearer"
        assert to_the_end(client)[0] == messages
    issued = expect(tenant.api.post(f"/api/v1/executions/{execution_id}/ws-ticket"), 201)
    with socket(target, None, execution_id, f"?ticket={issued['ticket']}&since=1") as client:
        assert to_the_end(client)[0] == messages[1:]
    assert refusal(target, None, execution_id, f"?ticket={issued['ticket']}") == 401


@pytest.mark.skip_moto
def test_a_ticket_is_for_one_run(target: str, tenant: Tenant, finished: tuple[str, list[Message]]) -> None:
    execution_id, _ = finished
    other = run(tenant, create_flow(tenant, STEPS))
    ticket = expect(tenant.api.post(f"/api/v1/executions/{other}/ws-ticket"), 201)["ticket"]
    assert refusal(target, None, execution_id, f"?ticket={ticket}") == 401
    chief = admin(target)
    assert chief.api.post(f"/api/v1/executions/{other}/ws-ticket").status_code == 404
    chief.api.close()


@pytest.mark.skip_moto
def test_the_execution_may_be_a_parameter_as_behind_cloudfront(
    target: str, tenant: Tenant, finished: tuple[str, list[Message]]
) -> None:
    execution_id, messages = finished
    base, headers = target.replace("http", "ws", 1), {"Authorization": f"Bearer {tenant.token}"}
    with connect(f"{base}/?execution_id={execution_id}", additional_headers=headers) as client:
        assert to_the_end(client)[0] == messages
    for path in ("/", "/ws/other", "/v1/executions"):
        with pytest.raises(Exception, match="404"), connect(f"{base}{path}", additional_headers=headers):
            pass


def test_a_ping_is_answered_and_everything_else_is_ignored(target: str, tenant: Tenant, waits: str) -> None:
    execution_id = run(tenant, waits)
    with socket(target, tenant, execution_id) as client:
        until(client, "log", message="Node started", node_id="waiting")
        for nonsense in ("{", "[]", '{"type":"subscribe"}', b"\x00"):
            client.send(nonsense)
        client.send('{"type":"ping"}')
        pong = receive(client)
        assert (pong["type"], sorted(pong)) == ("pong", ["timestamp", "type"])
    expect(tenant.api.delete(f"/api/v1/executions/{execution_id}"), 200)


def test_logging_out_closes_the_sockets_of_the_token_and_no_others(
    target: str, tenant: Tenant, waits: str
) -> None:
    execution_id = run(tenant, waits)
    leaving = log_in(target, tenant.email)
    ticket = expect(leaving.api.post(f"/api/v1/executions/{execution_id}/ws-ticket"), 201)["ticket"]
    with socket(target, tenant, execution_id) as kept, socket(target, leaving, execution_id) as closed:
        for client in (kept, closed):
            until(client, "execution_update", node_id="waiting")
        expect(leaving.api.post("/api/v1/auth/logout"), 200)
        assert to_the_end(closed, seconds=2)[1] == 1000
        assert refusal(target, leaving, execution_id) == 401
        assert refusal(target, None, execution_id, f"?ticket={ticket}") == 401
        go_on(tenant, execution_id)
        assert to_the_end(kept)[0][-1]["type"] == "execution_completed"
    leaving.api.close()


def test_deleting_the_account_closes_its_sockets(target: str) -> None:
    chief = admin(target)
    leaving = new_tenant(target, chief)
    execution_id = run(leaving, create_flow(leaving))
    with socket(target, leaving, execution_id) as client:
        until(client, "execution_update", node_id="waiting")
        expect(chief.api.delete(leaving.path), 200)
        assert to_the_end(client, seconds=5)[1] == 1000
    for each in (chief, leaving):
        each.api.close()
