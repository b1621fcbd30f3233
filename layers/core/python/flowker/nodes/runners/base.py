"""What every runner offers, what it builds from, and the parts that all requests share (Flowker spec d.6, g.5)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.base import Context, Endpoint, Failure
from flowker.nodes.runners.authentication import Auth

SUCCESS = frozenset({200, 201, 202, 204})


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at a call: the node's data, whom it calls, and `body`, what its mappings and static fields made."""

    data: Mapping[str, Any]
    provider: ProviderConfiguration
    context: Context
    body: Json
    idempotency_key: str
    endpoint: Endpoint | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        return self.provider.config


class Runner(ABC):
    """Calls the executors of one provider. Instances hold no state."""

    def reads(self, data: Mapping[str, Any]) -> frozenset[str] | None:
        """The top-level names of the context that building the request needs beyond the body; `EVERYTHING` for all."""
        return frozenset()

    @abstractmethod
    def request(self, call: Call) -> OutboundRequest:
        """What to send. Raises `Failure` where there is no way to build it."""

    def auth(self, provider: ProviderConfiguration) -> Auth | None:
        """As whom the provider is called, unless the node or its executor configuration knows better. Raises `Failure`."""
        return None

    def headers(self, provider: ProviderConfiguration) -> dict[str, str]:
        """What every call to the provider carries."""
        return merged_headers(provider.config.get("headers"))

    def test_url(self, config: Mapping[str, Any]) -> object:
        """What a connectivity test asks for; a URL if the configuration is in order. Raises `Failure`."""
        return config.get("base_url")

    def successes(self, data: Mapping[str, Any]) -> frozenset[int]:
        """Statuses that count as success."""
        return SUCCESS

    def output(self, call: Call, response: OutboundResponse) -> dict[str, Json]:
        """The node's output: `{status, status_text, url, headers, body?}`; `body` parsed where it says that it is JSON."""
        envelope: dict[str, Json] = {
            "status": response.status,
            "status_text": f"{response.status} {response.reason}".strip(),
            "url": response.url,
            "headers": dict(response.headers),
        }
        if response.body:
            envelope["body"] = _parsed(response)
        return envelope


def unbuildable(cause: str) -> Failure:
    """The failure of a request that cannot be built. `cause` repeats no value, because it may be a secret."""
    return Failure(f"failed to build runner input: {cause}", detail=cause)


def no_runner(data: Mapping[str, Any]) -> Failure:
    """The failure of an executor that nothing here knows; the catalog has none, an old revision may."""
    executor = data.get("executorId")
    return Failure(f'no runner registered for executor "{executor}": FLK-0220', code="FLK-0220")


def merged_headers(*sources: object) -> dict[str, str]:
    """Later ones win, whatever their letter case; only texts count."""
    merged: dict[str, tuple[str, str]] = {}
    for source in sources:
        if isinstance(source, Mapping):
            merged |= {
                name.lower(): (name, value) for name, value in source.items() if isinstance(value, str)
            }
    return dict(merged.values())


def encoded(body: Json) -> bytes | None:
    """A text as it is, anything else as JSON, nothing for null."""
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else exact_json.dumps(body).encode()


def _parsed(response: OutboundResponse) -> Json:
    text = response.body.decode("utf-8", errors="replace")
    if "application/json" in response.headers.get("Content-Type", "").lower():
        try:
            return exact_json.received(text)
        except ValueError:
            return text
    return text
