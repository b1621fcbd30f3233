"""Flowker as a user runs it: `flowker dev` in a process of its own, on a free loopback port."""

import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from statemachines.stand_ins.ports import free_port as free_port
from tests import openapi

KEY = "test-key-0123456789"
ADMIN, PASSWORD = "admin@example.com", "correct horse battery"
"""The first account of every server; see `tests/accounts.py`."""
START_SECONDS = 30.0
TLS = ssl.create_default_context()
"""One for all clients: making it takes far longer than a request."""
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    503: "Service Unavailable",
}
"""Reason phrases as the API spells them (Flowker spec a.1)."""


class Server:
    """One `flowker dev`; start it again on the same folder to see what survives."""

    def __init__(self, folder: Path, profile: str = "local", *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = [
            "dev", "--port", str(self.port), "--data-dir", str(folder), "--profile", profile,
            "--api-key", KEY, "--no-sample", "--allow-private-destinations", *options,
        ]  # fmt: skip
        self.environment = {"FLOWKER_ADMIN_EMAIL": ADMIN, "FLOWKER_ADMIN_PASSWORD": PASSWORD}
        """What it is told beyond the environment of the tests."""
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder.parent / f"{folder.name}-{profile}.log"

    def start(self) -> "Server":
        """Start and return when requests are answered."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "flowker_cli.main", *self._arguments]
            env = {**os.environ, **self.environment}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(
                    f"the server ended with {self._process.returncode}: {self.log.read_text()}"
                )
            try:
                if httpx.get(f"{self.url}/health/live", verify=TLS).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not start: {self.log.read_text()}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9`: no chance to tidy up."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait()

    def stop(self, name: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; returns the exit code."""
        os.kill(self.pid, name)
        return self._wait()

    def _wait(self) -> int:
        assert self._process is not None
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()


class Api:
    """The HTTP API as a client sees it; a fresh connection pool for each instance.

    Every answer is held to the published document, see `tests/openapi.py`. With a token, it is an account that calls.
    """

    def __init__(self, url: str, key: str | None = KEY, token: str | None = None) -> None:
        headers = {"X-API-Key": key} if key and not token else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, verify=TLS)

    def close(self) -> None:
        self.http.close()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self.http.request(method, path, **arguments)
        openapi.conforms(answer)
        return answer

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, body: Any = None, **arguments: Any) -> httpx.Response:
        content = {} if body is None else {"json": body}
        return self.request("POST", path, **content, **arguments)

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.request("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.request("PATCH", path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.request("DELETE", path)

    def results(self, execution_id: str, seconds: int = 25) -> dict[str, Any]:
        """The results of an execution once it has ended."""
        answer = self.get(f"/v1/executions/{execution_id}/results", headers={"Prefer": f"wait={seconds}"})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


def expect(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The body of an answer that has this status and, for errors, this code in the envelope of spec a.1."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    body: dict[str, Any] = answer.json() if answer.content else {}
    if code is not None:
        assert body["code"] == code, body
        assert set(body) - {"fields"} == {"code", "title", "message"}
        assert body["title"] == TITLES[status]
        assert answer.headers["Content-Type"] == "application/json"
        assert all(isinstance(text, str) for text in [body["message"], *body.get("fields", {}).values()])
    return body
