"""Sockets under load, on bad connections, and through crashes of the server (FlowRunner spec i.3)."""

import asyncio
import json
import signal
import socket as sockets
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed

from flowker_local.sockets import PATIENCE
from tests.accounts import Tenant, admin
from tests.servers import Server
from tests.sockets import address, create_flow, go_on, receive, run, sequences, socket, to_the_end, until

MANY = 200
CHATTY = """\
metadata:
  name: {name}
  version: 1.0.0
nodes:
  waiting:
    type: wait
    params: {{type: event, key: go, timeout: 10m}}
    next:
      default: loop
  loop:
    type: transform
    params:
      script: |
        var n = (shared.n || 0) + 1;
        shared.n = n;
        for (var i = 0; i < 20; i++) console.log("entry " + n + "." + i, "{filler}");
        return {{n: n}};
    next:
      success: more
  more:
    type: condition
    params:
      condition_script: "return shared.n < {rounds};"
    next:
      "true": loop
"""
"""Waits for the signal `go`, then says much."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as running:
        yield running


@pytest.fixture
def tenant(server: Server) -> Iterator[Tenant]:
    found = admin(server.url)
    yield found
    found.api.close()


def chatty(rounds: int, filler: str = "") -> str:
    return CHATTY.replace("{rounds}", str(rounds)).replace("{filler}", filler)


def test_two_hundred_sockets_are_each_told_everything_in_order(server: Server, tenant: Tenant) -> None:
    execution_id = run(tenant, create_flow(tenant, chatty(10)))
    headers = {"Authorization": f"Bearer {tenant.token}"}

    async def follow(opened: asyncio.Semaphore) -> tuple[list[int], int]:
        heard = []
        async with connect_async(
            address(server.url, execution_id), additional_headers=headers, open_timeout=60, compression=None
        ) as client:
            heard.append(json.loads(await client.recv())["sequence"])
            opened.release()
            try:
                while True:
                    heard.append(json.loads(await client.recv())["sequence"])
            except ConnectionClosed as closed:
                return heard, closed.rcvd.code if closed.rcvd else 1006

    async def follow_all() -> list[tuple[list[int], int]]:
        opened = asyncio.Semaphore(0)
        following = [asyncio.create_task(follow(opened)) for _ in range(MANY)]
        for _ in following:
            await opened.acquire()
        await asyncio.to_thread(go_on, tenant, execution_id)
        return await asyncio.gather(*following)

    found = asyncio.run(follow_all())
    total = len(found[0][0])
    assert total > 10 * 20
    assert all(each == (list(range(1, total + 1)), 1000) for each in found)


def test_reconnecting_again_and_again_loses_and_repeats_nothing(server: Server, tenant: Tenant) -> None:
    execution_id = run(tenant, create_flow(tenant, chatty(10)))
    heard: list[int] = []
    with socket(server.url, tenant, execution_id) as client:
        heard += sequences(until(client, "execution_update"))
        go_on(tenant, execution_id)
    ended = False
    while not ended:
        with socket(server.url, tenant, execution_id, f"?since={heard[-1]}") as client:
            for _ in range(7):  # then the client leaves in the middle
                try:
                    message = receive(client)
                except ConnectionClosed:
                    ended = True
                    break
                heard.append(message["sequence"])
    assert heard == list(range(1, len(heard) + 1))
    assert len(heard) > 200


def test_a_server_that_was_killed_is_followed_again_from_where_it_was(server: Server, tenant: Tenant) -> None:
    execution_id = run(tenant, create_flow(tenant))
    with socket(server.url, tenant, execution_id) as client:
        messages = until(client, "execution_update", node_id="waiting")
        server.kill()
        rest, code = to_the_end(client)
        assert code == 1006
    messages += rest
    server.start()
    with socket(server.url, tenant, execution_id, f"?since={messages[-1]['sequence']}") as client:
        go_on(tenant, execution_id)
        rest, code = to_the_end(client)
    messages += rest
    assert (code, messages[-1]["type"]) == (1000, "execution_completed")
    assert sequences(messages) == list(range(1, len(messages) + 1))


def test_a_server_that_stops_says_so(server: Server, tenant: Tenant) -> None:
    execution_id = run(tenant, create_flow(tenant))
    with socket(server.url, tenant, execution_id) as client:
        until(client, "log", message="Node started", node_id="waiting")
        assert server.stop(signal.SIGTERM) == 0
        assert to_the_end(client) == ([], 1001)
    server.start()


def test_who_says_too_much_is_shut_up(server: Server, tenant: Tenant) -> None:
    execution_id = run(tenant, create_flow(tenant))
    with socket(server.url, tenant, execution_id) as client:
        client.send("x" * 5000)
        assert to_the_end(client)[1] == 1009
    assert httpx.get(f"{server.url}/health/live").status_code == 200


def test_who_does_not_listen_is_sent_away_and_holds_up_nobody(server: Server, tenant: Tenant) -> None:
    execution_id = run(tenant, create_flow(tenant, chatty(150, filler="x" * 3000)))
    with deaf(server, tenant, execution_id) as client, socket(server.url, tenant, execution_id) as listening:
        until(listening, "execution_update")
        go_on(tenant, execution_id)
        messages, code = to_the_end(listening)
        assert (code, messages[-1]["type"]) == (1000, "execution_completed")
        time.sleep(PATIENCE + 2)
        received = b""
        client.settimeout(20)
        while part := client.recv(1 << 20):
            received += part
    assert received.endswith(b"\x88\x02\x03\xf5")  # a close frame with 1013
    assert received.count(b'"sequence":') < len(messages)


def deaf(server: Server, tenant: Tenant, execution_id: str) -> sockets.socket:
    """A client that has opened a socket and reads nothing."""
    client = sockets.socket()
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(
        f"GET /ws/executions/{execution_id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {tenant.token}\r\n\r\n".encode()
    )
    return client
