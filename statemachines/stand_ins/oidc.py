"""An OpenID Connect server on loopback: opaque tokens, both ways of client authentication, and faults on demand."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus
from uuid import uuid4

from statemachines.stand_ins.http_service import Answer, Request, json_answer, service

DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class TokenRequest:
    """One request to `/token`. `basic` is the decoded pair of the header, None without one."""

    form: dict[str, str]
    headers: Mapping[str, str]
    basic: tuple[str, str] | None


@dataclass
class OidcServer:
    """Knows one client and one user. Change the fields to change what it does."""

    url: str = ""
    client: tuple[str, str] = ("client-1", "s3cr3t-client")
    user: tuple[str, str] = ("ana", "s3cr3t-user")
    public_clients: bool = False
    lifetime: Any = 3600
    """`expires_in` of the tokens; None leaves it out."""
    token_type: str | None = "Bearer"  # noqa: S105 - no secret
    rotates: bool = True
    """Whether a refresh brings a new refresh token and ends the old one."""
    delay: float = 0.0
    scripted: list[Answer] = field(default_factory=list)
    """Answers to the next requests to `/token`, in place of tokens."""
    discovery: dict[str, Any] | None = None
    """The discovery document, where it is not the usual one."""
    discovery_status: int = 200

    token_requests: list[TokenRequest] = field(default_factory=list)
    discoveries: int = 0
    access_tokens: set[str] = field(default_factory=set)
    """Those that are valid; every one there ever was is in `issued`, with the refresh tokens."""
    refresh_tokens: set[str] = field(default_factory=set)
    issued: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @property
    def grants(self) -> list[str]:
        with self.lock:
            return [request.form["grant_type"] for request in self.token_requests]

    def accepts(self, authorization: str | None) -> bool:
        """Whether a provider that trusts this server would let the caller in."""
        scheme, _, token = (authorization or "").partition(" ")
        with self.lock:
            return scheme == "Bearer" and token in self.access_tokens

    def revoke(self) -> None:
        """Make all tokens invalid, refresh tokens included."""
        with self.lock:
            self.access_tokens.clear()
            self.refresh_tokens.clear()

    def refuse(self, status: int, document: Any = None, **headers: str) -> None:
        """Answer the next request for a token like that."""
        body = b"" if document is None else json.dumps(document).encode()
        self.scripted.append(Answer(status, body, headers))

    def redirect(self, location: str, status: int = 307) -> None:
        self.refuse(status, Location=location)

    def secrets(self) -> list[str]:
        """All that must never be seen."""
        with self.lock:
            return [self.client[1], self.user[1], *self.issued]

    def answer(self, request: Request) -> Answer:
        """What is said to a request, whatever it is for."""
        if request.method == "POST":
            time.sleep(self.delay)
            return self._token(_token_request(request))
        if request.target != DISCOVERY:
            return Answer(404)
        with self.lock:
            self.discoveries += 1
        usual = {"issuer": "https://somewhere.else", "token_endpoint": self.token_url}
        return json_answer(self.discovery_status, usual if self.discovery is None else self.discovery)

    def _token(self, request: TokenRequest) -> Answer:
        with self.lock:
            self.token_requests.append(request)
            if self.scripted:
                return self.scripted.pop(0)
            error = self._refusal(request)
            if error:
                # A description that repeats what was sent: real servers do.
                document = {"error": error, "error_description": json.dumps(request.form)}
                return json_answer(401 if error == "invalid_client" else 400, document)
            return json_answer(200, self._issue(request.form))

    def _refusal(self, request: TokenRequest) -> str | None:
        form = request.form
        secret = form.get("client_secret")
        presented = request.basic or (form.get("client_id"), secret)
        public = self.public_clients and request.basic is None and secret is None
        if presented != self.client and not (public and form.get("client_id") == self.client[0]):
            return "invalid_client"
        match form["grant_type"]:
            case "client_credentials":
                return None
            case "password":
                return None if (form.get("username"), form.get("password")) == self.user else "invalid_grant"
            case "refresh_token":
                return None if form.get("refresh_token") in self.refresh_tokens else "invalid_grant"
            case _:
                return "unsupported_grant_type"

    def _issue(self, form: dict[str, str]) -> dict[str, Any]:
        access = f"access-{uuid4()}"
        self.access_tokens.add(access)
        self.issued.append(access)
        document = {
            "access_token": access,
            "token_type": self.token_type,
            "expires_in": self.lifetime,
            "scope": form.get("scope", ""),
        }
        if form["grant_type"] == "password" or (form["grant_type"] == "refresh_token" and self.rotates):
            refresh = f"refresh-{uuid4()}"
            self.refresh_tokens.discard(form.get("refresh_token", ""))
            self.refresh_tokens.add(refresh)
            self.issued.append(refresh)
            document["refresh_token"] = refresh
        return {name: value for name, value in document.items() if value is not None}


def _token_request(request: Request) -> TokenRequest:
    parsed = parse_qs(request.content.decode(), keep_blank_values=True)
    form = {name: values[0] for name, values in parsed.items()}
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return TokenRequest(form, request.headers, None)
    client_id, _, secret = b64decode(encoded).decode().partition(":")
    return TokenRequest(form, request.headers, (unquote_plus(client_id), unquote_plus(secret)))


@contextmanager
def running_oidc_server() -> Iterator[OidcServer]:
    """An OpenID Connect server for as long as the block runs."""
    oidc = OidcServer()
    with service(oidc.answer) as oidc.url:
        yield oidc
