"""Tickets for sockets (FlowRunner spec i.1). The sockets themselves are in `events/websocket.py`."""

from secrets import token_urlsafe
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker.http.app import answer, routes
from flowker.http.authentication import principal
from flowker.model.instant import of_epoch
from flowker.wiring.sockets import updates

router = routes()


@router.post("/api/v1/executions/<execution_id>/ws-ticket")
def issue_socket_ticket(execution_id: str) -> Response[Any]:
    """Get a ticket that opens one socket on the execution.

    For browsers, which cannot send a token with a handshake: `/ws/executions/<id>?ticket=<ticket>`. It can be used once,
    within a minute.
    """
    ticket, expires = updates().issue(execution_id, principal(), token_urlsafe(32))
    return answer({"ticket": ticket, "expires_at": of_epoch(expires)}, 201)
