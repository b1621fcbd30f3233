"""Two accounts of a running Flowker, what one of them owns, and every request of `/api/v1` that the other can aim at it."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests import runs
from tests.accounts import Tenant, admin, new_tenant
from tests.flow_samples import HELLO, flow
from tests.openapi import operations
from tests.samples import unique
from tests.servers import PASSWORD, expect

FACE = "/api/v1"
KEY = "go"
"""The key of the owner's secret, and of the signal that its run waits for."""
IDS = {"flow_id": "flow-", "execution_id": "exec-", "account_id": "account-"}
"""The parameters of paths that say whose a thing is, and what their ids begin with."""
OTHERS = {"version": "1.0.0", "key": KEY}
"""The other parameters of paths, as they are right for what the owner has."""
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/auth/login"): {"username": "nobody@example.com", "password": PASSWORD},
    ("POST", "/flows"): {"name": "n", "definition": HELLO},
    ("POST", "/flows/validate"): {"definition": HELLO},
    ("POST", "/flows/search"): {},
    ("PUT", "/flows/{flow_id}"): {"name": "taken over", "definition": HELLO},
    ("PATCH", "/flows/{flow_id}/metadata"): {"status": "taken over"},
    ("POST", "/flows/{flow_id}/run"): {"input": {"name": "B"}},
    ("POST", "/executions/{execution_id}/signals/{key}"): {"value": "B"},
    ("POST", "/accounts"): {"name": "n", "email": "not an address", "password": PASSWORD},
    ("PUT", "/accounts/{account_id}"): {"name": "taken over"},
    ("POST", "/accounts/{account_id}/secrets"): {"key": KEY, "value": "taken over"},
    ("PUT", "/accounts/{account_id}/secrets/{key}"): {"value": "taken over"},
}
"""What to send to the operations that take a body; those of paths with an id would work for the owner."""
WAITS = {
    "wait": {"type": "wait", "params": {"key": KEY, "timeout": "10m"}, "next": {"default": "end"}},
    "end": {"type": "transform", "params": {"script": "return {got: input.value};"}},
}


@dataclass(frozen=True)
class Operation:
    """One of the published document; `path` is without `/api/v1`."""

    method: str
    path: str
    takes_body: bool

    @property
    def names(self) -> list[str]:
        """The parameters of its path."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def subject(self) -> str | None:
        """The parameter that says whose thing it is about. One that nobody has told apart fails."""
        assert not {*self.names} - {*IDS, *OTHERS}, f"{self.path}: tell tests/tenancy.py what it is about"
        about = [name for name in self.names if name in IDS]
        assert len(about) <= 1, f"{self.path} is about several things"
        return about[0] if about else None

    @property
    def body(self) -> dict[str, Any] | None:
        known = BODIES.get((self.method, self.path))
        assert not self.takes_body or known is not None, f"{self}: tell tests/tenancy.py what to send"
        return known

    def at(self, subject: str = "") -> str:
        """Its path with this id."""
        values = OTHERS | dict.fromkeys(IDS, subject)
        return FACE + self.path.format_map(values)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def published() -> list[Operation]:
    """Every operation of the second face."""
    return [
        Operation(method, path.removeprefix(FACE), "requestBody" in described)
        for method, path, described in operations("api_v1")
    ]


@dataclass(frozen=True)
class World:
    """`run` waits for a signal, `ended` has ended; both are of `flow`. The stranger has a flow and a run of its own."""

    url: str
    owner: Tenant
    stranger: Tenant
    name: str
    flow: str
    run: str
    ended: str
    own_flow: str
    own_run: str
    administers: bool = False
    """Whether the stranger is an admin."""

    def things(self, subject: str) -> list[str]:
        """What the owner has of this kind; a request that would be right is right for the first one."""
        every = {
            "flow_id": [self.flow],
            "execution_id": [self.run, self.ended],
            "account_id": [self.owner.id],
        }
        return every[subject]

    def close(self) -> None:
        self.owner.api.close()
        self.stranger.api.close()

    def as_it_is(self) -> dict[str, Any]:
        """Everything that the owner can see of what it has."""
        paths = [
            "/flows?limit=100",
            f"/flows/{self.flow}",
            f"/flows/{self.flow}/versions",
            f"/flows/{self.flow}/versions/1",
            f"/executions?flow_id={self.flow}&limit=100",
            f"/executions/{self.run}",
            f"/executions/{self.run}/logs?limit=100",
            f"/executions/{self.ended}",
            f"/executions/{self.ended}/logs?limit=100",
            f"/accounts/{self.owner.id}",
            f"/accounts/{self.owner.id}/secrets",
            f"/accounts/{self.owner.id}/secrets/{KEY}",
        ]
        return {path: expect(self.owner.api.get(FACE + path), 200) for path in paths}


def unknown(subject: str) -> str:
    """An id of this kind that nothing has."""
    return f"{IDS[subject]}{uuid4()}"


def make(url: str, owner: str = "user", stranger: str = "user") -> World:
    """Two new accounts with these roles, and what they have."""
    chief = admin(url)
    one, other = (new_tenant(url, chief, role=role) for role in (owner, stranger))
    chief.api.close()
    return _furnished(url, one, other, administers=stranger == "admin")


def _furnished(url: str, owner: Tenant, stranger: Tenant, *, administers: bool) -> World:
    secret = {"key": KEY, "value": "the owner's"}
    assert owner.api.post(f"{owner.path}/secrets", secret).status_code in (200, 201)
    name = unique("flow")
    body = {"name": name, "definition": flow(WAITS), "tags": [name], "description": name}
    made: str = expect(owner.api.post(f"{FACE}/flows", body), 201)["id"]
    run, ended = runs.start(owner.api, made, {"n": 1}), runs.start(owner.api, made, {"n": 2})
    own_flow = runs.create_flow(stranger, HELLO)
    own_run = runs.start(stranger.api, own_flow, {"name": "S"})
    runs.ended(stranger.api, own_run)
    signal(owner, ended, {"value": 1})
    runs.ended(owner.api, ended)
    return World(url, owner, stranger, name, made, run, ended, own_flow, own_run, administers)


def signal(owner: Tenant, run_id: str, body: Any, key: str = KEY) -> None:
    """Give a run what it waits for, as soon as it does wait."""
    deadline = time.monotonic() + 30
    path = f"{FACE}/executions/{run_id}/signals/{key}"
    while (answer := owner.api.post(path, body)).status_code == 409:
        assert time.monotonic() < deadline, "the run does not wait"
        time.sleep(0.05)
    expect(answer, 200)


VARIES = {"x-request-id", "date", "content-length", "traceparent"}
"""Headers that say nothing about what was asked for."""


def answered(answer: httpx.Response, *ids: str) -> tuple[Any, ...]:
    """What can be told from an answer, but for the number of the request and the ids that were in it."""
    text = answer.text
    for each in ids:
        text = text.replace(each, "<id>")
    text = text.replace(answer.headers.get("X-Request-ID", "<none>"), "<request>")
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in VARIES)
    return answer.status_code, text, headers


def attempts(operation: Operation) -> Iterator[dict[str, Any]]:
    """Requests with the right body, with none, and with wrong ones."""
    yield {} if operation.body is None else {"json": operation.body}
    if operation.method not in ("GET", "HEAD"):
        yield {}
        yield {"json": {"name": 7, "input": 7, "value": 7}}
        yield {"content": b"{", "headers": {"Content-Type": "application/json"}}
