"""Call an external service: map, authenticate, call, map back (Flowker spec d.6, g, l.12)."""

from collections.abc import Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.model.identifier import canonical_uuid
from flowker.model.outbound import (
    CallFailed,
    CallFailedForNow,
    OutboundRequest,
    OutboundResponse,
    transient,
)
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.nodes.base import EVERYTHING, CallFailure, Failure, Result, Run
from flowker.nodes.mapping import changed, deep_merge, input_change, mapped, output_mappings, roots_of
from flowker.nodes.runners.base import Call, unbuildable
from flowker.nodes.runners.registry import runner_of
from flowker.nodes.runners.settings import static_config


class Executor:
    def references(self, node: Node) -> frozenset[str] | None:
        change = input_change(node)
        if change.empty and not _static_body(node):
            return EVERYTHING
        mapped_from = frozenset() if change.empty else roots_of(change)
        own = runner_of(node.settings).reads(node.settings)
        return EVERYTHING if mapped_from is EVERYTHING or own is EVERYTHING else mapped_from | own

    def run(self, node: Node, run: Run) -> Result:
        """Output: the runner's, for most the response envelope, or what `outputMapping` makes of it."""
        provider = _provider(node, run.provider)
        body = _body(node, run)
        call = Call(node.settings, provider, run.context, body, run.idempotency_key, run.endpoint)
        request = _request(call)
        with run.guard():
            response = _answer(node, run, request)
        envelope = runner_of(node.settings).output(call, response)
        mapping = output_mappings(node)
        if mapping.empty:
            return Result(envelope, response.status)
        return Result(mapped(mapping, envelope, run, "output transformation failed"), response.status)

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


def _request(call: Call) -> OutboundRequest:
    try:
        return runner_of(call.data).request(call)
    except UnicodeEncodeError as error:
        raise unbuildable("a text holds half of a character") from error


def _answer(node: Node, run: Run, call: OutboundRequest) -> OutboundResponse:
    """What the provider said, if that is a success. Raises `CallFailure`."""
    try:
        response = run.send(call)
    except CallFailedForNow as error:
        raise CallFailure(f"executor error: {error}", transient=True) from error
    except CallFailed as error:
        raise CallFailure(f"executor error: {error}") from error
    if response.status not in runner_of(node.settings).successes(node.settings):
        reason = f"executor error: http request failed with status {response.status}"
        after = response.headers.get("Retry-After")
        raise CallFailure(
            reason,
            transient=transient(response.status),
            status_code=response.status,
            retry_after=after,
        )
    return response


def _body(node: Node, run: Run) -> Json:
    """What to send: mapped values over static ones; with neither, the whole context. Transforms may make any JSON."""
    static, change = _static_body(node), input_change(node)
    if change.empty:
        return static["body"] if static else dict(run.context)
    values = changed(change, run.context, run, "input transformation failed")
    base = static.get("body")
    return deep_merge(base, values) if isinstance(base, Mapping) and isinstance(values, Mapping) else values


def _static_body(node: Node) -> Mapping[str, Json]:
    """`{body}` where the static configuration has one: for the `http` executor its field `body`, else all of it."""
    static = static_config(node.settings)
    if node.settings.get("executorId") == "http":
        return {name: value for name, value in static.items() if name == "body"}
    return {"body": static} if static else {}
