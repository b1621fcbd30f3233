"""One request on the way to the answer, and the one that follows when it is redirected (Flowker spec g.5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpcore

from flowker.adapters.credentials import Credentials
from flowker.adapters.deadline import Deadline
from flowker.adapters.outbound_url import Url
from flowker.model.outbound import CallFailed, OutboundRequest

_CREDENTIAL = re.compile("auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
"""Names of headers that stay with the origin they were meant for; the idempotency key is one of them."""
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"}
    | {"te", "trailer", "upgrade", "expect"}
)
"""Headers that frame the message: a caller who could set them could smuggle a second request."""

Headers = Mapping[str, tuple[str, str]]
"""Name and value by lower-case name."""


@dataclass(frozen=True, slots=True)
class Hop:
    """`url` and `headers` are without `credentials`. A hop that `stays` must not be redirected to another origin."""

    method: str
    url: Url
    headers: Headers
    body: bytes | None
    credentials: Credentials
    stays: bool

    @staticmethod
    def first(request: OutboundRequest, user_agent: str, *, stays: bool = False) -> "Hop":
        """As the request says, but without credentials. Raises `CallFailed`."""
        method = request.method.upper()
        if method == "CONNECT":
            raise CallFailed("unsupported method CONNECT")
        headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        url = Url.parse(request.url).with_query(request.query)
        return Hop(method, url, _by_name(headers, request.headers), request.body, Credentials(), stays)

    def identified_by(self, credentials: Credentials) -> "Hop":
        """With these credentials instead of headers and parameters of the same name. What is signed cannot go elsewhere."""
        mine = _by_name(credentials.headers)
        return replace(
            self,
            url=self.url.without(credentials.query.items()),
            headers={name: header for name, header in self.headers.items() if name not in mine},
            credentials=credentials,
            stays=self.stays or credentials.sign is not None,
        )

    def on_the_wire(self, deadline: Deadline) -> httpcore.Request:
        url = self.url.with_query(self.credentials.query)
        named = {**self.headers, **_by_name(self.credentials.headers)}
        if self.credentials.sign is not None:
            given = dict(named.values())
            named |= _by_name(self.credentials.sign(self.method, str(url), given, self.body or b""))
        headers = [(b"Host", url.authority.encode())]
        headers += [(name.encode(), value.encode()) for name, value in named.values()]
        if self.body is not None or self.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", str(len(self.body or b"")).encode()))
        return httpcore.Request(
            method=self.method.encode(),
            url=httpcore.URL(
                scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
            ),
            headers=headers,
            content=self.body,
            # Points in time, not durations: see `outbound_network`.
            extensions={"timeout": {"connect": deadline.at, "read": deadline.at, "write": deadline.at}},
        )

    def redirected(self, status: int, location: str) -> "Hop":
        """The request that follows. What identifies the caller does not leave the origin. Raises `CallFailed`."""
        url = self.url.join(location).without(self.credentials.query.items())
        hop = replace(self, url=url)
        if url.origin != self.url.origin:
            if self.stays:
                raise CallFailed("request failed: a redirect to another origin is not followed")
            kept = {name: header for name, header in self.headers.items() if not _CREDENTIAL.search(name)}
            hop = replace(hop, headers=kept, credentials=Credentials())
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            kept = {name: header for name, header in hop.headers.items() if name != "content-type"}
            hop = replace(hop, method="GET", body=None, headers=kept)
        return hop


def _by_name(*sources: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Later ones win."""
    merged = {name.lower(): (name, value) for source in sources for name, value in source.items()}
    return {name: header for name, header in merged.items() if name not in _OURS}
