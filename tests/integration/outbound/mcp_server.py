"""An MCP server on this machine, made with the official package: the other side of the node type `mcp`."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic, sleep
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer

TOKEN = "m3p-s3cret-t0ken"


@dataclass
class Seen:
    """The requests that reached the server, as (method, headers)."""

    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def headers(self, name: str) -> list[str | None]:
        return [headers.get(name) for _, headers in self.requests]


class Guarded:
    """Lets only requests with the token in, and remembers them all."""

    def __init__(self, app: Any, seen: Seen) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            self._seen.requests.append((scope["method"], headers))
            if headers.get("authorization") != f"Bearer {TOKEN}":
                body = (
                    f'{{"error":{{"code":-32001,"message":"bad {headers.get("authorization")}"}}}}'.encode()
                )
                kind = [(b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": 401, "headers": kind})
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)


def offers() -> MCPServer:
    server = MCPServer("parcels", version="3")

    @server.tool()
    def track(code: str, desk: str = "north") -> dict[str, str]:
        """Where is this parcel?"""
        return {"code": code, "place": "Basel", "desk": desk}

    @server.tool()
    def lose(code: str) -> str:
        """Always fails."""
        raise ValueError(f"{code} is lost")

    @server.resource("parcel://rules")
    def rules() -> str:
        return "No liquids."

    @server.prompt()
    def apology(name: str) -> str:
        """Says sorry."""
        return f"Sorry, {name}."

    return server


@contextmanager
def mcp_server(**options: Any) -> Iterator[tuple[str, Seen]]:
    """The endpoint of a server, and what reaches it."""
    seen = Seen()
    listener = socket.create_server(("127.0.0.1", 0))
    app = Guarded(offers().streamable_http_app(**options), seen)
    config = uvicorn.Config(app, log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until = monotonic() + 10
        while not server.started and monotonic() < until:
            sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", seen
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
