"""URLs of outbound calls: read once, strictly, into the parts that are checked, connected to, sent and reported."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote_plus, urlencode, urljoin, urlsplit

from flowker.model.outbound import CallFailed

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*")
_UNQUOTED = "!$&'()*+,;=:@/?%~"
"""Left alone when quoting a path or query: what the grammar allows there, and escapes that are already made."""


@dataclass(frozen=True, slots=True)
class Url:
    """`host` is lower-case ASCII without brackets; `path` and `query` are as sent. There is no userinfo or fragment."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @staticmethod
    def parse(text: str) -> "Url":
        """Raises `CallFailed` with a text that repeats nothing of the URL, which may contain credentials."""
        if not text.strip():
            raise CallFailed("url is required")
        try:
            parts = urlsplit(text.strip())
            port, host = parts.port, _ascii(parts.hostname or "")
            path, query = quote(parts.path, safe=_UNQUOTED), quote(parts.query, safe=_UNQUOTED)
        except ValueError:  # UnicodeError is one
            raise CallFailed("unsupported url: it cannot be parsed") from None
        if parts.scheme not in _PORTS:
            raise CallFailed("unsupported url: the scheme must be http or https")
        if "@" in parts.netloc:
            raise CallFailed("unsupported url: credentials belong into the authentication, not into the url")
        if not _HOST.fullmatch(host):
            raise CallFailed("unsupported url: its host name is missing or not valid")
        return Url(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path, query)

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as in the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query as in the request line."""
        return f"{self.path or '/'}?{self.query}" if self.query else self.path or "/"

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.authority}{self.path}{query}"

    def join(self, location: str) -> "Url":
        """Where a redirect leads. Raises as `parse`."""
        try:
            return Url.parse(urljoin(str(self), location))
        except ValueError:
            raise CallFailed("unsupported url: the redirect cannot be parsed") from None

    def with_query(self, parameters: Mapping[str, str]) -> "Url":
        """With these parameters instead of those of the same name."""
        if not parameters:
            return self
        kept = [pair for pair in self._pairs() if _decoded(pair)[0] not in parameters]
        return replace(self, query="&".join([*kept, urlencode(parameters)]))

    def without(self, parameters: Collection[tuple[str, str]]) -> "Url":
        """Without the parameters that have one of these names and its value."""
        if not parameters:
            return self
        return replace(self, query="&".join(p for p in self._pairs() if _decoded(p) not in parameters))

    def _pairs(self) -> list[str]:
        return self.query.split("&") if self.query else []


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii").lower()


def _decoded(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return unquote_plus(name), unquote_plus(value)
