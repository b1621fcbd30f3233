"""Accounts (FlowRunner spec a.3 #14–#18)."""

from flowker import errors
from flowker.catalog.entries import STRING, Schema, one_of, record, text
from flowker.http.openapi.api_v1.words import LIST, LOCATION, PAGING, SECONDS, id_of, message, page
from flowker.http.openapi.operation import (
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    query,
    ref,
)
from flowker.model.account import ACCOUNT_PREFIX, Role
from flowker.settings.texts import PASSWORD
from flowker.usecases.accounts import EMAIL_LENGTH, NAME_LENGTH

ACCOUNT_IN_PATH: Schema = described(text(1), "An account's id; `me` is one's own.")
_PASSWORD = text(*PASSWORD)
_SENT: dict[str, Schema] = {
    "name": {**text(1, NAME_LENGTH), "pattern": r"\S"},
    "email": described(
        {**text(3, EMAIL_LENGTH), "format": "email"}, "Unique among all accounts, whatever the letter case."
    ),
    "role": ref("Role"),
    "password": _PASSWORD,
}

SCHEMAS: Schemas = {
    "Role": one_of(*Role),
    "Account": record(
        {
            "id": id_of(ACCOUNT_PREFIX),
            "name": STRING,
            "email": STRING,
            "role": ref("Role"),
            "created_at": SECONDS,
            "updated_at": SECONDS,
        },
        required=["id", "name", "email", "role", "created_at", "updated_at"],
    ),
    "NewAccount": record(
        _SENT,
        required=["name", "email", "password"],
        examples=[
            {"name": "New Account", "email": "new@example.com", "password": "your-password", "role": "user"}
        ],
    ),
    "AccountChange": record(
        {
            **_SENT,
            "current_password": described(STRING, "Needed by those who change their own password."),
        },
        minProperties=1,
        examples=[{"name": "Updated Account", "email": "updated@example.com", "role": "admin"}],
    ),
    "AccountPage": page("accounts", ref("Account")),
}

_ONE = (errors.NotPermitted, errors.AccountNotFound)
_RULES = (*UNREADABLE, errors.InvalidAccount, errors.EmailTaken)
_CHANGED = (*_ONE, errors.LastAdmin, errors.ChangedConcurrently)
_ITEM = "/api/v1/accounts/{account_id}"

OPERATIONS: Operations = {
    ("GET", "/api/v1/accounts"): Operation(
        answers={200: json_body("A page of accounts.", ref("AccountPage"))},
        refusals=(errors.NotPermitted, *LIST),
        parameters=[*PAGING, query("role", ref("Role"), "Only accounts with this role.")],
    ),
    ("POST", "/api/v1/accounts"): Operation(
        answers={201: json_body("The new account.", ref("Account"), LOCATION)},
        refusals=(errors.NotPermitted, *_RULES),
        body=ref("NewAccount"),
    ),
    ("GET", _ITEM): Operation(
        answers={200: json_body("The account.", ref("Account"))}, refusals=_ONE, name=ACCOUNT_IN_PATH
    ),
    ("PUT", _ITEM): Operation(
        answers={200: json_body("The account as it is now.", ref("Account"))},
        refusals=(*_CHANGED, *_RULES, errors.LoginThrottled),
        body=ref("AccountChange"),
        name=ACCOUNT_IN_PATH,
    ),
    ("DELETE", _ITEM): Operation(
        answers={200: message("Account deleted successfully")}, refusals=_CHANGED, name=ACCOUNT_IN_PATH
    ),
}
