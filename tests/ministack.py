"""MiniStack, which imitates DynamoDB more strictly than moto and under threads, in a process of its own."""

import subprocess
import time
from pathlib import Path
from types import TracebackType

import httpx

from tests.servers import TLS, free_port

COMMAND = Path(__file__).parent.parent / "build" / "ministack" / "bin" / "ministack"
INSTALLED = COMMAND.parent.parent / "installed"
"""Left behind by `make test` when everything is there."""

_START_SECONDS = 60.0


class MiniStack:
    """One server on a free loopback port; with it, everything that was stored is gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "MiniStack":
        log = self._folder / "ministack.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(COMMAND)], env=self._environment(), cwd=self._folder, stdout=output, stderr=output
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise AssertionError(f"MiniStack did not start:\n{log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _environment(self) -> dict[str, str]:
        """Only DynamoDB, only on the loopback interface, and no look at the containers of this machine."""
        return {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "SERVICES": "dynamodb",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{self._folder}/no-docker",
            "LOG_LEVEL": "WARNING",
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
        }

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/_ministack/ready", trust_env=False, verify=TLS).is_success
        except httpx.TransportError:
            return False
