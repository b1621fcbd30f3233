"""The sample that `flowker dev` sets up through its own API, as a user would: a payment is validated.

A small fraud-score provider on loopback, a provider configuration, and the workflow webhook → score → decision →
approve or reject. What is there from an earlier start is used again.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from flowker import wiring
from flowker.model import exact_json
from flowker.usecases.plans import plan

PROVIDER_NAME = "Fraud score (sample)"
WORKFLOW_NAME = "Payment validation (sample)"
WEBHOOK = "payments/received"
PAYMENT = {"transactionId": "txn-98765", "amount": 1500, "currency": "BRL", "customerId": "cust-12345"}


class FraudScore(BaseHTTPRequestHandler):
    """Scores a payment from 0 to 100: the higher the amount, the riskier."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # headers and body leave in two writes; without this the second waits 40 ms
    )

    def do_POST(self) -> None:
        payment = exact_json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        amount = payment.get("amount", 0) if isinstance(payment, Mapping) else 0
        number = amount if isinstance(amount, int | Decimal) else 0
        answer = json.dumps({"score": int(min(max(number, 0), 10_000)) // 100}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """The provider is quiet."""


def start_provider() -> str:
    """Serve the provider on a free loopback port for as long as the process lives; returns its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FraudScore)
    Thread(target=server.serve_forever, daemon=True, name="fraud-score").start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def workflow(configuration_id: str) -> dict[str, Any]:
    """The payment validation: five nodes, four edges."""
    mapping = [
        {"source": f"workflow.{name}", "target": name} for name in ("transactionId", "amount", "currency")
    ]
    return {
        "name": WORKFLOW_NAME,
        "description": "Scores a payment for fraud and approves it below 70.",
        "nodes": [
            {
                "id": "payment-received",
                "type": "trigger",
                "name": "Payment received",
                "position": {"x": 0, "y": 100},
                "data": {"triggerType": "webhook", "path": WEBHOOK, "method": "POST"},
            },
            {
                "id": "check-fraud",
                "type": "executor",
                "name": "Check fraud",
                "position": {"x": 200, "y": 100},
                "data": {
                    "executorId": "http",
                    "providerConfigId": configuration_id,
                    "path": "/score",
                    "method": "POST",
                    "inputMapping": mapping,
                },
            },
            {
                "id": "score-is-low",
                "type": "conditional",
                "name": "Score is low",
                "position": {"x": 400, "y": 100},
                "data": {"condition": "check-fraud.score < 70"},
            },
            _decision("approve", "Approve", "approved", 50),
            _decision("reject", "Reject", "rejected", 150),
        ],
        "edges": [
            {"id": "to-score", "source": "payment-received", "target": "check-fraud"},
            {"id": "to-decision", "source": "check-fraud", "target": "score-is-low"},
            {"id": "if-low", "source": "score-is-low", "target": "approve", "sourceHandle": "true"},
            {"id": "if-high", "source": "score-is-low", "target": "reject", "sourceHandle": "false"},
        ],
    }


def _decision(node_id: str, name: str, outcome: str, y: int) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": "action",
        "name": name,
        "position": {"x": 600, "y": y},
        "data": {
            "actionType": "set_output",
            "output": {"decision": outcome},
            "mapping": [{"source": "check-fraud.score", "target": "score"}],
        },
    }


class _Client:
    """Flowker's own API, as a user calls it; the standard library's client, because another one's import would be felt."""

    def __init__(self, url: str, key: str | None) -> None:
        self._address = urlsplit(url)
        self._headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer. Raises `RuntimeError` for any that is no success."""
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
        return json.loads(content)


async def present(url: str, key: str | None, *, allowed: bool) -> None:
    """Set the sample up, validate one payment while printing its steps, and print commands to go on with."""
    if not allowed:
        print("  the sample needs --allow-private-destinations: its provider is on loopback", flush=True)
        return
    await asyncio.to_thread(_present, url, key)


def _present(url: str, key: str | None) -> None:
    client = _Client(url, key)
    workflow_id = set_up(client, start_provider())
    print(f"  sample workflow {workflow_id}: POST /v1/webhooks/{WEBHOOK}", flush=True)
    execution_id = client.call("POST", f"/v1/webhooks/{WEBHOOK}", PAYMENT)["executionId"]
    payment = f"{PAYMENT['transactionId']} of {PAYMENT['amount']}"
    print(f"  payment {payment} accepted as execution {execution_id}", flush=True)
    _follow(execution_id)
    results = client.call("GET", f"/v1/executions/{execution_id}/results")
    print(f"  decision: {json.dumps(results.get('finalOutput'))}", flush=True)
    _commands(url, key, workflow_id)


def set_up(client: _Client, provider: str) -> str:
    """Create what is missing and point the configuration at the provider; returns the active workflow's id."""
    config = {"base_url": provider}
    existing = _named(client, "/v1/provider-configurations", PROVIDER_NAME)
    if existing is None:
        body: dict[str, Any] = {"name": PROVIDER_NAME, "providerId": "http", "config": config}
        existing = client.call("POST", "/v1/provider-configurations", body)
    else:
        client.call("PATCH", f"/v1/provider-configurations/{existing['id']}", {"config": config})
    found = _named(client, "/v1/workflows", WORKFLOW_NAME)
    if found is None:
        created = client.call("POST", "/v1/workflows", workflow(existing["id"]))
        found = {"id": created["workflowId"], "status": "draft"}
    workflow_id = str(found["id"])
    for status, verb in (("inactive", "draft"), ("draft", "activate")):
        if found["status"] == status:
            found = client.call("POST", f"/v1/workflows/{workflow_id}/{verb}")
    return workflow_id


def _named(client: _Client, path: str, name: str) -> dict[str, Any] | None:
    cursor = ""
    while True:
        page = client.call("GET", f"{path}?{urlencode({'limit': 100, 'cursor': cursor})}")
        for item in page["items"]:
            if item["name"] == name:
                found: dict[str, Any] = item
                return found
        if not page["hasMore"]:
            return None
        cursor = page["nextCursor"]


def _follow(execution_id: str) -> None:
    """Print each step once it is recorded, until the execution has ended."""
    printed: set[str] = set()
    while True:
        history = wiring.execution_store().history(execution_id)
        launch = history.execution.launch
        revision = plan(wiring.workflow_store().revision(launch.revision), launch.entry)
        for node in revision.ordered(history.steps):
            step = history.steps[node.id]
            if node.id not in printed:
                printed.add(node.id)
                detail = f" {step.error_message}" if step.error_message else ""
                print(
                    f"    step {len(printed)}: {step.name}: {step.status} in {step.duration_ms} ms{detail}",
                    flush=True,
                )
        if history.execution.status.terminal:
            print(f"  execution {history.execution.status}", flush=True)
            return
        time.sleep(0.01)


def _commands(url: str, key: str | None, workflow_id: str) -> None:
    auth = f"-H 'X-API-Key: {key}' " if key else ""
    body = json.dumps({**PAYMENT, "transactionId": "txn-2", "amount": 9900})
    inner = json.dumps({"inputData": {**PAYMENT, "transactionId": "txn-3"}})
    print(
        f"""
Try it:
  curl -s {auth}-H 'Content-Type: application/json' -H 'Prefer: wait=10' -d '{body}' {url}/v1/webhooks/{WEBHOOK}
  curl -s {auth}-H 'Content-Type: application/json' -H 'Prefer: wait=10' -H 'Idempotency-Key: txn-3' \
-d '{inner}' {url}/v1/workflows/{workflow_id}/executions
  curl -s {auth}'{url}/v1/executions?limit=5'
""",
        flush=True,
    )
