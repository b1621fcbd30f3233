"""What runs a workflow, why, and what that costs: said when it is activated and while it is active (architecture §4)."""

from typing import Any

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    edge,
    executor,
    payment_validation,
    set_output,
    trigger,
    unique,
    workflow,
)
from tests.servers import Api, expect


def shown(api: Api, workflow_id: str) -> dict[str, Any]:
    return expect(api.get(f"/v1/workflows/{workflow_id}"), 200)


def engine_of(api: Api, document: dict[str, Any]) -> Any:
    return shown(api, activate(api, document))["engine"]


def test_a_payment_validation_runs_on_express_and_says_why_and_for_how_much(api: Api) -> None:
    configuration = create_configuration(api, "http://127.0.0.1:9")
    workflow_id = create_workflow(api, payment_validation(configuration, unique("paid")))
    assert "engine" not in shown(api, workflow_id)
    activated = expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)
    engine = activated["engine"]
    assert (engine["type"], engine["worstCaseSeconds"]) == ("express", 5 * 30 + 4 * 8 + 31 + 31)
    assert engine["reason"].startswith("an execution takes 244 seconds at the worst")
    price = engine["pricePerMillion"]
    assert 0 < price["express"] < price["standard"]
    assert (price["currency"], price["region"]) == ("USD", "us-east-1")
    assert shown(api, workflow_id) == activated
    listed = expect(api.get("/v1/workflows?status=active&limit=1"), 200)["items"]
    assert listed[0]["engine"] == engine
    inactive = expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
    assert "engine" not in inactive
    assert "engine" not in shown(api, workflow_id)
    again = expect(api.post(f"/v1/workflows/{workflow_id}/draft"), 200)
    assert "engine" not in again


def test_a_workflow_that_may_take_longer_than_five_minutes_runs_on_standard(api: Api) -> None:
    configuration = create_configuration(api, "http://127.0.0.1:9")
    engine = engine_of(api, chain(trigger(), executor("slow", configuration, timeout=60)))
    assert engine["type"] == "standard"
    assert engine["worstCaseSeconds"] == 5 * 60 + 4 * 8 + 31 + 31
    assert "not less than the 300" in engine["reason"]


def test_the_longest_trigger_decides_for_all(api: Api) -> None:
    configuration = create_configuration(api, "http://127.0.0.1:9")
    nodes = [
        trigger("quick"),
        trigger("slow"),
        set_output("done", x=1),
        executor("call", configuration, timeout=60),
    ]
    edges = [edge("quick", "done"), edge("slow", "call"), edge("call", "done")]
    assert engine_of(api, workflow(nodes, edges))["type"] == "standard"


def test_both_types_do_the_same(api: Api, provider: Provider) -> None:
    configuration = create_configuration(api, provider.url)
    found = []
    for timeout in (5, 60):
        path = unique("paid")
        activate(api, payment_validation(configuration, path, timeout=timeout))
        accepted = expect(api.post(f"/v1/webhooks/{path}", {"amount": 1500}), 201)
        results = api.results(accepted["executionId"])
        found.append(
            (results["status"], results["finalOutput"], [each["nodeId"] for each in results["stepResults"]])
        )
    assert found[0] == found[1]
    assert found[0][0] == "completed"
