"""Tracer, called as any service but by its API key (Flowker spec d.6 [R], g.5)."""

from flowker.model.outbound import OutboundRequest
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.runners.authentication import Auth, provider_auth
from flowker.nodes.runners.base import Call, Runner
from flowker.nodes.runners.generic import generic_request


class Tracer(Runner):
    def request(self, call: Call) -> OutboundRequest:
        return generic_request(call, self.auth(call.provider))

    def auth(self, provider: ProviderConfiguration) -> Auth | None:
        by_key = {"type": "api_key", "config": {"key": provider.config.get("api_key")}}
        return provider_auth(provider.config) or by_key
