"""Secrets of accounts: what can be known of them, never their values (FlowRunner spec a.3 #19–#21, a.4, f)."""

from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response

from flowker.http.api_v1.accounts import named
from flowker.http.api_v1.requests import json_body, text
from flowker.http.app import answer, routes
from flowker.http.authentication import principal
from flowker.model.account import SecretHead
from flowker.model.instant import whole_seconds
from flowker.wiring import accounts as wiring

router = routes()


@router.get("/api/v1/accounts/<account_id>/secrets")
def list_secrets(account_id: str) -> Response[Any]:
    """List the keys of an account's secrets, sorted."""
    found = wiring.secrets().list(principal(), named(account_id))
    return answer({"secrets": [_document(each) for each in found], "total": len(found)})


@router.post("/api/v1/accounts/<account_id>/secrets")
def create_secret(account_id: str) -> Response[Any]:
    """Store a secret, or replace the value of the one with this key."""
    account_id = named(account_id)
    body = json_body(router.current_event)
    key, value = text(body, "key"), text(body, "value")
    stored, new = wiring.secrets().put(principal(), account_id, key, value)
    return answer(_document(stored), 201 if new else 200)


@router.get("/api/v1/accounts/<account_id>/secrets/<key>")
def get_secret(account_id: str, key: str) -> Response[Any]:
    """Get what can be known of a secret: not its value."""
    return answer(_document(wiring.secrets().get(principal(), named(account_id), unquote(key))))


@router.put("/api/v1/accounts/<account_id>/secrets/<key>")
def replace_secret(account_id: str, key: str) -> Response[Any]:
    """Replace the value of a secret that exists."""
    account_id = named(account_id)
    value = text(json_body(router.current_event), "value")
    return answer(_document(wiring.secrets().replace(principal(), account_id, unquote(key), value)))


@router.delete("/api/v1/accounts/<account_id>/secrets/<key>")
def delete_secret(account_id: str, key: str) -> Response[Any]:
    """Delete a secret; from the next node on, no flow can use it."""
    wiring.secrets().delete(principal(), named(account_id), unquote(key))
    return answer({"message": "Secret deleted successfully"})


def _document(head: SecretHead) -> dict[str, Any]:
    return {
        "key": head.key,
        "created_at": whole_seconds(head.created_at),
        "updated_at": whole_seconds(head.updated_at),
    }
