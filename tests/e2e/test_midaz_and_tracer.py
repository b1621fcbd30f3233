"""What Tracer allows is booked in Midaz, once: the example `tracer-midaz-validation`, from its files, over HTTP."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from statemachines.golden import HERE
from statemachines.stand_ins.__main__ import prepared
from statemachines.stand_ins.http_service import refusal
from statemachines.stand_ins.midaz import CLIENT
from statemachines.stand_ins.tracer import KEY
from statemachines.stand_ins.tracer_midaz_validation import Services, running
from tests.samples import activate, chain, executor, trigger, unique
from tests.servers import Api, expect

EXAMPLE = "tracer-midaz-validation"
CONFIGURATIONS = "/v1/provider-configurations"
TEMPLATE = f"/v1/catalog/templates/{EXAMPLE}"
ASKED, DECIDED, BOOKED = "tracer-validate", "decision-check", "midaz-create-tx"


@pytest.fixture
def services() -> Iterator[Services]:
    with running() as found:
        yield found


@dataclass
class Desk:
    """A workflow from the template that waits for deliveries, between a Tracer and a Midaz of its own."""

    api: Api
    configurations: dict[str, str]
    """Ids, by provider."""
    workflow_id: str
    path: str

    def deliver(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        """The answer comes when the execution has ended."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.post(f"/v1/webhooks{self.path}", body, headers={"Prefer": "wait=20", **named})

    def results(self, amount: str) -> dict[str, Any]:
        """What has become of a transfer."""
        return self.api.results(expect(self.deliver(transfer(amount)), 201)["executionId"])


def transfer(amount: str) -> dict[str, Any]:
    """From @ana to @shop."""

    def leg(alias: str) -> list[dict[str, Any]]:
        return [{"accountAlias": alias, "amount": {"asset": "BRL", "value": amount}}]

    send = {"asset": "BRL", "value": amount}
    case = json.loads((HERE / EXAMPLE / "cases" / "allowed.json").read_text())["input"]
    booked = {**send, "source": {"from": leg("@ana")}, "distribute": {"to": leg("@shop")}}
    return {**case, "requestId": str(uuid4()), "amount": amount, "transaction": booked}


def configured(api: Api, services: Services, **changes: str) -> dict[str, str]:
    """The ids of what the files of the example configure, by provider; `changes` replace further texts."""
    replacements = {**services.replacements, **changes}
    bodies = [json.loads(text) for _, text in prepared(EXAMPLE, HERE / EXAMPLE, replacements)]
    for body in bodies:
        body["name"] = unique(body["name"])
    return {body["providerId"]: str(expect(api.post(CONFIGURATIONS, body), 201)["id"]) for body in bodies}


def opened(api: Api, configurations: dict[str, str]) -> Desk:
    """Make a workflow of the template and activate it."""
    path = f"/{unique('transfers')}"
    params = {
        "workflowName": unique("validated"),
        "tracerProviderConfigId": configurations["tracer"],
        "midazProviderConfigId": configurations["midaz"],
        "webhookPath": path,
    }
    body = {"templateId": EXAMPLE, "params": params}
    workflow_id = expect(api.post("/v1/workflows/from-template", body), 201)["workflowId"]
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)
    return Desk(api, configurations, workflow_id, path)


@pytest.fixture
def desk(api: Api, services: Services) -> Desk:
    return opened(api, configured(api, services))


def steps(results: dict[str, Any]) -> list[str]:
    return [step["nodeId"] for step in results["stepResults"]]


def attempts(results: dict[str, Any]) -> dict[str, int]:
    return {step["nodeId"]: step["attempts"] for step in results["stepResults"]}


def test_a_transfer_is_validated_and_booked_exactly_once(desk: Desk, services: Services) -> None:
    offered = json.loads(expect(desk.api.get(TEMPLATE), 200)["paramSchema"])["properties"]
    for provider, configuration in desk.configurations.items():
        assert configuration in str(offered[f"{provider}ProviderConfigId"]["oneOf"])
        tried = expect(desk.api.post(f"{CONFIGURATIONS}/{configuration}/test"), 200)
        assert tried["overallStatus"] == "passed", tried
    body, key = transfer("123.4567890123456789"), unique("transfer")
    first = expect(desk.deliver(body, Idempotency_Key=key), 201)
    assert first["status"] == "completed"
    again = expect(desk.deliver(body, Idempotency_Key=key), 200)
    assert again["executionId"] == first["executionId"]
    assert steps(desk.api.results(first["executionId"])) == [ASKED, DECIDED, BOOKED]
    (validated,) = services.tracer.asked
    assert validated == {name: body[name] for name in validated}
    assert "transaction" not in validated
    (booked,) = services.midaz.transactions
    assert (booked["amount"], booked["description"]) == ("123.4567890123456789", "a coffee")
    balances = {alias: account.balance for alias, account in services.midaz.accounts.items()}
    assert balances == {"@ana": Decimal("876.5432109876543211"), "@shop": Decimal("123.4567890123456789")}


