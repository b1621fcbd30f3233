"""Clients of the socket of a run, and flows whose runs last until a test lets them go on."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.accounts import Tenant
from tests.samples import unique
from tests.servers import expect

Message = dict[str, Any]

WAITS = """\
metadata:
  name: {name}
  version: 1.0.0
nodes:
  first:
    type: transform
    params:
      script: "return {{a: 1}};"
    next:
      success: waiting
  waiting:
    type: wait
    params:
      type: event
      key: go
      timeout: 10m
    next:
      default: last
  last:
    type: transform
    params:
      script: "return {{b: 2}};"
"""
"""first, then waits for the signal `go`, then last."""
STEPS = """\
metadata:
  name: {name}
  version: 1.0.0
nodes:
  only:
    type: transform
    params:
      script: "return {{a: 1}};"
"""


def create_flow(by: Tenant, definition: str = WAITS) -> str:
    """The id of a new flow."""
    name = unique("flow")
    body = {"name": name, "definition": definition.format(name=name)}
    return str(expect(by.api.post("/api/v1/flows", body), 201)["id"])


def run(by: Tenant, flow_id: str, data: Mapping[str, Any] | None = None) -> str:
    """The id of a new execution."""
    started = expect(by.api.post(f"/api/v1/flows/{flow_id}/run", {"input": data or {}}), 201)
    return str(started["execution_id"])


def go_on(by: Tenant, execution_id: str) -> None:
    """Let a run that waits for the signal `go` go on, as soon as it does wait."""
    deadline = time.monotonic() + 20
    while True:
        answer = by.api.post(f"/api/v1/executions/{execution_id}/signals/go", {})
        if answer.status_code != 409 or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    expect(answer, 200)


def address(url: str, execution_id: str, query: str = "") -> str:
    return f"{url.replace('http', 'ws', 1)}/ws/executions/{execution_id}{query}"


@contextmanager
def socket(
    url: str, by: Tenant | None, execution_id: str, query: str = "", **options: Any
) -> Iterator[ClientConnection]:
    """Follow a run with the account's token in the header."""
    headers = {} if by is None else {"Authorization": f"Bearer {by.token}"}
    with connect(
        address(url, execution_id, query),
        additional_headers=headers,
        close_timeout=2,
        max_queue=None,  # else it does not see that it is closed while there is something to be read
        **options,
    ) as found:
        yield found


def refusal(url: str, by: Tenant | None, execution_id: str, query: str = "", **options: Any) -> int:
    """The status of a handshake that fails."""
    try:
        with socket(url, by, execution_id, query, **options):
            raise AssertionError("the socket was opened")
    except InvalidStatus as refused:
        return refused.response.status_code


def receive(client: ClientConnection, seconds: float = 20) -> Message:
    message: Message = json.loads(client.recv(seconds))
    return message


def until(client: ClientConnection, kind: str, **fields: Any) -> list[Message]:
    """All messages up to the first of this type with these fields."""
    found: list[Message] = []
    while not found or found[-1]["type"] != kind or fields.items() - found[-1].items():
        found.append(receive(client))
    return found


def to_the_end(client: ClientConnection, seconds: float = 20) -> tuple[list[Message], int]:
    """All messages until the server closes, and its code."""
    found: list[Message] = []
    while True:
        try:
            found.append(receive(client, seconds))
        except ConnectionClosed as closed:
            return found, closed.rcvd.code if closed.rcvd else 1006


def sequences(messages: list[Message]) -> list[int]:
    return [message["sequence"] for message in messages]
