"""A run as a person watches it: a line for each thing that happens, and below them how far it is."""

import time
from collections.abc import Iterable
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

from flowker_cli.follow import Message, outcome
from flowker_cli.output import Format, Output
from flowker_cli.paths import EXECUTIONS, path
from flowker_cli.text import harmless, json_text

if TYPE_CHECKING:
    from flowker_cli.client import Client

BAR = 20
ASK = 1.0
"""Seconds between two questions how far a run is."""
_CLEAR = "\r\x1b[2K"


class Progress:
    """The last line of a terminal, or nothing where there is none: it is rewritten as the run goes on."""

    def __init__(self, client: "Client", execution_id: str, stream: TextIO) -> None:
        self._client = client
        self._path = path(EXECUTIONS, execution_id)
        self._stream = stream
        self._seen = stream.isatty()
        self._started = time.monotonic()
        self._asked = 0.0
        self._percent = 0
        self._at = ""

    def clear(self) -> None:
        if self._seen:
            self._stream.write(_CLEAR)
            self._stream.flush()

    def show(self, message: Message | None) -> None:
        """After this message; None is the time that has passed."""
        if not self._seen:
            return
        if message is not None and message["type"] == "execution_update":
            self._at = str(message.get("node_id") or "")
        if time.monotonic() - self._asked >= ASK:
            self._percent = int(self._client.get(self._path).get("progress") or 0)
            self._asked = time.monotonic()
        done = BAR * self._percent // 100
        bar = "#" * done + "-" * (BAR - done)
        seconds = time.monotonic() - self._started
        line = f"[{bar}] {self._percent:3d} %  {seconds:5.1f} s  {harmless(self._at)}"
        self._stream.write(_CLEAR + line[: get_terminal_size().columns - 1])
        self._stream.flush()


def watch(messages: Iterable[Message | None], output: Output | None, progress: Progress) -> str:
    """Show a run until it ends; returns how it did. Without an output, only the progress is shown."""
    ended = None
    try:
        for message in messages:
            if message is not None:
                ended = outcome(message)
                line = "" if output is None else _line(message, output.format)
                if output is not None and line:
                    progress.clear()
                    output.line(message, line)
            if ended is None:
                progress.show(message)
    finally:
        progress.clear()
    return ended or "running"


def _line(message: Message, shown: Format) -> str:
    """What a message says to people; empty if it is not for them. Programs get them all."""
    what, text = _said(message)
    if shown is Format.TABLE and not what:
        return ""
    where = message.get("node_id") or ""
    kind = f" ({message['node_type']})" if message.get("node_type") else ""
    return "  ".join(
        part for part in (str(message["timestamp"]), f"{what:9}", f"{where}{kind}", text) if part
    )


def _said(message: Message) -> tuple[str, str]:
    match message["type"]:
        case "log":
            important = message["level"] in ("warn", "error")
            return (message["level"], str(message["message"])) if important else ("", "")
        case "node_completed":
            return "completed", ""
        case "execution_completed":
            return "COMPLETED", json_text(message.get("result"), compact=True)
        case "execution_failed":
            return "FAILED", str(message.get("error"))
        case _:
            status = str(message.get("status"))
            return status.upper() if status == "cancelled" else status, ""


def log_line(entry: dict[str, Any], *, timestamps: bool) -> str:
    """A log entry on a line."""
    data = json_text(entry["data"], compact=True) if entry.get("data") else ""
    at = str(entry["timestamp"]) if timestamps else ""
    level, node = f"{entry['level']:5}", str(entry.get("node_id") or "-")
    return "  ".join(part for part in (at, level, node, str(entry["message"]), data) if part)
