"""Calls to providers (Flowker spec c.3, d.7, g.5, h): judged destinations, one deadline, bounded answers, no leaks.

Built on httpcore, the engine of httpx: it lets us supply the network (so that name, judged address and certificate
belong together and the deadline holds for every byte), keeps no cookies, and costs a third of httpx at a cold start.
Nothing is logged here.
"""

import logging
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Lock
from time import time

import certifi
import httpcore

from flowker.adapters.aws_signature import Roles, StsFor, sts_client
from flowker.adapters.deadline import Deadline
from flowker.adapters.destinations import Destinations
from flowker.adapters.oidc import Tokens
from flowker.adapters.outbound_answer import read_answer, redirection
from flowker.adapters.outbound_auth import Authentications
from flowker.adapters.outbound_hop import Hop
from flowker.adapters.outbound_network import JudgedNetwork
from flowker.adapters.outbound_url import Url
from flowker.model.outbound import (
    CallFailed,
    CallFailedForNow,
    CallTimedOut,
    OutboundRequest,
    OutboundResponse,
)

MAX_BODY = 1024 * 1024
MAX_REDIRECTS = 10
_MAX_TOKEN_BODY = 64 * 1024
_IDLE_CONNECTIONS = 32
_IDLE_SECONDS = 4.0
"""Shorter than the 5 s that common servers grant, lest one closes the connection while a request is on its way."""

# At DEBUG httpcore logs the headers of answers, and with them cookies.
logging.getLogger("httpcore").setLevel(logging.INFO)


def trusted_certificates() -> ssl.SSLContext:
    """Mozilla's authorities and those of the machine. Takes some 50 ms."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


class OutboundHttp:
    """Implements `flowker.ports.Http`; many threads may send at once, and share the tokens that calls are made with.

    `tls` is called once, when first needed; `sts` when a role is assumed. `now` gives seconds since the epoch, by which
    tokens expire.
    """

    def __init__(
        self,
        destinations: Destinations,
        *,
        max_body: int = MAX_BODY,
        user_agent: str = "flowker",
        tls: Callable[[], ssl.SSLContext] = trusted_certificates,
        sts: StsFor = sts_client,
        now: Callable[[], float] = time,
    ) -> None:
        self._destinations = destinations
        self._network = JudgedNetwork(destinations)
        self._max_body = max_body
        self._user_agent = user_agent
        self._tls = tls
        self._authentications = Authentications(Tokens(self._ask, now), Roles(sts, now))
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._opening = Lock()

    def send(self, request: OutboundRequest) -> OutboundResponse:
        """One exchange, authentication and redirects included, in `request.timeout` seconds; a second one where a token
        was refused. Raises `CallFailed`, `CallFailedForNow`."""
        deadline = Deadline.after(request.timeout)
        with _failures_fit_for_users(deadline):
            authentication = self._authentications.of(request.auth)
            hop = Hop.first(request, self._user_agent)
            credentials = authentication.credentials(deadline)
            last, response = self._exchange(hop.identified_by(credentials), deadline, request)
            if response.status == HTTPStatus.UNAUTHORIZED and last.credentials is credentials:
                renewed = authentication.renewed(credentials, deadline)
                if renewed is not None:
                    _, response = self._exchange(hop.identified_by(renewed), deadline, request)
            return response

    def judge(self, url: str, timeout: float) -> None:
        """Raises `CallFailed` if no call may go to this URL, `CallFailedForNow` if its host cannot be found in time."""
        target = Url.parse(url)
        try:
            self._destinations.addresses(target.host, target.port, timeout)
        except TimeoutError:
            raise CallTimedOut(f'request failed: cannot resolve "{target.host}" in time') from None

    def close(self) -> None:
        """Close the idle connections."""
        for pool in self._pools.values():
            pool.close()

    def _ask(self, request: OutboundRequest, deadline: Deadline) -> OutboundResponse:
        """A request on behalf of authentication: it carries secrets, so it stays with its origin."""
        with _failures_fit_for_users(deadline):
            hop = Hop.first(request, self._user_agent, stays=True)
            return self._exchange(hop, deadline, request, _MAX_TOKEN_BODY)[1]

    def _exchange(
        self, hop: Hop, deadline: Deadline, request: OutboundRequest, limit: int | None = None
    ) -> tuple[Hop, OutboundResponse]:
        """The answer, and the hop that it answers."""
        limit = self._max_body if limit is None else limit
        for _ in range(MAX_REDIRECTS + 1):
            response = self._pool(hop.url.scheme).handle_request(hop.on_the_wire(deadline))
            try:
                location = redirection(response) if request.follow_redirects else None
                if location is None:
                    return hop, read_answer(response, hop.url, limit, deadline, cut=request.cut)
            finally:
                response.close()
            hop = hop.redirected(response.status, location)
        raise CallFailed(f"request failed: stopped after {MAX_REDIRECTS} redirects")

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        pool = self._pools.get(scheme)
        if pool is None:
            with self._opening:
                pool = self._pools.get(scheme) or self._pools.setdefault(scheme, self._new_pool(scheme))
        return pool

    def _new_pool(self, scheme: str) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._tls() if scheme == "https" else None,
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=self._network,
        )


@contextmanager
def _failures_fit_for_users(deadline: Deadline) -> Iterator[None]:
    """Translate, once. Texts of protocol errors are replaced: they quote headers, ours and the server's."""
    try:
        yield
    except httpcore.TimeoutException:
        raise CallTimedOut(f"request failed: timed out after {deadline.seconds:g} s") from None
    except httpcore.NetworkError as error:
        raise CallFailedForNow(f"request failed: {error}") from None
    except httpcore.LocalProtocolError:
        raise CallFailed(
            "request failed: the method or a header contains a character that is not allowed"
        ) from None
    except httpcore.RemoteProtocolError:
        raise CallFailedForNow("request failed: the answer is not valid HTTP or ended early") from None
    except zlib.error:
        raise CallFailedForNow("request failed: the compressed answer is damaged") from None
    except UnicodeError:
        raise CallFailed("request failed: the url or a header contains text that is not Unicode") from None
