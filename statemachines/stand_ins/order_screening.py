"""The services of the order screening: orders, prices, stock levels, and who is told of decisions."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from statemachines.stand_ins.http_service import Answer, Request, json_answer, service

TOKEN, HOOK_SECRET = "orders-hush", "hooks-hush"
ORDERS = {
    "A-1": {"id": "A-1", "sku": "lamp", "quantity": 2},
    "A-2": {"id": "A-2", "sku": "lamp", "quantity": 900},
    "A-3": {"id": "A-3", "sku": "desk", "quantity": 40},
    "A-4": {"id": "A-4", "sku": "vase", "quantity": 1},
}
PRICES = {"lamp": 19.9, "desk": 340, "vase": 12}
STOCK = {"lamp": 120, "desk": 60, "vase": 7}
UNSTEADY = "vase"
"""Whose stock level is not known the first time."""


@dataclass
class Orders:
    """What the services have seen: how often they were asked for each stock level, and what was reported."""

    stock_calls: list[str] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)

    def order(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return json_answer(401, {"error": "who are you?"})
        return _found(ORDERS, request)

    def price(self, request: Request) -> Answer:
        found = PRICES.get(_name(request))
        return json_answer(404, {"error": "unknown"}) if found is None else json_answer(200, {"price": found})

    def stock(self, request: Request) -> Answer:
        name = _name(request)
        self.stock_calls.append(name)
        if name == UNSTEADY and self.stock_calls.count(name) == 1:
            return json_answer(503, {"error": "counting"})
        return json_answer(200, {"quantity": STOCK.get(name, 0)})

    def report(self, request: Request) -> Answer:
        """Notes what is signed as it should be."""
        signature = hmac.new(HOOK_SECRET.encode(), request.content, hashlib.sha256).hexdigest()
        if request.headers.get("x-signature") != f"sha256={signature}":
            return json_answer(401, {"error": "not signed"})
        report = request.json()
        self.reports.append(report)
        return json_answer(202, {"noted": report})


def _name(request: Request) -> str:
    return request.path.rpartition("/")[2]


def _found(known: Mapping[str, Any], request: Request) -> Answer:
    found = known.get(_name(request))
    return json_answer(404, {"error": "unknown"}) if found is None else json_answer(200, found)


@contextmanager
def serving(orders: Orders | None = None) -> Iterator[Mapping[str, str]]:
    """What to replace in the flow; a pause of 30 seconds becomes one of one."""
    seen = orders or Orders()
    with ExitStack() as stack:
        yield {
            "https://orders.example.net": stack.enter_context(service(seen.order)),
            "https://prices.example.net": stack.enter_context(service(seen.price)),
            "https://stock.example.net": stack.enter_context(service(seen.stock)),
            "https://hooks.example.net": stack.enter_context(service(seen.report)),
            "duration: 30s": "duration: 1s",
            "${secrets.ORDERS_TOKEN}": TOKEN,
            "${secrets.HOOK_SECRET}": HOOK_SECRET,
        }
