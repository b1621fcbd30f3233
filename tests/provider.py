"""A provider on loopback that behaves as each request asks: `POST /<behaviour>` with optional numbers in the path."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from statemachines.stand_ins.http_service import Answer, Request, json_answer, service


@dataclass
class Call:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes = b""
    at: float = field(default_factory=time.monotonic)


@dataclass
class Provider:
    """What arrived, and what to answer. Behaviours by first path segment:

    `/score` and anything unknown: 200 with `{"score": <amount/100>, "echo": body}`; `/status/<code>`: that status;
    `/flaky/<n>/<code>`: the code for the first n calls of that path, then 200; `/flaky/<n>/<code>/<seconds>`: likewise,
    with these as `Retry-After`; `/slow/<seconds>`; `/big/<bytes>`;
    `/redirect?to=<url>`; `/text`: plain text; `/empty`: 204; `/echo`: what was sent, byte by byte;
    `/decision/<word>`: 200 with `{"decision": <word>, "echo": body}`.
    """

    url: str
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def to(self, path: str) -> list[Call]:
        """The calls whose path begins so."""
        with self.lock:
            return [call for call in self.calls if call.path.startswith(path)]

    def answer(self, request: Request) -> Answer:
        """What is said to a request; it is recorded."""
        body, count = self._recorded(request)
        words = request.path.strip("/").split("/")
        if words[0] == "slow":
            time.sleep(float(words[1]))
        if words[0] == "status":
            return json_answer(int(words[1]), {"error": "as asked"})
        if words[0] == "flaky" and count <= int(words[1]):
            return json_answer(int(words[2]), {"error": "not yet"}, **_retry_after(words[3:]))
        if words[0] == "redirect":
            return Answer(302, headers={"Location": request.target.split("to=")[1]})
        if words[0] == "decision":
            return json_answer(200, {"decision": words[1], "echo": body})
        return _plain(words, request, body)

    def _recorded(self, request: Request) -> tuple[Any, int]:
        """The body, and how many calls of this path there were with this one."""
        try:
            body = json.loads(request.content) if request.content else None
        except ValueError:
            body = request.content.decode()
        call = Call(request.method, request.target, dict(request.headers), body, request.content)
        with self.lock:
            self.calls.append(call)
            return body, sum(other.path == call.path for other in self.calls)


def _plain(words: list[str], request: Request, body: Any) -> Answer:
    match words[0]:
        case "big":
            return Answer(200, b'"' + b"x" * int(words[1]) + b'"')
        case "text":
            return Answer(200, b"plain", {"Content-Type": "text/plain"})
        case "empty":
            return Answer(204)
        case "echo":
            return Answer(200, request.content)
    amount = body.get("amount", 0) if isinstance(body, dict) else 0
    return json_answer(200, {"score": int(float(amount) / 100), "echo": body})


def _retry_after(words: list[str]) -> dict[str, str]:
    return {"Retry_After": words[0]} if words and words[0].isdigit() else {}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider for as long as the block runs."""
    provider = Provider("")
    with service(provider.answer) as provider.url:
        yield provider
