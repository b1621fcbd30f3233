"""Following a run: every message once and in order, whatever happens to the socket, and without one as well."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from flowker_cli.client import Client
from flowker_cli.follow import follow, outcome
from flowker_cli.monitor import Progress, watch
from tests.servers import free_port
from tests.terminal import Answer, Terminal, canned

Message = dict[str, Any]
AT = "2026-01-01T00:00:00.000Z"
RUNNING = b'{"id":"exec-1","status":"running","current_node":"a","progress":50,"started_at":"2026-01-01T00:00:00.000Z"}'
ENDED: Message = {"id": "exec-1", "started_at": AT, "completed_at": AT, "current_node": "a"}


def message(sequence: int, kind: str = "log", **fields: Any) -> str:
    shown = {"level": "info", "message": f"entry {sequence}", "node_id": "a"} if kind == "log" else {}
    return json.dumps(
        {"type": kind, "execution_id": "exec-1", "sequence": sequence, "timestamp": AT, **shown, **fields}
    )


def last(sequence: int) -> str:
    return message(sequence, "execution_completed", status="completed", result={"done": True})


@contextmanager
def sockets(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A server of sockets; the address as a server of Flowker."""
    with serve(handle, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def followed(address: str, **options: Any) -> list[Message]:
    client = Client(address, token="t0ken")
    try:
        found = follow(client, "exec-1", **{"poll": False, "interval": 0.05, **options})
        return [each for each in found if each is not None]
    finally:
        client.close()


def test_a_socket_that_breaks_off_is_opened_again_where_it_was() -> None:
    asked = []

    def handle(socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        asked.append((request.path, request.headers["Authorization"]))
        if len(asked) == 1:
            socket.send(message(1))
            socket.send(message(2))
            socket.close(1011)
        else:
            for sequence in (2, 3):
                socket.send(message(sequence))
            socket.send(last(4))
            socket.recv()

    with sockets(handle) as address:
        found = followed(address)
    assert [each["sequence"] for each in found] == [1, 2, 3, 4]
    assert asked == [
        ("/ws/executions/exec-1?since=0", "Bearer t0ken"),
        ("/ws/executions/exec-1?since=2", "Bearer t0ken"),
    ]


def test_messages_that_make_no_sense_are_left_out() -> None:
    def handle(socket: ServerConnection) -> None:
        for text in ('"x"', '{"type":"pong"}', message(1), message(1), last(2)):
            socket.send(text)
        socket.recv()

    with sockets(handle) as address:
        assert [each["sequence"] for each in followed(address)] == [1, 2]


def run_document(status: str, **fields: Any) -> bytes:
    return json.dumps({**ENDED, "status": status, **fields}).encode()


def logs(*entries: int) -> bytes:
    shown = [
        {"timestamp": AT, "level": "info", "message": f"entry {each}", "node_id": "a"} for each in entries
    ]
    return json.dumps({"logs": shown, "total": max(entries, default=0), "limit": 100, "offset": 0}).encode()


def test_without_a_socket_it_asks_again_and_again(tmp_path: Path) -> None:
    answers = [
        b"no socket here",
        RUNNING,
        RUNNING,
        logs(1),
        run_document("completed", result=1),
        logs(2),
    ]
    statuses = [404, *[200] * 5]
    with canned(*[(status, {}, text) for status, text in zip(statuses, answers, strict=True)]) as server:
        terminal = Terminal(tmp_path, server.url, FLOWKER_TOKEN="t0ken")
        done = terminal.run("--output", "json", "execution", "monitor", "exec-1", "--interval", "0.05")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["type"] for each in found] == ["log", "execution_update", "log", "execution_completed"]
    assert [each["message"] for each in found if each["type"] == "log"] == ["entry 1", "entry 2"]
    assert "no socket" in done.stderr
    assert [seen[1] for seen in server.seen if "logs" in seen[1]] == [
        "/api/v1/executions/exec-1/logs?limit=100&offset=0",
        "/api/v1/executions/exec-1/logs?limit=100&offset=1",
    ]


def test_a_server_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, f"http://127.0.0.1:{free_port()}", FLOWKER_TOKEN="t")
    started = time.monotonic()
    assert "cannot reach" in terminal.fails("execution", "monitor", "exec-1")
    assert time.monotonic() - started < 2


