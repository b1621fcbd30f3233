"""The HTTP client of all commands: both faces of the API, credentials, retries, errors.

Redirections are not followed, so credentials reach no other server. What can be repeated without harm is repeated when the
server is unavailable, as long as its `Retry-After` asks to wait.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from flowker.model import exact_json
from flowker_cli.failure import Failed, Refused, note
from flowker_cli.paths import LOGIN

Json = Any

TIMEOUT = Timeout(connect=10, read=60)
ATTEMPTS = 4
MOST_WAIT = 30
"""Seconds between two attempts, whatever the server asks for."""
_SAFE = ("GET", "PUT", "DELETE")
"""Methods that may be repeated: the server has told that it did nothing."""


class Client:
    """One server. `close` it. Everything raises `Failed`, and `Refused` for what the server does not do."""

    def __init__(
        self, server: str, *, token: str | None = None, api_key: str | None = None, debug: bool = False
    ) -> None:
        self.server = server
        self._token = token
        self._api_key = api_key
        self._debug = debug
        self._pool = _pool(server)

    def close(self) -> None:
        self._pool.clear()

    def get(self, path: str, query: Mapping[str, Any] | None = None, **headers: str) -> Json:
        return self.call("GET", path, query=query, headers=headers)

    def post(self, path: str, body: Json = None, **headers: str) -> Json:
        return self.call("POST", path, body, headers=headers)

    def put(self, path: str, body: Json) -> Json:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Json:
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """The document that is answered. Parts of a query that are None are left out; underscores in the names of headers stand
        for hyphens."""
        content = None if body is None else exact_json.dumps(body).encode()
        answer = self.content(method, path, content, query=query, headers=headers)
        try:
            found = exact_json.loads(answer or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Failed(f"{self.server} did not answer with a JSON object: is it Flowker?")
        return found

    def content(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The bytes that are answered."""
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        target = path + (f"?{urlencode(parameters, quote_via=quote)}" if parameters else "")
        answer = self._answer(method, target, content, self._identified(path, sent))
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            reason = _reason(answer.status, answer.data, self.server)
            raise Refused(reason + _advice(answer.status, path), answer.status)
        return answer.data

    def _identified(self, path: str, headers: Mapping[str, str]) -> dict[str, str]:
        sent = {"User-Agent": f"flowker/{version('flowker')}", "Accept": "application/json", **headers}
        for name, value in headers.items():
            _check_header(name, value)
        if path.startswith("/v1/") and (self._api_key or not self._token):
            return sent | self._key()
        return sent if path == LOGIN else sent | self.bearer()

    def bearer(self) -> dict[str, str]:
        """The header that says who asks."""
        if not self._token:
            raise Failed(f"nobody is logged in to {self.server}: run `flowker login`")
        _check_header("the token", self._token)
        return {"Authorization": f"Bearer {self._token}"}

    def _key(self) -> dict[str, str]:
        if not self._api_key:
            return {}
        _check_header("the API key", self._api_key)
        return {"X-API-Key": self._api_key}

    def _answer(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        if content is not None:
            headers["Content-Type"] = "application/json"
        retries = _retries(method, "Idempotency-Key" in headers)
        started = time.monotonic()
        try:
            answer = self._pool.request(
                method,
                self.server + target,
                body=content,
                headers=headers,
                retries=retries,
                redirect=False,
                timeout=TIMEOUT,
            )
        except (HTTPError, ValueError) as error:
            raise Failed(f"cannot reach {self.server}: {_cause(error)}") from error
        if self._debug:
            attempts = 1 + len(answer.retries.history if answer.retries else ())
            took = (time.monotonic() - started) * 1000
            tries = f", {attempts} attempts" if attempts > 1 else ""
            request = answer.headers.get("X-Request-ID", "without id")
            note(f"{method} {target} -> {answer.status} in {took:.0f} ms{tries} (request {request})")
        return answer


def _check_header(name: str, value: str) -> None:
    """Raises `Failed` for what cannot be a header, without showing it: the libraries would."""
    if not (value.isascii() and value.isprintable()):
        raise Failed(f"{name} has a character that cannot be sent: a line feed, or a letter beyond ASCII")


def _pool(server: str) -> urllib3.PoolManager:
    parts = urlsplit(server)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def _retries(method: str, keyed: bool) -> Retry:
    """What breaks off is repeated only if it reads, or if the server knows it again by its key."""
    broken = 2 if method == "GET" or keyed else 0
    return Retry(
        total=None,
        connect=0,
        read=broken,
        other=0,
        redirect=False,
        status=ATTEMPTS - 1,
        allowed_methods=[*_SAFE, method] if keyed else _SAFE,
        status_forcelist=[HTTPStatus.SERVICE_UNAVAILABLE],
        backoff_factor=0.25,
        raise_on_status=False,
        retry_after_max=MOST_WAIT,
    )


def _cause(error: Exception) -> str:
    """The innermost reason, without addresses of objects."""
    reason: object = getattr(error, "reason", None) or error
    cause = getattr(reason, "__cause__", None) or reason
    return str(getattr(cause, "strerror", None) or cause).split("): ", 1)[-1]


def _reason(status: int, content: bytes, server: str) -> str:
    """An error of either face in words; each detail on a line of its own."""
    try:
        document = exact_json.loads(content)
        error = document.get("error", document)
        return "\n".join([f"{error['code']}: {error['message']}", *_details(error)])
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"{server} answered {status} {_phrase(status)}".rstrip()


def _advice(status: int, path: str) -> str:
    if status != HTTPStatus.UNAUTHORIZED or path == LOGIN:
        return ""
    if path.startswith("/v1/"):
        return "\n  give the key with --api-key, or log in as an admin"
    return "\n  run `flowker login`"


def _details(error: Mapping[str, Any]) -> list[str]:
    details = error.get("details") or {}
    found = details.get("errors") or ([details] if "field" in details else [])
    named = [(each.get("field", ""), each.get("reason", ""), each) for each in found]
    named += [(field, reason, {}) for field, reason in (error.get("fields") or {}).items()]
    return [f"  {field or 'definition'}{_place(where)}: {reason}" for field, reason, where in named]


def _place(where: Mapping[str, Any]) -> str:
    if "line" not in where:
        return ""
    column = f", column {where['column']}" if "column" in where else ""
    return f" (line {where['line']}{column})"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
