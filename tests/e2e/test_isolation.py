"""What belongs to another account is like what does not exist (FlowRunner spec b).

The requests are made from the published document: a new route is proved with the others, or fails until `tests/tenancy.py`
knows how to call it.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.accounts import log_in, refused
from tests.openapi import METHODS
from tests.servers import KEY as KEY_OF_V1
from tests.servers import expect
from tests.sockets import address
from tests.tenancy import (
    BODIES,
    FACE,
    IDS,
    KEY,
    VARIES,
    Operation,
    World,
    answered,
    attempts,
    make,
    published,
    unknown,
)

PUBLISHED = published()
ABOUT_A_THING = [each for each in PUBLISHED if each.subject]
ABOUT_ALL = [each for each in PUBLISHED if not each.subject]
DOCUMENTED = {(each.method, each.path): each for each in PUBLISHED}
PATHS = sorted({each.path for each in ABOUT_A_THING})
PAIRS = ["user and user", "admin and user", "user and admin"]
"""Owner and stranger."""


@pytest.fixture(scope="module", params=PAIRS)
def world(target: str, request: pytest.FixtureRequest) -> Iterator[World]:
    owner, stranger = request.param.split(" and ")
    with closing(make(target, owner, stranger)) as made:
        yield made


@pytest.fixture
def untouched(world: World) -> Iterator[World]:
    """Whatever is tried on what the owner has, it stays as it is."""
    before = world.as_it_is()
    yield world
    assert world.as_it_is() == before


def test_every_operation_that_takes_a_body_gets_one_and_none_is_left_over() -> None:
    assert {(each.method, each.path) for each in PUBLISHED if each.body is not None} == set(BODIES)
    assert {each.subject for each in ABOUT_A_THING} == set(IDS)


@pytest.mark.skip_moto
@pytest.mark.parametrize("operation", ABOUT_A_THING, ids=str)
def test_the_request_is_right_but_for_who_sends_it(target: str, operation: Operation) -> None:
    """Else a refusal would prove nothing."""
    with closing(make(target)) as world:
        path, deadline = operation.at(world.things(str(operation.subject))[0]), time.monotonic() + 20
        answer = world.owner.api.request(operation.method, path, json=operation.body)
        while answer.status_code == 409 and time.monotonic() < deadline:  # does not wait for its signal yet
            answer = world.owner.api.request(operation.method, path, json=operation.body)
        assert answer.status_code in (200, 201), answer.text


# --- one by one -------------------------------------------------------------------------------------------------------


@pytest.mark.skip_moto
@pytest.mark.parametrize("path", PATHS)
def test_what_is_anothers_answers_like_what_nobody_has(untouched: World, path: str) -> None:
    for method in map(str.upper, METHODS):
        operation = DOCUMENTED.get((method, path)) or Operation(method, path, takes_body=False)
        if operation.subject != "account_id" or not untouched.administers:
            for attempt in attempts(operation):
                alike(untouched, operation, **attempt)


@pytest.mark.skip_moto
@pytest.mark.parametrize("operation", ABOUT_A_THING, ids=str)
def test_headers_and_queries_change_nothing_about_that(untouched: World, operation: Operation) -> None:
    if operation.subject == "account_id" and untouched.administers:
        return  # admins administer all accounts
    started = time.monotonic()
    key = {"Idempotency-Key": "known"}
    alike(untouched, operation, json=operation.body, headers={"Prefer": "wait=20", **key})
    alike(untouched, operation, json=operation.body, params={"limit": 0, "offset": -1, "level": "x"})
    alike(untouched, operation, json=operation.body, params={"limit": 100, "token": untouched.owner.token})
    alike(untouched, operation, json=operation.body, headers={"X-API-Key": KEY_OF_V1})
    assert time.monotonic() - started < 10  # nobody waits for what is not there


def alike(world: World, operation: Operation, **attempt: Any) -> None:
    """The same request for what the owner has and for what nobody has is answered alike. One that is right is refused."""
    subject = str(operation.subject)
    for thing in world.things(subject):
        ids = thing, unknown(subject)
        calls = [world.stranger.api.request(operation.method, operation.at(each), **attempt) for each in ids]
        told = [answered(call, each) for call, each in zip(calls, ids, strict=True)]
        assert told[0] == told[1], f"{operation} {attempt}"
        if operation.method != "OPTIONS":
            assert calls[0].status_code >= 400, calls[0].text
        if operation in PUBLISHED and attempt == ({"json": operation.body} if operation.body else {}):
            refused(calls[0], *((403, "forbidden") if subject == "account_id" else (404, "not_found")))


def test_every_right_request_is_refused_on_every_home(target: str) -> None:
    with closing(make(target)) as world:
        before = world.as_it_is()
        for operation in ABOUT_A_THING:
            alike(world, operation, **next(attempts(operation)))
        assert handshake(world, world.run) == handshake(world, unknown("execution_id"))
        assert world.as_it_is() == before


@pytest.mark.skip_moto
def test_an_admin_sees_the_keys_of_others_but_no_values(target: str) -> None:
    with closing(make(target, stranger="admin")) as world:
        found = expect(world.stranger.api.get(f"{FACE}/accounts/{world.owner.id}/secrets"), 200)
        assert [each["key"] for each in found["secrets"]] == [KEY]
        missing = unknown("account_id")
        for operation in (each for each in ABOUT_A_THING if each.subject == "account_id"):
            answer = world.stranger.api.request(operation.method, operation.at(missing), json=operation.body)
            refused(answer, 404, "not_found")


# --- sockets ----------------------------------------------------------------------------------------------------------


def handshake(world: World, run_id: str, query: str = "", **options: Any) -> tuple[Any, ...]:
    """How the stranger is refused a socket on a run."""
    if not query and not options:
        options = {"additional_headers": {"Authorization": f"Bearer {world.stranger.token}"}}
    with pytest.raises(InvalidStatus) as refusal:
        connect(address(world.url, run_id, query), **options)
    told = refusal.value.response
    number = told.headers.get("X-Request-ID", "<none>")
    headers = sorted((name, value) for name, value in told.headers.raw_items() if name.lower() not in VARIES)
    return told.status_code, told.body.decode().replace(number, "").replace(run_id, ""), headers


@pytest.mark.skip_moto
def test_a_socket_on_a_foreign_run_is_refused_like_one_on_an_unknown_run(untouched: World) -> None:
    stranger = untouched.stranger
    ticket = expect(stranger.api.post(f"{FACE}/executions/{untouched.own_run}/ws-ticket"), 201)["ticket"]
    for run_id in untouched.things("execution_id"):
        nobodys = unknown("execution_id")
        for arguments in (
            {},
            {"query": f"?token={stranger.token}"},
            {"query": f"?token={stranger.token}&since=1"},
            {"subprotocols": ["bearer", stranger.token]},
        ):
            told = handshake(untouched, run_id, **arguments)
            assert told == handshake(untouched, nobodys, **arguments)
            assert told[0] == 404
        told = handshake(untouched, run_id, f"?ticket={ticket}")
        assert told == handshake(untouched, nobodys, f"?ticket={ticket}")
        assert told[0] == 401


# --- what is listed, counted and found --------------------------------------------------------------------------------


@pytest.mark.skip_moto
@pytest.mark.parametrize("operation", ABOUT_ALL, ids=str)
def test_no_list_and_no_total_tells_of_another_account(untouched: World, operation: Operation) -> None:
    if operation.path == "/accounts" and untouched.administers:
        return  # admins administer all accounts
    alone = log_in(untouched.url, untouched.stranger.email)  # its token may be given back
    answer = alone.api.request(operation.method, operation.at(), json=operation.body)
    assert answer.status_code < 500
    told = answer.text
    owner = untouched.owner
    for secret in (untouched.name, untouched.flow, untouched.run, untouched.ended, owner.id, owner.email):
        assert secret not in told
    alone.api.close()


@pytest.mark.skip_moto
def test_totals_and_filters_count_only_what_is_ones_own(untouched: World) -> None:
    api = untouched.stranger.api
    tidy(untouched)
    assert expect(api.get(f"{FACE}/flows"), 200)["total"] == 1
    assert expect(api.get(f"{FACE}/executions"), 200)["total"] == 1
    assert expect(api.get(f"{FACE}/executions?status=running"), 200)["total"] == 0
    for query in (f"flow_id={untouched.flow}", f"flow_id={unknown('flow_id')}"):
        found = expect(api.get(f"{FACE}/executions?{query}"), 200)
        assert (found["executions"], found["total"]) == ([], 0)
    assert expect(api.get(f"{FACE}/flows?tag={untouched.name}"), 200)["total"] == 0
    for name in ("name_contains", "description_contains"):
        assert expect(api.post(f"{FACE}/flows/search", {name: untouched.name}), 200)["total"] == 0
    assert expect(api.post(f"{FACE}/flows/search", {"tags": [untouched.name]}), 200)["total"] == 0


def tidy(world: World) -> None:
    """Delete the flows that the stranger made in other tests."""
    for each in expect(world.stranger.api.get(f"{FACE}/flows?limit=100"), 200)["flows"]:
        if each["id"] != world.own_flow:
            expect(world.stranger.api.delete(f"{FACE}/flows/{each['id']}"), 200)
