"""What an API Gateway WebSocket API reports of a socket: that one asks to be opened, sends something, or is closed
(FlowRunner spec i.1, i.4). Socket addresses may hold tokens, so nothing of them is logged."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flowker import errors, wiring
from flowker.errors import FlowkerError, InvalidQuery, RunNotFound, TokenRefused
from flowker.model import exact_json
from flowker.model.account import Principal
from flowker.model.instant import instant
from flowker.observability import logger
from flowker.ports.sockets import Ticket
from flowker.wiring.accounts import account_store, sessions
from flowker.wiring.sockets import updates

Event = dict[str, Any]
Answer = dict[str, Any]

PROTOCOL = "bearer"
"""Browsers can send no headers, but they can offer subprotocols: this one, and the token as another."""

_FAMILIES: Mapping[type[FlowkerError], tuple[int, str]] = {
    errors.Unauthorized: (401, "unauthorized"),
    errors.Forbidden: (403, "forbidden"),
    errors.NotFound: (404, "not_found"),
    errors.BadRequest: (400, "invalid_request"),
    errors.Unavailable: (503, "unavailable"),
}


def handle(event: Event, context: object) -> Answer:
    """Answers `{statusCode, headers?, body?}`: for `$connect`, 200 accepts; for a message, a body is sent back."""
    request = event["requestContext"]
    try:
        if request["routeKey"] == "$connect":
            return _connect(event, request["connectionId"])
        if request["routeKey"] == "$disconnect":
            updates().disconnected(request["connectionId"])
            return {"statusCode": 200}
        return _answer(event.get("body") or "")
    except FlowkerError as error:
        return _refusal(error)
    except Exception:  # this is the edge: the gateway tells the client no more than that it failed
        logger().exception("socket failed", extra={"route": request["routeKey"]})
        return {"statusCode": 500}


def _connect(event: Event, connection_id: str) -> Answer:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    query = event.get("queryStringParameters") or {}
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    execution_id = query.get("execution_id")
    if not execution_id:
        raise RunNotFound("name an execution: /ws/executions/<id>")
    identify, ticket = _identification(headers, offered, query, execution_id)
    updates().connect(connection_id, execution_id, identify(), _since(query), ticket)
    try:
        identify()  # whoever revoked the token meanwhile may not have seen this connection
    except FlowkerError:
        updates().disconnected(connection_id)
        raise
    accepted = {"Sec-WebSocket-Protocol": PROTOCOL} if PROTOCOL in offered else {}
    return {"statusCode": 200, "headers": accepted}


def _identification(
    headers: Mapping[str, str], offered: Sequence[str], query: Mapping[str, str], execution_id: str
) -> tuple[Callable[[], Principal], Ticket | None]:
    """How to find out who connects, and the ticket if that is how."""
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise TokenRefused("send your token as Authorization: Bearer <token>")
        return partial(sessions().principal, credentials.strip()), None
    if PROTOCOL in offered and len(offered) > 1:
        token = next(name for name in offered if name != PROTOCOL)
        return partial(sessions().principal, token), None
    if "token" in query:
        return partial(sessions().principal, query["token"]), None
    if "ticket" in query:
        ticket = updates().ticket(query["ticket"], execution_id)
        return partial(_holder, ticket), ticket
    raise TokenRefused("send your token as Authorization: Bearer <token>")


def _holder(ticket: Ticket) -> Principal:
    """The account that asked for the ticket. Raises `TokenRefused` if the token that it used is revoked."""
    account = account_store().for_token(ticket.account_id, ticket.token_id)
    if account is None:
        raise TokenRefused("the token that the ticket was issued for is revoked")
    return Principal(
        account_id=account.id,
        email=account.email,
        role=account.role,
        token_id=ticket.token_id,
        expires_at=ticket.token_expires,
    )


def _since(query: Mapping[str, str]) -> int:
    text = query.get("since", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidQuery("since must be a sequence number", fields={"since": "must be an integer"})
    return int(text)


def _answer(text: str) -> Answer:
    """A pong for a ping; everything else is ignored."""
    try:
        message = exact_json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict) or message.get("type") != "ping":
        return {"statusCode": 200}
    pong = {"type": "pong", "timestamp": instant(wiring.home().clock.now())}
    return {"statusCode": 200, "body": exact_json.dumps(pong)}


def _refusal(error: FlowkerError) -> Answer:
    status, name = next(
        (found for family, found in _FAMILIES.items() if isinstance(error, family)), (500, "internal_error")
    )
    if status == 500:
        logger().error("failure", extra={"error_code": error.code}, exc_info=error)
    headers = {"Content-Type": "application/json"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = exact_json.dumps({"error": {"code": name, "message": error.message}})
    return {"statusCode": status, "headers": headers, "body": body}
