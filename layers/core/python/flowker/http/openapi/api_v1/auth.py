"""Logging in and out (FlowRunner spec a.3 #1–#3)."""

from flowker import errors
from flowker.catalog.entries import STRING, record
from flowker.http.openapi.api_v1.words import SECONDS, id_of, message
from flowker.http.openapi.operation import (
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    ref,
)
from flowker.model.account import ACCOUNT_PREFIX

SCHEMAS: Schemas = {
    "Login": record(
        {
            "username": described(STRING, "The account's e-mail address, in any letter case."),
            "password": STRING,
        },
        required=["username", "password"],
        examples=[{"username": "user@example.com", "password": "your-password"}],
    ),
    "Session": record(
        {
            "token": described(STRING, "A JSON Web Token; send it as `Authorization: Bearer`."),
            "expires_at": SECONDS,
            "account_id": id_of(ACCOUNT_PREFIX),
        },
        required=["token", "expires_at", "account_id"],
    ),
}
_NO_STORE = {"Cache-Control": {"required": True, "schema": {"const": "no-store"}}}
_SESSION = {200: json_body("A token.", ref("Session"), _NO_STORE)}

OPERATIONS: Operations = {
    ("POST", "/api/v1/auth/login"): Operation(
        answers=_SESSION,
        refusals=(*UNREADABLE, errors.LoginFailed, errors.LoginThrottled),
        body=ref("Login"),
    ),
    ("POST", "/api/v1/auth/refresh"): Operation(answers=_SESSION),
    ("POST", "/api/v1/auth/logout"): Operation(answers={200: message("Logged out successfully")}),
}
