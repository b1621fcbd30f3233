"""The socket of a run (FlowRunner spec i): every message once, in its order, also if the connection breaks off meanwhile."""

import time
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from flowker.model import exact_json
from flowker_cli.client import Client
from flowker_cli.paths import path

Message = dict[str, Any]

QUIET = 0.5
"""Seconds until None comes."""
RECONNECTIONS = 5
"""How often in a row it may break off before anything has come."""


class NoSocket(Exception):
    """There is none, or it breaks off all the time."""


def messages(client: Client, execution_id: str) -> Iterator[Message | None]:
    """Everything from the start of the run on, for ever: whoever reads stops at the last message. Raises `NoSocket`."""
    since, failures, opened = 0, 0, False
    while True:
        before = since
        try:
            with _opened(client, execution_id, since) as socket:
                opened = True
                for message in _received(socket, since):
                    since = since if message is None else message["sequence"]
                    yield message
        except (OSError, WebSocketException, ValueError) as error:
            if not opened or isinstance(error, InvalidHandshake) or failures == RECONNECTIONS:
                raise NoSocket(str(error) or type(error).__name__) from error
        failures = 0 if since > before else failures + 1
        time.sleep(QUIET * failures)


def _opened(client: Client, execution_id: str, since: int) -> ClientConnection:
    address = f"ws{client.server.removeprefix('http')}{path('/ws/executions', execution_id)}?since={since}"
    return connect(address, additional_headers=client.bearer(), close_timeout=2, max_queue=None)


def _received(socket: ClientConnection, since: int) -> Iterator[Message | None]:
    """What is new, in its order."""
    while True:
        try:
            found = exact_json.loads(socket.recv(QUIET))
        except TimeoutError:
            yield None
            continue
        if isinstance(found, dict) and found.get("sequence", 0) > since:
            since = found["sequence"]
            yield found