def test_what_is_not_there_is_told_as_the_server_tells_it(tmp_path: Path) -> None:
    missing: Answer = (404, {}, b'{"error":{"code":"not_found","message":"no such execution"}}')
    with canned((404, {}, b""), missing) as server:
        said = Terminal(tmp_path, server.url, FLOWKER_TOKEN="t").fails("execution", "monitor", "exec-1")
    assert said == "flowker: not_found: no such execution\n"


@pytest.mark.parametrize(
    ("status", "code", "fields", "shown"),
    [
        ("completed", 0, {"result": {"x": 1}}, 'COMPLETED  {"x":1}'),
        (
            "failed",
            1,
            {"error": "no way", "error_details": {"node_id": "a", "node_type": "t"}},
            "FAILED     a (t)  no way",
        ),
        ("cancelled", 1, {}, "CANCELLED  a"),
    ],
)
def test_how_a_run_ended_is_how_monitoring_it_ends(
    status: str, code: int, fields: Message, shown: str, tmp_path: Path
) -> None:
    with canned((200, {}, run_document(status, **fields)), (200, {}, logs())) as server:
        terminal = Terminal(tmp_path, server.url, FLOWKER_TOKEN="t")
        done = terminal.run("execution", "monitor", "exec-1", "--poll", code=code)
    assert done.stdout == f"{AT}  {shown}\n"


class Screen:
    """A terminal that remembers what was written to it."""

    def __init__(self, *, terminal: bool) -> None:
        self.written = ""
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None:
        """All is written."""


def watched(screen: Any) -> str:
    with canned(*[(200, {}, RUNNING)] * 2) as server:
        client = Client(server.url, token="t")
        messages = [
            json.loads(message(1, "execution_update", status="running", node_id="first")),
            None,
            json.loads(last(2)),
        ]
        ended = watch(messages, None, Progress(client, "exec-1", screen))
        client.close()
    return ended


def test_progress_is_one_line_that_is_gone_in_the_end() -> None:
    screen = Screen(terminal=True)
    assert watched(screen) == "completed"
    assert "[##########----------]  50 %" in screen.written
    assert "first" in screen.written
    assert screen.written.endswith("\r\x1b[2K")
    assert "\n" not in screen.written


def test_where_there_is_no_terminal_no_progress_is_shown() -> None:
    screen = Screen(terminal=False)
    assert watched(screen) == "completed"
    assert screen.written == ""


def test_only_the_last_message_tells_how_it_ended() -> None:
    assert outcome(json.loads(message(1, "execution_update", status="running"))) is None
    assert outcome(json.loads(message(1, "execution_update", status="cancelled"))) == "cancelled"
    assert outcome(json.loads(last(1))) == "completed"


def test_whoever_stops_waiting_is_told_which_run_goes_on(tmp_path: Path) -> None:
    started = b'{"execution_id":"exec-1","flow_id":"flow-1","status":"running","created_at":"2026-01-01T00:00:00.000Z"}'
    with canned((201, {}, started), (404, {}, b""), (500, {}, b"")) as server:
        terminal = Terminal(tmp_path, server.url, FLOWKER_TOKEN="t0ken")
        said = terminal.fails("flow", "run", "flow-1", "--wait")
    assert "answered 500" in said
    assert "exec-1 goes on" in said


def test_whoever_stops_waiting_is_told_which_execution_goes_on(tmp_path: Path) -> None:
    execution = "0b9b9d5e-5c5d-4d8e-a3f5-0f2a5a1c7d11"
    started = json.dumps({"executionId": execution, "status": "pending"}).encode()
    with canned((201, {}, started), (500, {}, b"")) as server:
        terminal = Terminal(tmp_path, server.url, FLOWKER_API_KEY="k3y")
        said = terminal.fails("workflow", "execute", "w", "--wait")
    assert f"{execution} goes on" in said
