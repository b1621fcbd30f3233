"""Midaz, the ledger: accounts, balances and transactions (Flowker spec g.1, g.2)."""

from flowker.catalog.entries import (
    AMOUNT,
    OBJECT,
    STRING,
    URI,
    UUID,
    Executor,
    Provider,
    Schema,
    array,
    document,
    integer,
    record,
    text,
)

PROVIDER = Provider(
    id="midaz",
    name="Midaz",
    description="Ledger with accounts, balances and double-entry transactions.",
    schema=document(
        {
            "onboarding_base_url": URI,
            "transaction_base_url": URI,
            "organization_id": STRING,
            "ledger_id": STRING,
            "auth": record(
                {
                    "issuer_url": URI,
                    "client_id": STRING,
                    "client_secret": STRING,
                    "scopes": array(STRING),
                },
                required=["issuer_url", "client_id", "client_secret"],
            ),
        },
        required=["onboarding_base_url", "transaction_base_url", "organization_id", "ledger_id"],
    ),
)

_ENTRY: Schema = record(
    {
        "accountAlias": STRING,
        "amount": record({"asset": STRING, "value": AMOUNT}),
        "share": OBJECT,
        "description": STRING,
        "metadata": OBJECT,
    },
    required=["accountAlias"],
)

_CREATE_ACCOUNT: Schema = document(
    {
        "assetCode": text(longest=100),
        "type": text(longest=256),
        "name": text(longest=256),
        "alias": text(longest=100),
        "parentAccountId": UUID,
        "portfolioId": UUID,
        "segmentId": UUID,
        "entityId": text(longest=256),
        "status": record({"code": STRING, "description": STRING}),
        "metadata": OBJECT,
    },
    required=["assetCode", "type"],
)

_CREATE_TRANSACTION: Schema = document(
    {
        "send": record(
            {
                "asset": STRING,
                "value": AMOUNT,
                "source": record({"from": array(_ENTRY)}),
                "distribute": record({"to": array(_ENTRY)}),
            },
            required=["asset", "value"],
        ),
        "description": text(longest=256),
        "code": text(longest=100),
        "pending": {"type": "boolean", "default": False},
        "chartOfAccountsGroupName": STRING,
        "metadata": OBJECT,
    },
    required=["send"],
)


def _operation(name: str, label: str, schema: Schema) -> Executor:
    return Executor(id=f"midaz.{name}", name=label, category="Midaz", provider_id=PROVIDER.id, schema=schema)


EXECUTORS = (
    _operation("create-account", "Create Account", _CREATE_ACCOUNT),
    _operation("create-transaction", "Create Transaction", _CREATE_TRANSACTION),
    _operation("get-account", "Get Account", document({"accountId": UUID}, required=["accountId"])),
    _operation(
        "get-account-balance",
        "Get Account Balance",
        document(
            {"accountId": UUID, "limit": integer(1, 100, default=10), "cursor": STRING},
            required=["accountId"],
        ),
    ),
)
