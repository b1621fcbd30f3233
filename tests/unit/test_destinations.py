"""Which names and addresses outbound calls may reach (Flowker spec c.3)."""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.destinations import Destinations
from flowker.model.outbound import CallFailed, CallFailedForNow

PUBLIC = "93.184.216.34"


def answering(*addresses: str, allow_private: bool = False) -> Destinations:
    return Destinations(allow_private, lambda host, port: list(addresses))


def is_blocked(address: str, allow_private: bool = False) -> bool:
    """Whether a host of this address is; any other failure fails the test."""
    try:
        answering(address, allow_private=allow_private).pin("api.example.com", 443)
    except CallFailed as failure:
        if str(failure) != 'destination blocked: "api.example.com" is not a public address':
            raise
        return True
    return False


@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "LocalHost...",
        "ｌｏｃａｌｈｏｓｔ",
        "localhost。",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata.gcp.internal",
        "metadata.azure.internal",
        "169.254.169.254",
        "169.254.169.254.",
        "printer.local",
        "PRINTER.LOCAL.",
        "db.prod.internal",
        "api.default.svc.cluster.local",
        "",
        ".",
        " ",
    ],
)
def test_blocked_names_stay_blocked_whatever_they_resolve_to(host: str, allow_private: bool) -> None:
    with pytest.raises(CallFailed, match=r"^destination blocked: ") as failure:
        answering(PUBLIC, allow_private=allow_private).pin(host, 80)
    assert not isinstance(failure.value, CallFailedForNow)


@pytest.mark.parametrize(
    "host", ["localhost.example.com", "internal.example.com", "mylocalhost", "local", "internalx", "xlocal"]
)
def test_names_that_only_resemble_blocked_ones_pass(host: str) -> None:
    assert answering(PUBLIC).pin(host, 80) == PUBLIC


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.0.1",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001:0:0a00:1::1",
        "100::1",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_private_and_special_addresses_are_blocked(address: str) -> None:
    assert is_blocked(address)


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "1.1.1.1",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.169.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "64:ff9b::1.1.1.1",
        "2002:101:101::1",
    ],
)
def test_public_addresses_pass(address: str) -> None:
    assert not is_blocked(address)


def test_a_mapped_public_address_is_pinned_as_ipv4() -> None:
    assert answering(f"::ffff:{PUBLIC}").pin("api.example.com", 443) == PUBLIC


def test_one_blocked_address_among_many_rejects_the_host() -> None:
    with pytest.raises(CallFailed, match=r"^destination blocked: "):
        answering(PUBLIC, "2606:4700::1111", "10.0.0.1").pin("rebind.example.com", 443)


def test_the_message_does_not_reveal_what_an_internal_name_resolves_to() -> None:
    with pytest.raises(CallFailed) as failure:
        answering("10.1.2.3").pin("intranet.example.com", 443)
    assert "10.1.2.3" not in str(failure.value)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", "::ffff:127.0.0.1"]
)
def test_private_addresses_pass_when_allowed(address: str) -> None:
    assert not is_blocked(address, allow_private=True)
    Destinations(allow_private=True).pin(address, 80)


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254"])
def test_the_metadata_address_stays_blocked_in_every_spelling(address: str) -> None:
    assert is_blocked(address, allow_private=True)


@pytest.mark.parametrize(
    "literal", ["2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1", "0"]
)
def test_unusual_spellings_of_loopback_are_judged_by_the_address_they_mean(literal: str) -> None:
    """With the system's resolver; where it does not know a spelling, the host is unresolvable, which is as good."""
    with pytest.raises(CallFailed, match=r"^destination blocked: |^request failed: cannot resolve"):
        Destinations(allow_private=False).pin(literal, 80)


def test_a_plain_address_needs_no_resolver() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError(host)

    assert Destinations(False, resolve).pin("1.1.1.1", 53) == "1.1.1.1"
    assert Destinations(False, resolve).pin("2606:4700::1111", 53) == "2606:4700::1111"


def test_names_are_resolved_in_lower_case_ascii() -> None:
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return [PUBLIC]

    Destinations(False, resolve).pin("BÜCHER.Example.", 443)
    assert asked == [("xn--bcher-kva.example", 443)]


def test_a_host_that_does_not_resolve_fails_for_now() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(
        CallFailedForNow, match=r'^request failed: cannot resolve "gone.example.com": Name or'
    ):
        Destinations(False, resolve).pin("gone.example.com", 443)
    with pytest.raises(
        CallFailedForNow, match=r'^request failed: cannot resolve "gone.example.com": no address'
    ):
        answering().pin("gone.example.com", 443)


@pytest.mark.parametrize("host", [f"{'a' * 64}.example.com", "a..b", "ü" * 64 + ".example.com"])
def test_impossible_host_names_fail_for_good(host: str) -> None:
    with pytest.raises(CallFailed, match=r"^unsupported url: ") as failure:
        Destinations(allow_private=False).pin(host, 443)
    assert not isinstance(failure.value, CallFailedForNow)


def test_a_slow_resolver_is_not_waited_for() -> None:
    done = Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        done.wait(10)
        return [PUBLIC]

    try:
        with pytest.raises(TimeoutError):
            Destinations(False, resolve).addresses("slow.example.com", 443, timeout=0.02)
    finally:
        done.set()


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=100, deadline=None)
def test_wrapping_an_ipv4_address_in_ipv6_never_changes_the_verdict(number: int, allow_private: bool) -> None:
    plain = is_blocked(str(IPv4Address(number)), allow_private)
    mapped = IPv6Address((0xFFFF << 32) | number)
    nat64 = IPv6Address((0x64_FF9B << 96) | number)
    sixtofour = IPv6Address((0x2002 << 112) | (number << 80))
    assert [is_blocked(str(address), allow_private) for address in (mapped, nat64, sixtofour)] == [plain] * 3
