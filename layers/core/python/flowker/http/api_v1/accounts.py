"""Accounts (FlowRunner spec a.3 #14–#18, a.4)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker.http.api_v1.requests import json_body, one_of, paging, text
from flowker.http.app import answer, routes
from flowker.http.authentication import principal
from flowker.model.account import Account, Role
from flowker.model.instant import whole_seconds
from flowker.usecases.accounts import Change, check_admin, check_own
from flowker.wiring import accounts as wiring

router = routes()

ME = "me"
"""Stands for the caller's own id."""


@router.get("/api/v1/accounts")
def list_accounts() -> Response[Any]:
    """List accounts, the oldest first. For admins."""
    check_admin(principal())
    limit, offset = paging(router.current_event)
    role = one_of(router.current_event, "role", Role)
    found, total = wiring.accounts().list(principal(), role, limit, offset)
    shown = {
        "accounts": [_document(each) for each in found],
        "total": total,
        "limit": limit,
        "offset": offset,
    }
    return answer(shown)


@router.post("/api/v1/accounts")
def create_account() -> Response[Any]:
    """Create an account. For admins."""
    check_admin(principal())
    body = json_body(router.current_event)
    created = wiring.accounts().create(
        principal(),
        name=text(body, "name"),
        email=text(body, "email"),
        password=text(body, "password"),
        role=text(body, "role", required=False),
    )
    return answer(_document(created), 201, {"Location": f"/api/v1/accounts/{created.id}"})


@router.get("/api/v1/accounts/<account_id>")
def get_account(account_id: str) -> Response[Any]:
    """Get an account; `me` is one's own."""
    return answer(_document(wiring.accounts().get(principal(), named(account_id))))


@router.put("/api/v1/accounts/<account_id>")
def update_account(account_id: str) -> Response[Any]:
    """Change an account: what is left out stays as it is.

    A new role or password makes all tokens of the account unusable at once. Only admins change roles, and whoever changes
    their own password gives the present one as `current_password`.
    """
    account_id = named(account_id)
    body = json_body(router.current_event)
    names = ("name", "email", "role", "password", "current_password")
    change = Change(**{name: text(body, name, required=False) for name in names})
    return answer(_document(wiring.accounts().update(principal(), account_id, change)))


@router.delete("/api/v1/accounts/<account_id>")
def delete_account(account_id: str) -> Response[Any]:
    """Delete an account with its flows, secrets and tokens; what runs is cancelled.

    Its executions and stored values cannot be read any more, and are deleted within half an hour.
    """
    wiring.accounts().delete(principal(), named(account_id))
    return answer({"message": "Account deleted successfully"})


def named(account_id: str) -> str:
    """The id of the account that a path names. Raises `NotPermitted`: who may do nothing learns nothing about their request."""
    account_id = principal().account_id if account_id == ME else account_id
    check_own(principal(), account_id)
    return account_id


def _document(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "role": account.role.value,
        "created_at": whole_seconds(account.created_at),
        "updated_at": whole_seconds(account.updated_at),
    }
