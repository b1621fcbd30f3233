"""What one payment validation costs on AWS: requests, items, invocations and state transitions, counted on moto.

Counts are the same on every machine. Run it with `python -m benchmarks.hot_path`.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flowker import wiring
from flowker.http.routes import function_for
from flowker.settings import Settings
from flowker_local.functions import Context, handler
from flowker_local.moto_home import MotoHome
from tests.harness import FakeHttp
from tests.samples import payment_validation

CLIENT = {"sourceIp": "127.0.0.1", "userAgent": "bench"}


@dataclass(frozen=True)
class Cost:
    """What one execution used, from the request to its terminal state."""

    name: str
    requests: int
    kinds: str
    items: int
    invocations: int
    transitions: int


def main() -> None:
    """Print the cost of a first execution (nothing cached) and of later ones."""
    for cost in costs():
        print(
            f"{cost.name}: {cost.requests} DynamoDB requests ({cost.kinds}), {cost.items} items written, "
            f"{cost.invocations} invocations of run_node, {cost.transitions} state transitions"
        )


def costs() -> Iterator[Cost]:
    """Payment validations one after the other on a fresh emulated AWS."""
    home = MotoHome(Settings(authenticate=False))
    home.open()
    try:
        http = FakeHttp(lambda _: (200, {"score": 15}))
        wiring.use(replace(wiring.home(), http=lambda: http))
        configuration = {
            "name": "score",
            "providerId": "http",
            "config": {"base_url": "http://provider.test"},
        }
        configuration_id = post("/v1/provider-configurations", configuration)["id"]
        workflow_id = post("/v1/workflows", payment_validation(configuration_id, "paid"))["workflowId"]
        post(f"/v1/workflows/{workflow_id}/activate", {})
        execute = f"/v1/workflows/{workflow_id}/executions"
        yield _cost(home, "webhook, nothing cached", "/v1/webhooks/paid", {"amount": 1500})
        yield _cost(home, "webhook", "/v1/webhooks/paid", {"amount": 1500})
        yield _cost(home, "execute", execute, {"inputData": {"amount": 1500}})
    finally:
        home.shut()


def _cost(home: MotoHome, name: str, path: str, body: dict[str, Any]) -> Cost:
    with _counting(home) as counts:
        execution_id = post(path, body)["executionId"]
        _ended(execution_id)
    states = _history(home, execution_id)
    tasks, transitions = states["TaskStateEntered"], sum(states.values())
    return Cost(name, counts["requests"], _kinds(counts), counts["items"], tasks, transitions)


def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call the function behind the path, as API Gateway would."""
    function = function_for(path)
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "idempotency-key": f"key-{time.monotonic_ns()}"},
        "requestContext": {
            "http": {"method": "POST", "path": path, **CLIENT},
            "requestId": "r",
            "stage": "$default",
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    answer = handler(function)(event, Context(function, "r"))
    if answer["statusCode"] >= 300:
        raise RuntimeError(answer["body"])
    document: dict[str, Any] = json.loads(answer["body"])
    return document


def _ended(execution_id: str) -> None:
    """Wait without touching the stores that are being counted."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if _STATUSES.get(execution_id):
            return
        time.sleep(0.05)
    raise TimeoutError(execution_id)


_STATUSES: dict[str, str] = {}


@contextmanager
def _counting(home: MotoHome) -> Iterator[Counter[str]]:
    counts: Counter[str] = Counter()

    def count(params: dict[str, Any], model: Any, **_: Any) -> None:
        body = json.loads(params["body"])
        counts["requests"] += 1
        counts[f"kind {model.name}"] += 1
        counts["items"] += _written(model.name, body)
        for write in body.get("TransactItems", []):
            values = write.get("Update", {}).get("ExpressionAttributeValues", {})
            if any(value.get("S") in ("completed", "failed") for value in values.values()):
                _STATUSES[write["Update"]["Key"]["pk"]["S"].removeprefix("EXECUTION#")] = "ended"

    events = home.clients["dynamodb"].meta.events
    events.register("before-call.dynamodb", count, unique_id="count")
    try:
        yield counts
    finally:
        events.unregister("before-call.dynamodb", unique_id="count")


def _written(operation: str, body: dict[str, Any]) -> int:
    if operation == "TransactWriteItems":
        return sum("ConditionCheck" not in write for write in body["TransactItems"])
    return int(operation in ("PutItem", "UpdateItem", "DeleteItem"))


def _kinds(counts: Counter[str]) -> str:
    kinds = {name.removeprefix("kind "): count for name, count in counts.items() if name.startswith("kind ")}
    return ", ".join(f"{count} {name}" for name, count in sorted(kinds.items()))


def _history(home: MotoHome, execution_id: str) -> Counter[str]:
    """States entered, by kind of state; success is awaited, because the last write comes before the end."""
    states = home.clients["stepfunctions"]
    arn = next(arn for arn in home.unreported if arn.endswith(execution_id))
    while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
        time.sleep(0.05)
    events = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    return Counter(event["type"] for event in events if event["type"].endswith("StateEntered"))


if __name__ == "__main__":
    main()
