"""Where outbound calls may go (Flowker spec c.3): host names and addresses that are never reached from here.

A host name proves nothing: it is the addresses it resolves to that are judged, and the caller must connect to one of
the addresses that were judged. IPv4 in unusual spellings (`2130706433`, `0x7f.1`) is resolved first and judged after.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from flowker.model.outbound import CallFailed, CallFailedForNow

Resolve = Callable[[str, int], Sequence[str]]
"""From a host name and a port to addresses, best first. Raises `OSError` when there is no answer."""

BLOCKED_NAMES = frozenset(
    {
        "localhost",
        "metadata.google.internal",
        "metadata.gcp.internal",
        "metadata.azure.internal",
        "169.254.169.254",
    }
)
BLOCKED_SUFFIXES = (".local", ".internal", ".cluster.local")


def _networks(texts: str) -> dict[int, list[tuple[int, int]]]:
    """(network, mask) pairs by IP version, as integers: comparing those is what makes the check cheap."""
    networks: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for text in texts.split():
        network: IPv4Network | IPv6Network = ip_network(text)
        networks[network.version].append((int(network.network_address), int(network.netmask)))
    return networks


BLOCKED_NETWORKS = _networks("""
    0.0.0.0/8  10.0.0.0/8  100.64.0.0/10  127.0.0.0/8  169.254.0.0/16  172.16.0.0/12  192.0.0.0/24  192.0.2.0/24
    192.168.0.0/16  198.18.0.0/15  198.51.100.0/24  203.0.113.0/24  224.0.0.0/4  240.0.0.0/4
    ::/128  ::1/128  64:ff9b:1::/48  100::/64  2001:db8::/32  3fff::/20  fc00::/7  fe80::/10  fec0::/10  ff00::/8
""")

_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")
_LOOKUPS_AT_ONCE = 32


class Destinations:
    """The deny list. `allow_private` lifts the rules for addresses, not those for host names."""

    def __init__(self, allow_private: bool, resolve: Resolve | None = None) -> None:
        self._allow_private = allow_private
        self._resolve = resolve or _system_addresses
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="resolve")

    def pin(self, host: str, port: int) -> str:
        """The address to connect to. Raises as `addresses`."""
        return self.addresses(host, port)[0]

    def addresses(self, host: str, port: int, timeout: float | None = None) -> list[str]:
        """All addresses of the host, best first, if every one of them may be reached. `timeout` in seconds.

        Raises `CallFailed` if one is blocked, `CallFailedForNow` if the host cannot be resolved, `TimeoutError`.
        """
        name = _normal(host)
        if name in BLOCKED_NAMES or not name or name.endswith(BLOCKED_SUFFIXES):
            raise CallFailed(f'destination blocked: host name "{name}" is not allowed')
        found = [_unmapped(address) for address in self._lookup(name, port, timeout)]
        for address in found:
            if not self._may_reach(address):
                raise CallFailed(f'destination blocked: "{name}" is not a public address')
        return [str(address) for address in found]

    def _lookup(self, name: str, port: int, timeout: float | None) -> list[IPv4Address | IPv6Address]:
        try:
            return [ip_address(name)]
        except ValueError:
            pass  # not a plain literal: the resolver decides what it means
        try:
            # In a thread of its own, because the system's resolver knows no deadline.
            found = self._lookups.submit(self._resolve, name, port).result(timeout)
        except TimeoutError:
            raise
        except UnicodeError:
            raise CallFailed("unsupported url: its host name is not valid") from None
        except OSError as error:
            reason = error.strerror or "no answer"
            raise CallFailedForNow(f'request failed: cannot resolve "{name}": {reason}') from None
        if not found:
            raise CallFailedForNow(f'request failed: cannot resolve "{name}": no address')
        return [ip_address(address) for address in found]

    def _may_reach(self, address: IPv4Address | IPv6Address) -> bool:
        judged = [address, *_embedded(address)]
        if any(str(one) in BLOCKED_NAMES for one in judged):
            return False
        return self._allow_private or not any(_is_blocked(one) for one in judged)


def _system_addresses(name: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(socket_address[0]) for *_, socket_address in answers]


def _normal(host: str) -> str:
    """Lower case, without trailing dots, in ASCII: full-width `ｌｏｃａｌｈｏｓｔ` is `localhost`."""
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise CallFailed("unsupported url: its host name is not valid") from None
    return name.strip().rstrip(".").lower()


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _embedded(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """IPv4 addresses that an IPv6 address leads to through a translator or tunnel."""
    if isinstance(address, IPv4Address):
        return
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _is_blocked(address: IPv4Address | IPv6Address) -> bool:
    number = int(address)
    return any(number & mask == network for network, mask in BLOCKED_NETWORKS[address.version])
