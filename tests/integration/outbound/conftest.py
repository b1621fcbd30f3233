"""Providers and a client for the tests of outbound calls."""

from collections.abc import Iterator

import pytest

from flowker.adapters.outbound_http import OutboundHttp
from tests.integration.outbound.calls import client
from tests.integration.outbound.provider_server import ProviderServer, provider_server


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


@pytest.fixture
def other() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


@pytest.fixture
def http(provider: ProviderServer) -> Iterator[OutboundHttp]:
    with client() as calls:
        yield calls
