"""Lambda for the emulated state machines: a server that invokes the functions of the checkout in this process."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from flowker_local.functions import Context, handler


class _LambdaService(BaseHTTPRequestHandler):
    """The Invoke operation of Lambda for the functions that state machines call."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        name = (
            unquote(self.path)
            .split("/functions/")[1]
            .split("/")[0]
            .rsplit(":", 1)[-1]
            .removeprefix("flowker-")
        )
        headers: Mapping[str, str] = {}
        try:
            answer = handler(name)(payload, Context(name, self.headers.get("amz-sdk-invocation-id", "")))
        except Exception as error:  # what the Lambda service does with whatever a function raises
            headers = {"X-Amz-Function-Error": "Unhandled"}
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(200)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """The functions log for themselves."""


@contextlib.contextmanager
def lambda_service() -> Iterator[str]:
    """Where it listens, as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _LambdaService)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True, name="lambda")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
