"""Call an external service: map, authenticate, call, map back (Flowker spec d.6, g, l.12)."""

from collections.abc import Mapping
from typing import Any

from flowker.expressions.mappings import WHOLE
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.model.identifier import canonical_uuid
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.nodes.base import EVERYTHING, CallFailure, Failure, Result, Run
from flowker.nodes.calls import build_call, static_config, success_codes, template_roots
from flowker.nodes.mapping import deep_merge, input_mappings, mapped, output_mappings

TRANSIENT_STATUSES = frozenset({408, 425, 429})
"""With all of 5xx: statuses worth another attempt (Flowker spec d.7 [R])."""


class Executor:
    def references(self, node: Node) -> frozenset[str] | None:
        mapping = input_mappings(node)
        if (mapping.empty and not _static_body(node)) or WHOLE in mapping.roots:
            return EVERYTHING
        return mapping.roots | template_roots(node.settings)

    def run(self, node: Node, run: Run) -> Result:
        """Output: the response envelope `{status, status_text, url, headers, body?}`, or what `outputMapping` makes of it."""
        provider = _provider(node, run.provider)
        body = _body(node, run)
        call = build_call(node.settings, provider, run.context, body, run.idempotency_key)
        with run.guard():
            response = _answer(node, run, call)
        envelope = _envelope(response)
        mapping = output_mappings(node)
        if mapping.empty:
            return Result(envelope, response.status)
        return Result(mapped(mapping, envelope, "output transformation failed"), response.status)

    def contribute(self, node: Node, output: Json, context: dict[str, Any]) -> None:
        """Under the node's id; targets of `outputMapping` that begin with `workflow.` also change the input (l.12)."""
        context[node.id] = output
        written = output_mappings(node).workflow_writes(output or {})
        if written:
            context["workflow"] = deep_merge(context["workflow"], written)

    def contributes(self, node: Node) -> frozenset[str]:
        return frozenset({node.id, "workflow"} if output_mappings(node).writes_workflow else {node.id})


def configuration_id(node: Node) -> str | None:
    """The provider configuration an executor node names, in canonical form; None if it names none."""
    value = node.settings.get("providerConfigId")
    return canonical_uuid(value) if isinstance(value, str) else None


def _provider(node: Node, provider: ProviderConfiguration | None) -> ProviderConfiguration:
    if not node.settings.get("providerConfigId"):
        raise Failure("executor node missing providerConfigId")
    if configuration_id(node) is None:
        raise Failure("invalid providerConfigId")
    if provider is None:
        raise Failure("provider config not found")
    if provider.status is not ProviderConfigurationStatus.ACTIVE:
        raise Failure("provider configuration is not active")
    return provider


def _answer(node: Node, run: Run, call: OutboundRequest) -> OutboundResponse:
    """What the provider said, if that is a success. Raises `CallFailure`."""
    try:
        response = run.send(call)
    except CallFailedForNow as error:
        raise CallFailure(f"executor error: {error}", transient=True) from error
    except CallFailed as error:
        raise CallFailure(f"executor error: {error}") from error
    if response.status not in success_codes(node.settings):
        transient = response.status in TRANSIENT_STATUSES or response.status >= 500
        reason = f"executor error: http request failed with status {response.status}"
        raise CallFailure(reason, transient=transient, status_code=response.status)
    return response


def _body(node: Node, run: Run) -> Json:
    """What to send: mapped values over static ones; with neither, the whole context."""
    static, mapping = _static_body(node), input_mappings(node)
    if mapping.empty:
        return static["body"] if static else dict(run.context)
    values = mapped(mapping, run.context, "input transformation failed")
    base = static.get("body")
    return deep_merge(base, values) if isinstance(base, Mapping) else values


def _static_body(node: Node) -> Mapping[str, Json]:
    """`{body}` where the static configuration has one: for the `http` executor its field `body`, else all of it."""
    static = static_config(node.settings)
    if node.settings.get("executorId") == "http":
        return {name: value for name, value in static.items() if name == "body"}
    return {"body": static} if static else {}


def _envelope(response: OutboundResponse) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "status": response.status,
        "status_text": f"{response.status} {response.reason}".strip(),
        "url": response.url,
        "headers": dict(response.headers),
    }
    if response.body:
        envelope["body"] = _parsed(response)
    return envelope


def _parsed(response: OutboundResponse) -> Json:
    text = response.body.decode("utf-8", errors="replace")
    if "application/json" in response.headers.get("Content-Type", "").lower():
        try:
            return exact_json.loads(text)
        except ValueError:
            return text
    return text
