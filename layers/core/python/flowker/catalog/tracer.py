"""Tracer, the transaction validator (Flowker spec g.1, g.2)."""

from flowker.catalog.entries import (
    AMOUNT,
    FILLED,
    OBJECT,
    STRING,
    URI,
    UUID,
    Executor,
    Provider,
    Schema,
    document,
    integer,
    one_of,
    record,
    text,
)

PROVIDER = Provider(
    id="tracer",
    name="Tracer",
    description="Validation of transactions against rules and limits: allow, deny or review.",
    schema=document({"base_url": URI, "api_key": FILLED}, required=["base_url", "api_key"]),
)

_TRANSACTION_TYPE = one_of("CARD", "WIRE", "PIX", "CRYPTO")

_VALIDATE_TRANSACTION: Schema = document(
    {
        "requestId": UUID,
        "transactionType": _TRANSACTION_TYPE,
        "subType": text(longest=50),
        "amount": AMOUNT,
        "currency": {**text(3, 3), "pattern": "^[A-Z]{3}$"},
        "transactionTimestamp": {"type": "string", "format": "date-time"},
        "account": record(
            {
                "accountId": UUID,
                "type": one_of("checking", "savings", "credit"),
                "status": one_of("active", "suspended", "closed"),
                "metadata": OBJECT,
            },
            required=["accountId", "type", "status"],
        ),
        "segment": record({"segmentId": UUID, "name": STRING, "metadata": OBJECT}),
        "portfolio": record({"portfolioId": UUID, "name": STRING, "metadata": OBJECT}),
        "merchant": record(
            {
                "merchantId": UUID,
                "name": STRING,
                "category": text(4, 4),
                "country": text(2, 2),
                "metadata": OBJECT,
            }
        ),
        "metadata": {"type": "object", "maxProperties": 50, "propertyNames": {"maxLength": 64}},
    },
    required=["requestId", "transactionType", "amount", "currency", "transactionTimestamp", "account"],
)

_LIST_VALIDATIONS: Schema = document(
    {
        "decision": one_of("ALLOW", "DENY", "REVIEW"),
        "transactionType": _TRANSACTION_TYPE,
        "accountId": UUID,
        "limit": integer(1, 100, default=10),
        "cursor": STRING,
        "sortBy": one_of("createdAt", default="createdAt"),
        "sortOrder": one_of("ASC", "DESC", default="DESC"),
    },
    additionalProperties=False,
)

EXECUTORS = (
    Executor(
        id="tracer.list-validations",
        name="List Validations",
        category="Tracer",
        provider_id=PROVIDER.id,
        schema=_LIST_VALIDATIONS,
    ),
    Executor(
        id="tracer.validate-transaction",
        name="Validate Transaction",
        category="Tracer",
        provider_id=PROVIDER.id,
        schema=_VALIDATE_TRANSACTION,
    ),
)
