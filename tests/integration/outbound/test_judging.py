"""Asking whether calls may go to a URL, without one (Flowker spec c.3)."""

import time
from collections.abc import Sequence

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import OutboundHttp
from flowker.model.outbound import CallFailed, CallFailedForNow
from tests.integration.outbound.calls import resolve
from tests.integration.outbound.provider_server import ProviderServer


def judge(url: str, *, allow_private: bool = False) -> None:
    OutboundHttp(Destinations(allow_private, resolve)).judge(url, 5.0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://localhost/x", "destination blocked"),
        ("https://metadata.google.internal", "destination blocked"),
        ("http://127.0.0.1:8080", "destination blocked"),
        ("http://[::1]/", "destination blocked"),
        ("http://169.254.169.254/latest", "destination blocked"),
        ("https://api.example.test", "destination blocked"),  # resolves to loopback
        ("ftp://93.184.216.34", "unsupported url"),
        ("http://user:s3cret@93.184.216.34", "unsupported url"),
    ],
)
def test_what_may_not_be_called_is_refused_for_good(url: str, reason: str) -> None:
    with pytest.raises(CallFailed, match=reason) as refusal:
        judge(url)
    assert not isinstance(refusal.value, CallFailedForNow)
    assert "s3cret" not in str(refusal.value)


def test_a_public_address_may_be_called_and_private_ones_where_they_are_allowed() -> None:
    judge("https://93.184.216.34/x")
    judge("https://api.example.test", allow_private=True)
    judge("http://127.0.0.1:1", allow_private=True)


@pytest.mark.parametrize("url", ["http://localhost", "http://169.254.169.254", "https://a.internal"])
def test_names_stay_blocked_where_private_addresses_are_allowed(url: str) -> None:
    with pytest.raises(CallFailed, match="destination blocked"):
        judge(url, allow_private=True)


def test_a_host_that_cannot_be_found_may_be_found_later() -> None:
    with pytest.raises(CallFailedForNow, match=r'cannot resolve "unknown.example.test"'):
        judge("https://unknown.example.test")


def test_a_host_that_is_not_found_in_time_may_be_found_later() -> None:
    def slowly(host: str, port: int) -> Sequence[str]:
        time.sleep(0.3)
        return ["93.184.216.34"]

    with pytest.raises(CallFailedForNow, match=r'cannot resolve "slow.example.test" in time'):
        OutboundHttp(Destinations(False, slowly)).judge("https://slow.example.test", 0.05)


def test_nothing_is_called(provider: ProviderServer) -> None:
    judge(provider.url("/x"), allow_private=True)
    assert provider.received == []
