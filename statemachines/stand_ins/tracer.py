"""Tracer as far as the example needs it: transactions are allowed, reviewed or denied by their amount."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from threading import Lock
from typing import Any
from uuid import uuid4

from statemachines.stand_ins.http_service import Answer, Request, json_answer, refusal

KEY = "the-key-that-tracer-gave-you"
ALLOWED, REVIEWED = Decimal(1000), Decimal(10_000)
"""The highest amounts that are allowed, and that are not denied."""
REQUIRED = ("requestId", "transactionType", "amount", "currency", "transactionTimestamp", "account")


@dataclass
class Tracer:
    """Everything needs the key. The same `requestId` gets the same validation."""

    scripted: list[Answer] = field(default_factory=list)
    """What the next requests for a validation are answered with, in place of one."""
    asked: list[Any] = field(default_factory=list)
    """The bodies of all requests for a validation."""
    validations: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("x-api-key") != KEY:
            return refusal(401, "unauthorized", "X-API-Key is missing or wrong")
        match request.method, request.path:
            case "GET", "/":
                return json_answer(200, {"service": "Tracer (stand-in)"})
            case "GET", "/v1/validations":
                with self.lock:
                    return json_answer(200, {"items": list(self.validations.values())})
            case "POST", "/v1/validations":
                with self.lock:
                    return self._validated(request)
        return refusal(404, "not_found", f"there is no {request.method} {request.path}")

    def _validated(self, request: Request) -> Answer:
        body = request.json()
        self.asked.append(body)
        if self.scripted:
            return self.scripted.pop(0)
        missing = [name for name in REQUIRED if not isinstance(body, dict) or name not in body]
        if missing:
            return refusal(400, "invalid_request", f"missing: {', '.join(missing)}")
        try:
            decision = decided(Decimal(body["amount"]))
        except (InvalidOperation, TypeError):
            return refusal(400, "invalid_request", "amount is no decimal number")
        made = {"validationId": str(uuid4()), "requestId": body["requestId"], "decision": decision}
        return json_answer(200, self.validations.setdefault(body["requestId"], made))


def decided(amount: Decimal) -> str:
    """ALLOW, REVIEW or DENY."""
    if amount <= ALLOWED:
        return "ALLOW"
    return "REVIEW" if amount <= REVIEWED else "DENY"
