"""Webhook deliveries (Flowker spec a.2 #43, i)."""

from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.errors import WebhookBodyTooLarge
from flowker.http.app import routes
from flowker.http.requests import check_size, header, json_object, wait_preference
from flowker.http.v1.executions import idempotency_key, started_answer
from flowker.usecases.webhooks import Delivery

router = routes()

PREFIX = "/v1/webhooks/"


@router.route("/v1/webhooks/.+", method=["GET", "POST", "PUT", "PATCH", "DELETE"])
def receive_webhook() -> Response[Any]:
    """Start the workflow that has registered this method and path."""
    event = router.current_event
    check_size(event, WebhookBodyTooLarge)
    method = event.request_context.http.method
    path = event.raw_path.removeprefix(PREFIX)
    token = header(event, "x-webhook-token")
    route = wiring.webhooks().find(method, path, token)
    key = (header(event, "idempotency-key") or "").strip()
    delivery = Delivery(
        method=method,
        path=path,
        headers=dict(event.headers),
        query=_last_values(event.raw_query_string),
        remote_ip=event.request_context.http.source_ip,
        data=json_object(event, empty=True),
        key=idempotency_key(key) if key else None,
    )
    started = wiring.webhooks().deliver(route, delivery)
    headers = {
        "X-Webhook-Workflow-ID": started.execution.launch.workflow_id,
        "X-Webhook-Execution-ID": started.execution.id,
    }
    return started_answer(started, wait_preference(event), headers)


def _last_values(query: str) -> dict[str, str]:
    """A flat map; of several values the last one wins."""
    return dict(parse_qsl(query, keep_blank_values=True))
