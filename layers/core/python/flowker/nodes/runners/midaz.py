"""Midaz, the ledger: every executor has its method, base URL and path (Flowker spec g.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flowker.model.outbound import OutboundRequest, idempotency
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.runners.authentication import Auth, oidc_auth
from flowker.nodes.runners.base import (
    Call,
    Runner,
    encoded,
    merged_headers,
    no_runner,
    unbuildable,
)
from flowker.nodes.runners.settings import timeout
from flowker.nodes.runners.urls import segment

_LEDGER: Final = ("v1", "organizations", "{organization_id}", "ledgers", "{ledger_id}")


@dataclass(frozen=True, slots=True)
class _Operation:
    """`path` by segments below the ledger, parameters in braces; `query` names the parameters that go there."""

    method: str
    base: str
    path: tuple[str, ...]
    query: tuple[str, ...] = field(default=())


_OPERATIONS: Final[Mapping[str, _Operation]] = {
    "midaz.create-transaction": _Operation("POST", "transaction_base_url", ("transactions", "json")),
    "midaz.create-account": _Operation("POST", "onboarding_base_url", ("accounts",)),
    "midaz.get-account": _Operation("GET", "onboarding_base_url", ("accounts", "{accountId}")),
    "midaz.get-account-balance": _Operation(
        "GET", "transaction_base_url", ("accounts", "{accountId}", "balances"), ("limit", "cursor")
    ),
}


class Midaz(Runner):
    def request(self, call: Call) -> OutboundRequest:
        """Executor configurations do not apply: what is called is fixed. Only POST has a body."""
        operation = _OPERATIONS.get(str(call.data.get("executorId")))
        if operation is None:
            raise no_runner(call.data)
        posts = operation.method == "POST"
        recognised = _idempotency(call) if posts else {}
        return OutboundRequest(
            method=operation.method,
            url=_url(operation, call),
            headers=merged_headers(recognised, call.config.get("headers")),
            query=_query(operation, call.body),
            body=encoded(call.body) if posts else None,
            auth=self.auth(call.provider),
            timeout=timeout(call.data, None, call.config),
        )

    def auth(self, provider: ProviderConfiguration) -> Auth | None:
        return oidc_auth(provider.config.get("auth"))

    def test_url(self, config: Mapping[str, Any]) -> object:
        return config.get("onboarding_base_url") or config.get("transaction_base_url")


def _idempotency(call: Call) -> dict[str, str]:
    """Midaz knows the key by a name of its own, and without it takes equal bodies for repetitions of one another."""
    return {**idempotency("POST", call.idempotency_key), "X-Idempotency": call.idempotency_key}


def _url(operation: _Operation, call: Call) -> str:
    base = call.config.get(operation.base)
    if not isinstance(base, str) or not base:
        raise unbuildable(f'missing required field "{operation.base}" in the provider configuration')
    return "/".join([base.rstrip("/"), *(_segment(part, call) for part in (*_LEDGER, *operation.path))])


def _segment(part: str, call: Call) -> str:
    """A literal segment, or the first text that the provider configuration, the node or the body has for a parameter."""
    if not part.startswith("{"):
        return part
    name = part.strip("{}")
    for source in (call.config, call.data, call.body):
        value = source.get(name) if isinstance(source, Mapping) else None
        if isinstance(value, str) and value:
            return segment(name, value)
    raise unbuildable(
        f'missing required path parameter "{name}" in provider configuration, node data and request body'
    )


def _query(operation: _Operation, body: Any) -> dict[str, str]:
    given = {name: body.get(name) for name in operation.query} if isinstance(body, Mapping) else {}
    return {
        name: str(value)
        for name, value in given.items()
        if isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    }
