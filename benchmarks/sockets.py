"""Sockets on one machine: from an event to each of 200 clients, beside a bare server that only repeats messages.

A run enters a node every 100 ms and says four things about it each time, in one transaction. The time is taken from the
`timestamp` of a message, which is before it is stored, to its arrival at the client. Run it with
`python -m benchmarks.sockets`.
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn

from flowker.model.instant import instant
from flowker_local.server import listen
from tests.accounts import Tenant, admin
from tests.servers import Server, free_port
from tests.sockets import create_flow, go_on, run

CLIENTS = 200
ROUNDS = 3
NODES = 30
FLOW = """\
metadata:
  name: {name}
  version: 1.0.0
nodes:
  waiting:
    type: wait
    params: {{type: event, key: go, timeout: 10m}}
    next:
      default: pause
  pause:
    type: delay
    params: {{duration: 100ms}}
    next:
      default: count
  count:
    type: condition
    params:
      condition_script: "shared.n = (shared.n || 0) + 1; return shared.n < NODES;"
    next:
      "true": pause
""".replace("NODES", str(NODES))

_TOLD = re.compile(rb'"sequence":(\d+),"timestamp":"([^"]+)"')


def main() -> None:
    """Measure and print."""
    bare = asyncio.run(_bare())
    print(f"a bare server: p50 {bare[0]:.1f} ms, p95 {bare[1]:.1f} ms")
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "data") as server:
        tenant = admin(server.url)
        flow_id = create_flow(tenant, FLOW)
        for number in range(ROUNDS):
            p50, p95, messages = asyncio.run(_round(server, tenant, flow_id))
            print(
                f"round {number + 1}: {CLIENTS} sockets, {messages} messages each: p50 {p50:.1f} ms, p95 {p95:.1f} ms "
                f"({p95 / bare[1]:.1f} x the bare server's)"
            )
        tenant.api.close()


async def _round(server: Server, tenant: Tenant, flow_id: str) -> tuple[float, float, int]:
    execution_id = run(tenant, flow_id)
    clients = await _connected(server.port, f"/ws/executions/{execution_id}", tenant.token)
    await asyncio.sleep(1)
    for client in clients:
        client.arrived.clear()
    await asyncio.to_thread(go_on, tenant, execution_id)
    await asyncio.gather(*(client.over.wait() for client in clients))
    p50, p95 = _percentiles(clients)
    return p50, p95, len(clients[0].told())


async def _bare() -> tuple[float, float]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.sockets", str(port))
    while True:
        try:
            clients = await _connected(port, "/", "nobody")
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
        else:
            break
    await asyncio.gather(*(client.over.wait() for client in clients))
    process.terminate()
    await process.wait()
    return _percentiles(clients)


async def _connected(port: int, path: str, token: str) -> "list[_Client]":
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(CLIENTS):
        _, client = await loop.create_connection(lambda: _Client(path, token), "127.0.0.1", port)
        clients.append(client)
        await client.open
    return clients


class _Client(asyncio.Protocol):
    """A client that costs little itself: it shares this machine's cores with what is measured."""

    def __init__(self, path: str, token: str) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        self.open = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self.arrived: list[tuple[float, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        self.arrived.append((time.time(), data))
        if not self.open.done():
            assert data.startswith(b"HTTP/1.1 101"), data
            self.open.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()

    def told(self) -> list[float]:
        """How late each message was, in milliseconds. One that arrived in two parts arrived with the second."""
        found, rest = [], b""
        for at, data in self.arrived:
            text = rest + data
            end = 0
            for match in _TOLD.finditer(text):
                found.append((at - datetime.fromisoformat(match[2].decode()).timestamp()) * 1000)
                end = match.end()
            rest = text[end:]
        return found


def _percentiles(clients: "list[_Client]") -> tuple[float, float]:
    times = sorted(late for client in clients for late in client.told())
    return times[len(times) // 2], times[int(len(times) * 0.95)]


async def _repeat(port: int) -> None:
    """The bare server: says four things to all every 100 ms, then closes."""
    everybody: list[Any] = []
    done = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        everybody.append(send)
        await done.wait()
        await send({"type": "websocket.close"})

    async def say() -> None:
        while len(everybody) < CLIENTS:
            await asyncio.sleep(0.1)
        for number in range(NODES):
            await asyncio.sleep(0.1)
            at = instant(datetime.now().astimezone())
            for part in range(4):
                message = {
                    "type": "log",
                    "sequence": 4 * number + part,
                    "timestamp": at,
                    "message": "x" * 150,
                }
                text = json.dumps(message, separators=(",", ":"))
                for send in everybody:
                    await send({"type": "websocket.send", "text": text})
        done.set()

    config = uvicorn.Config(
        app, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off", log_level="critical"
    )
    saying = asyncio.create_task(say())
    await uvicorn.Server(config).serve(sockets=[listen("127.0.0.1", port)])
    saying.cancel()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(_repeat(int(sys.argv[1])))
    else:
        main()
