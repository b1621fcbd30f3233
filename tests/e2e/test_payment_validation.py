"""The main job: a payment is validated."""

import pytest

from tests.provider import Provider
from tests.samples import activate, create_configuration, payment_validation, unique
from tests.servers import Api, expect


@pytest.mark.parametrize(("amount", "decision"), [(1500, "approved"), (9900, "rejected")])
def test_a_webhook_delivery_ends_in_a_decision(
    api: Api, provider: Provider, amount: int, decision: str
) -> None:
    path = f"payments/{unique()}"
    workflow_id = activate(api, payment_validation(create_configuration(api, provider.url), path))
    answer = api.post(f"/v1/webhooks/{path}", {"amount": amount}, headers={"Prefer": "wait=20"})
    started = expect(answer, 201)
    assert started["workflowId"] == workflow_id == answer.headers["X-Webhook-Workflow-ID"]
    assert started["status"] == "completed"
    assert answer.headers["Preference-Applied"] == "wait=20"
    results = api.results(started["executionId"])
    assert results["finalOutput"] == {"decision": decision}
    last = "approve" if decision == "approved" else "reject"
    assert [step["nodeId"] for step in results["stepResults"]] == ["check-fraud", "low", last]
    assert [step["stepNumber"] for step in results["stepResults"]] == [1, 2, 3]
