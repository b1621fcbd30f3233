"""Secrets of accounts (FlowRunner spec a.3 #19–#21, a.4)."""

from flowker import errors
from flowker.catalog.entries import STRING, array, record
from flowker.http.openapi.api_v1.accounts import ACCOUNT_IN_PATH
from flowker.http.openapi.api_v1.words import SECONDS, message
from flowker.http.openapi.operation import (
    COUNT,
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    ref,
)
from flowker.usecases.secrets import KEY, MOST_BYTES

_KEY = described({"type": "string", "pattern": f"^{KEY.pattern}$"}, "Flows use it as `${secrets.KEY}`.")
_VALUE = described(
    {"type": "string", "maxLength": MOST_BYTES}, f"At most {MOST_BYTES} bytes of UTF-8; it can never be read."
)
_NAMES = {"account_id": ACCOUNT_IN_PATH, "key": {"type": "string", "minLength": 1}}

SCHEMAS: Schemas = {
    "Secret": record(
        {"key": STRING, "created_at": SECONDS, "updated_at": SECONDS},
        required=["key", "created_at", "updated_at"],
    ),
    "SecretList": record(
        {"secrets": described(array(ref("Secret")), "Sorted by key."), "total": COUNT},
        required=["secrets", "total"],
    ),
    "NewSecret": record(
        {"key": _KEY, "value": _VALUE},
        required=["key", "value"],
        examples=[{"key": "NEW_API_KEY", "value": "your-api-key"}],
    ),
    "SecretValue": record({"value": _VALUE}, required=["value"]),
}

_ACCOUNT = (errors.NotPermitted, errors.AccountNotFound)
_ONE = (*_ACCOUNT, errors.SecretNotFound)
_RULES = (*UNREADABLE, errors.InvalidSecret, errors.ChangedConcurrently)
_SHOW = json_body("The secret, without its value.", ref("Secret"))
_LIST = "/api/v1/accounts/{account_id}/secrets"
_ITEM = f"{_LIST}/{{key}}"

OPERATIONS: Operations = {
    ("GET", _LIST): Operation(
        answers={200: json_body("All secrets of the account, without their values.", ref("SecretList"))},
        refusals=_ACCOUNT,
        names=_NAMES,
    ),
    ("POST", _LIST): Operation(
        answers={201: _SHOW, 200: json_body("The secret was there and has a new value.", ref("Secret"))},
        refusals=(*_ACCOUNT, *_RULES),
        body=ref("NewSecret"),
        names=_NAMES,
    ),
    ("GET", _ITEM): Operation(answers={200: _SHOW}, refusals=_ONE, names=_NAMES),
    ("PUT", _ITEM): Operation(
        answers={200: _SHOW}, refusals=(*_ONE, *_RULES), body=ref("SecretValue"), names=_NAMES
    ),
    ("DELETE", _ITEM): Operation(
        answers={200: message("Secret deleted successfully")}, refusals=_ONE, names=_NAMES
    ),
}
