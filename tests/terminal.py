"""The command line as somebody at a terminal uses it, in this process: with a folder of their own for what is kept."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from click.testing import CliRunner, Result

from flowker.model import exact_json
from flowker_cli.main import flowker

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""
COMMAND = [sys.executable, "-m", "flowker_cli.main"]
UNSET = ("FLOWKER_SERVER", "FLOWKER_TOKEN", "FLOWKER_API_KEY", "FLOWKER_OUTPUT", "XDG_CONFIG_HOME")


class Terminal:
    """Runs commands against a server; nothing is shared with other terminals."""

    def __init__(self, folder: Path, server: str | None = None, **variables: str) -> None:
        self.folder = folder / "flowker"
        self.variables = {"XDG_CONFIG_HOME": str(folder), **variables}
        if server is not None:
            self.variables["FLOWKER_SERVER"] = server

    def run(self, *arguments: object, stdin: str | None = None, code: int = 0) -> Result:
        """What a command printed; it must exit with this code."""
        cleared: dict[str, str | None] = dict.fromkeys(UNSET)
        done = CliRunner().invoke(
            flowker, [str(each) for each in arguments], input=stdin, env=cleared | self.variables
        )
        assert done.exit_code == code, f"{done.exit_code}: {done.stdout}{done.stderr}{done.exc_info}"
        return done

    def says(self, *arguments: object, stdin: str | None = None) -> str:
        """What it printed on stdout, having done it."""
        return self.run(*arguments, stdin=stdin).stdout

    def json(self, *arguments: object, stdin: str | None = None, code: int = 0) -> Any:
        """The same as a document."""
        return exact_json.loads(
            self.run("--output", "json", *arguments, stdin=stdin, code=code).stdout.encode()
        )

    def fails(self, *arguments: object, stdin: str | None = None) -> str:
        """The reason on stderr, with exit code 1 and nothing on stdout."""
        done = self.run(*arguments, stdin=stdin, code=1)
        assert done.stdout == ""
        assert done.stderr.startswith("flowker: ")
        return done.stderr

    def misunderstands(self, *arguments: object) -> str:
        """What it says about arguments that make no sense, with exit code 2."""
        done = self.run(*arguments, code=2)
        assert done.stdout == ""
        return done.stderr

    def environment(self) -> dict[str, str]:
        """For the same command as a process of its own."""
        return {name: value for name, value in os.environ.items() if name not in UNSET} | self.variables


class Canned(BaseHTTPRequestHandler):
    """Answers in turn with what the server was given, and notes what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        server: Any = self.server
        length = int(self.headers.get("Content-Length") or 0)
        server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        status, headers, content = server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def canned(*answers: Answer) -> Iterator[Any]:
    """A server that gives these answers; `url`, and in `seen` method, path, headers and body of each request."""
    with HTTPServer(("127.0.0.1", 0), Canned) as server:
        running: Any = server
        running.answers, running.seen = list(answers), []
        running.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
