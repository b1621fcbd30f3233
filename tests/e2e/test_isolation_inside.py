"""What belongs to another account cannot be reached from inside a run, or through the other face (FlowRunner spec b)."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests import runs, samples
from tests.accounts import Tenant, admin, refused
from tests.flow_samples import flow
from tests.openapi import operations
from tests.provider import Provider
from tests.servers import Api, expect
from tests.tenancy import FACE, KEY, World, answered, make, published, unknown

pytestmark = pytest.mark.skip_moto


@pytest.fixture
def world(target: str) -> Iterator[World]:
    with closing(make(target)) as made:
        yield made


@pytest.fixture
def untouched(world: World) -> Iterator[World]:
    """Whatever is tried on what the owner has, it stays as it is."""
    before = world.as_it_is()
    yield world
    assert world.as_it_is() == before


# --- inside runs ------------------------------------------------------------------------------------------------------


def test_a_run_reaches_nothing_of_another_account(world: World) -> None:
    keep = {"keep": {"type": "store", "params": {"operation": "set", "key": "kept", "value": "mine"}}}
    assert runs.run(world.owner, flow(keep))["status"] == "completed"
    before = world.as_it_is()
    find = {"find": {"type": "store", "params": {"operation": "get", "key": "kept"}}}
    assert runs.run(world.stranger, flow(find))["error"] == "key not found: kept"
    say = {"say": {"type": "transform", "params": {"script": f"return secrets['{KEY}'] || 'nothing';"}}}
    assert runs.run(world.stranger, flow(say))["result"] == {"result": "nothing"}
    errors = []
    for flow_id in (world.flow, unknown("flow_id")):
        inside = {"inside": {"type": "flow", "params": {"flow_id": flow_id}}}
        ended = runs.run(world.stranger, flow(inside))
        assert ended["status"] == "failed"
        told = runs.logs(world.stranger.api, ended["id"])["logs"]
        shape = [(each["level"], each["message"].replace(flow_id, "")) for each in told]
        errors.append((ended["error"].replace(flow_id, ""), ended["error_details"], shape))
    assert errors[0] == errors[1]
    assert world.as_it_is() == before


def test_an_idempotency_key_of_another_account_is_another_key(world: World) -> None:
    known = {"Idempotency-Key": "shared"}
    path = f"{FACE}/flows/{{}}/run"
    expect(world.owner.api.post(path.format(world.flow), {"input": {"n": 3}}, headers=known), 201)
    refused(
        world.stranger.api.post(path.format(world.flow), {"input": {"n": 3}}, headers=known), 404, "not_found"
    )
    expect(world.stranger.api.post(path.format(world.own_flow), {"input": {"n": 3}}, headers=known), 201)


# --- the other face ---------------------------------------------------------------------------------------------------

V1_IDS = {"workflowId": "flow_id", "executionId": "execution_id"}


def test_flows_and_runs_are_nothing_to_the_first_face(untouched: World, api: Api) -> None:
    chief = admin(untouched.url)
    for method, path, described in operations():
        names = [name for name in V1_IDS if f"{{{name}}}" in path]
        for name in names:
            body: dict[str, Any] = {"json": {"inputData": {}}} if "requestBody" in described else {}
            headers = {"Idempotency-Key": "first-face"}
            for caller in (api, chief.api):
                ids = untouched.things(V1_IDS[name])[0], unknown(V1_IDS[name])
                calls = [
                    caller.request(method, path.replace(f"{{{name}}}", each), headers=headers, **body)
                    for each in ids
                ]
                told = [answered(call, each) for call, each in zip(calls, ids, strict=True)]
                assert told[0] == told[1], f"{method} {path}"
                assert calls[0].status_code in (400, 404), calls[0].text
    chief.api.close()


def test_workflows_and_their_executions_are_nothing_to_the_second_face(
    untouched: World, api: Api, provider: Provider
) -> None:
    configuration = samples.create_configuration(api, provider.url)
    workflow_id = samples.activate(api, samples.payment_validation(configuration, f"/{samples.unique()}"))
    execution_id = samples.execute(api, workflow_id, {"amount": 1})
    things = {"flow_id": workflow_id, "execution_id": execution_id}
    for operation in (each for each in published() if each.subject in things):
        answer = untouched.stranger.api.request(
            operation.method, operation.at(things[str(operation.subject)]), json=operation.body
        )
        refused(answer, 404, "not_found")
    assert api.results(execution_id)["status"] == "completed"


# --- the audit trail --------------------------------------------------------------------------------------------------


def test_the_trail_says_of_a_refused_attempt_no_more_than_who_tried_what(untouched: World, api: Api) -> None:
    changes = [each for each in published() if each.subject == "flow_id" and each.method != "GET"]
    things = untouched.flow, unknown("flow_id")
    for each in things:
        for operation in changes:
            untouched.stranger.api.request(operation.method, operation.at(each), json=operation.body)
    told = [trail_of(api, untouched.stranger, each, len(changes)) for each in things]
    assert told[0] == told[1]


def trail_of(api: Api, by: Tenant, thing: str, count: int) -> list[tuple[Any, ...]]:
    """What the trail says of an account's attempts on a thing, but for ids and times."""
    deadline = time.monotonic() + 20
    while True:
        listed = expect(api.get("/v1/audit-events?result=FAILED&limit=100"), 200)["items"]
        events = [expect(api.get(f"/v1/audit-events/{each['eventId']}"), 200) for each in listed]
        mine = [each for each in events if each["actor"]["id"] == by.id and thing in str(each)]
        if len(mine) == count:
            return sorted(_shape(each, thing) for each in mine)
        assert time.monotonic() < deadline, mine
        time.sleep(0.1)


def _shape(event: dict[str, Any], thing: str) -> tuple[Any, ...]:
    about = {name: str(event.get(name)).replace(thing, "") for name in ("eventType", "result", "metadata")}
    return tuple(sorted(about.items()))
