"""Any service that speaks HTTP: the node may say everything itself (Flowker spec d.6 [R], g.2)."""

from collections.abc import Mapping
from typing import Any

from flowker.model.outbound import OutboundRequest
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.runners.authentication import Auth, provider_auth
from flowker.nodes.runners.base import Call, Runner
from flowker.nodes.runners.generic import base_url, generic_request
from flowker.nodes.runners.settings import static_config
from flowker.nodes.runners.urls import filled, template_roots, within


class Http(Runner):
    def reads(self, data: Mapping[str, Any]) -> frozenset[str]:
        url = data.get("url")
        return template_roots(url) if isinstance(url, str) else frozenset()

    def request(self, call: Call) -> OutboundRequest:
        static = static_config(call.data)
        url = static.get("url")
        own = within(base_url(call), filled(url, call.context)) if isinstance(url, str) and url else None
        return generic_request(call, self.auth(call.provider), url=own, static=static)

    def auth(self, provider: ProviderConfiguration) -> Auth | None:
        return provider_auth(provider.config)

    def successes(self, data: Mapping[str, Any]) -> frozenset[int]:
        own = data.get("success_status_codes")
        return frozenset(own) if own else super().successes(data)
