"""Something in the store that another version of Flowker has written: told to the operator, not to the client."""

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Key, Update
from tests.fakes import MemoryTable
from tests.functions import Answered, call
from tests.samples import payment_validation, trigger
from tests.trails import use


@pytest.fixture
def table() -> MemoryTable:
    table = MemoryTable()
    use(table)
    return table


def from_the_future(table: MemoryTable, key: Key) -> None:
    table.write([Update(key, set={"schema": 2})])


def unreadable(answered: Answered, log: pytest.LogCaptureFixture, key: Key) -> None:
    """500 without internals, and a line in the log that names the item."""
    message = "what is stored here is of another version of Flowker"
    assert answered.refused(500, "FLK-9999") == {
        "code": "FLK-9999",
        "title": "Internal Server Error",
        "message": message,
    }
    assert f"{key.pk} {key.sk} has schema 2, this version reads 1" in log.text
    log.clear()


def test_an_item_of_another_version_is_not_guessed_at(
    table: MemoryTable, log: pytest.LogCaptureFixture
) -> None:
    body = {"name": "a workflow", "nodes": [trigger("start", path="/in", method="POST")], "edges": []}
    workflow_id = call("POST", "/v1/workflows", body).ok(201)["workflowId"]
    path = f"/v1/workflows/{workflow_id}"
    call("POST", f"{path}/activate").ok()
    execution_id = call("POST", f"{path}/executions", {"inputData": {}}, {"idempotency-key": "key"}).ok(201)[
        "executionId"
    ]

    from_the_future(table, keys.execution(execution_id))
    for method, of_execution in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
        answered = call(method, f"/v1/executions/{execution_id}{of_execution}")
        unreadable(answered, log, keys.execution(execution_id))
    unreadable(call("GET", "/v1/executions"), log, keys.execution(execution_id))

    from_the_future(table, keys.webhook_route("POST", "/in"))
    unreadable(call("POST", "/v1/webhooks/in", {}), log, keys.webhook_route("POST", "/in"))

    from_the_future(table, keys.workflow(workflow_id))
    before = table.get([keys.workflow(workflow_id), keys.workflow_body(workflow_id)])
    for method, verb in (("GET", ""), ("PUT", ""), ("POST", "/deactivate"), ("DELETE", "")):
        answered = call(method, f"{path}{verb}", body if method == "PUT" else None)
        unreadable(answered, log, keys.workflow(workflow_id))
    assert table.get([keys.workflow(workflow_id), keys.workflow_body(workflow_id)]) == before


def test_a_claim_of_another_version_starts_nothing(table: MemoryTable, log: pytest.LogCaptureFixture) -> None:
    body = {"name": "a workflow", "nodes": [trigger()], "edges": []}
    path = f"/v1/workflows/{call('POST', '/v1/workflows', body).ok(201)['workflowId']}"
    call("POST", f"{path}/activate").ok()
    start: dict[str, object] = {"inputData": {}}
    call("POST", f"{path}/executions", start, {"idempotency-key": "key"}).ok(201)
    from_the_future(table, keys.idempotency("key"))
    repeated = call("POST", f"{path}/executions", start, {"idempotency-key": "key"})
    unreadable(repeated, log, keys.idempotency("key"))
    assert call("GET", "/v1/dashboards/executions").ok()["total"] == 1


def test_a_configuration_of_another_version_is_not_used(
    table: MemoryTable, log: pytest.LogCaptureFixture
) -> None:
    provider = {"name": "provider", "providerId": "http", "config": {"base_url": "https://provider.test"}}
    configuration_id = call("POST", "/v1/provider-configurations", provider).ok(201)["id"]
    key = keys.provider_configuration(configuration_id)
    from_the_future(table, key)
    unreadable(call("GET", f"/v1/provider-configurations/{configuration_id}"), log, key)
    unreadable(call("POST", "/v1/workflows", payment_validation(configuration_id, "/in")), log, key)
    assert call("GET", "/v1/workflows").ok()["items"] == []