@pytest.mark.skip_moto
@pytest.mark.parametrize(("amount", "decision"), [("1000.01", "REVIEW"), ("10000.01", "DENY")])
def test_what_tracer_does_not_allow_completes_and_nothing_is_booked(
    desk: Desk, services: Services, amount: str, decision: str
) -> None:
    results = desk.results(amount)
    assert (results["status"], steps(results)) == ("completed", [ASKED, DECIDED])
    assert results["finalOutput"][ASKED]["body"]["decision"] == decision
    assert services.midaz.requests == []


@pytest.mark.skip_moto
def test_when_tracer_is_away_for_a_moment_it_is_asked_again(desk: Desk, services: Services) -> None:
    services.tracer.scripted.append(refusal(503, "unavailable", "come back"))
    results = desk.results("10.50")
    assert results["status"] == "completed"
    assert attempts(results) == {ASKED: 2, DECIDED: 1, BOOKED: 1}
    assert len(services.midaz.transactions) == 1


def test_when_the_answer_of_midaz_is_lost_the_transfer_is_not_booked_twice(
    desk: Desk, services: Services
) -> None:
    services.midaz.lost_answers = 1
    results = desk.results("10.50")
    assert results["status"] == "completed"
    assert attempts(results) == {ASKED: 1, DECIDED: 1, BOOKED: 2}
    first, second = (request.headers["x-idempotency"] for request in services.midaz.requests)
    assert first == second
    (booked,) = services.midaz.transactions
    assert results["stepResults"][2]["output"]["body"]["id"] == booked["id"]


@pytest.mark.skip_moto
def test_equal_transfers_are_two_transfers_until_the_account_is_empty(desk: Desk, services: Services) -> None:
    results = [desk.results("499.99") for _ in range(3)]
    assert [each["status"] for each in results] == ["completed", "completed", "failed"]
    assert results[2]["failedNodeId"] == BOOKED
    assert results[2]["errorMessage"].endswith("http request failed with status 422 (FLK-0504)")
    assert attempts(results[2])[BOOKED] == 1
    assert services.midaz.books()["balances"] == {"@ana": "0.02", "@shop": "999.98"}


@pytest.mark.skip_moto
def test_a_workflow_can_ask_midaz_for_the_balance(desk: Desk, services: Services) -> None:
    expect(desk.deliver(transfer("0.10")), 201)
    configuration, account = desk.configurations["midaz"], services.midaz.accounts["@ana"].id
    path = unique("balance")
    ask = executor("ask", configuration, executorId="midaz.get-account-balance", accountId=account)
    del ask["data"]["path"]
    activate(desk.api, chain(trigger(path=path, method="POST"), ask))
    started = expect(desk.api.post(f"/v1/webhooks/{path}", {}), 201)
    results = desk.api.results(started["executionId"])
    (balance,) = results["finalOutput"]["ask"]["body"]["items"]
    assert (balance["alias"], balance["available"]) == ("@ana", "999.90")


@pytest.mark.skip_moto
def test_a_wrong_secret_fails_the_booking_and_is_told_to_nobody(
    api: Api, services: Services, logs: Callable[[], str]
) -> None:
    wrong = unique("wr0ng-secret")
    configurations = configured(api, services, **{CLIENT[1]: wrong})
    tried = expect(api.post(f"{CONFIGURATIONS}/{configurations['midaz']}/test"), 200)
    assert (tried["overallStatus"], tried["stages"][1]["status"]) == ("partial", "failed")
    desk = opened(api, configurations)
    results = desk.results("10.50")
    assert (results["status"], results["failedNodeId"]) == ("failed", BOOKED)
    assert "failed to apply authentication" in results["errorMessage"]
    assert attempts(results)[BOOKED] == 1
    assert services.midaz.transactions == []
    paths = [
        *(f"{CONFIGURATIONS}/{each}" for each in configurations.values()),
        f"/v1/workflows/{desk.workflow_id}",
        f"/v1/executions/{results['executionId']}",
        TEMPLATE,
        "/v1/audit-events?limit=100",
    ]
    told = str(tried) + str(results) + "".join(api.get(path).text for path in paths) + logs()
    assert [secret for secret in (wrong, KEY, *services.login.issued) if secret in told] == []
