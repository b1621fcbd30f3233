"""The auditor's tools: take the audit trail out of Flowker, and prove it without having to trust the server.

`export` writes the trail to a file; `verify` recomputes every hash and every link of such files, without a server. Note down
the last checkpoint each time, in another place: a later `verify --checkpoint` proves that nothing up to it was rewritten.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from flowker.model import exact_json
from flowker.model.audit_export import Finding, Line, Report, checkpoint, inspect
from flowker.model.chain import Checkpoint

VALID, BROKEN, UNUSABLE = 0, 1, 2
PAGE = 5000
"""Entries asked for at a time."""
PATIENCE = 60.0
"""Seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs of `flowker audit` and their options."""
    verbs = parser.add_subparsers(dest="audit_verb", required=True, metavar="VERB")
    export = verbs.add_parser("export", help="write the audit trail to a file", description=_export.__doc__)
    export.set_defaults(run_audit=_export)
    export.add_argument("--url", required=True, help="address of Flowker, such as http://127.0.0.1:8080")
    export.add_argument(
        "--api-key", default=os.environ.get("FLOWKER_API_KEY"), help="key to send (default: $FLOWKER_API_KEY)"
    )
    export.add_argument(
        "--after",
        type=_number,
        default=0,
        metavar="SEQUENCE",
        help="begin behind this entry (default: at the first)",
    )
    export.add_argument(
        "--output", required=True, metavar="FILE", help="new file to write, or - for standard output"
    )
    verify = verbs.add_parser("verify", help="prove exported files", description=_verify.__doc__)
    verify.set_defaults(run_audit=_verify)
    verify.add_argument("files", nargs="+", metavar="FILE", help="consecutive exports; - is standard input")
    verify.add_argument(
        "--checkpoint",
        type=_checkpoint,
        action="append",
        default=[],
        metavar="SEQUENCE:HASH",
        help="noted earlier, must be in the trail; may be given several times",
    )


def run(options: argparse.Namespace) -> int:
    """Returns 0 if all is well, 1 if the trail is broken, 2 with one line on stderr if nothing can be said."""
    code: int = options.run_audit(options)
    return code


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of an entry")
    return int(text)


def _checkpoint(text: str) -> Checkpoint:
    try:
        return checkpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _say(text: str) -> None:
    print(text, file=sys.stderr)


# --- verify ----------------------------------------------------------------------------------------------------------


def _verify(options: argparse.Namespace) -> int:
    """Recompute every hash and every link of exported files, which follow each other, and confirm checkpoints that were
    noted earlier. Exits with 0 if all holds, 1 if something does not, 2 if a file cannot be read."""
    started = time.perf_counter()
    try:
        report = inspect(_lines(options.files), options.checkpoint)
    except OSError as error:
        _say(f"flowker: cannot read {error.filename}: {error.strerror}")
        return UNUSABLE
    _print_report(report, time.perf_counter() - started)
    return BROKEN if report.findings else VALID


def _lines(files: Sequence[str]) -> Iterator[Line]:
    for name in files:
        shown = "standard input" if name == "-" else name
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
            for number, content in enumerate(_text(file, shown), start=1):
                yield Line(shown, number, content)


def _text(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of a file. Raises `OSError` with its name."""
    try:
        yield from file
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error


def _print_report(report: Report, seconds: float) -> None:
    if report.checked:
        first, last = report.start.sequence + 1, report.end.sequence
        print(
            f"{report.checked} entries hold, {first} to {last}: every hash, every link, no gap ({seconds:.2f} s)"
        )
    else:
        print("no entry was checked")
    if report.start.sequence and report.start not in report.confirmed:
        print(f"  they follow {_shown(report.start)}, which these files do not prove")
    for point in report.confirmed:
        print(f"  confirmed: {_shown(point)}, which was noted earlier")
    for finding in report.findings:
        print(f"BROKEN{_place(finding)}: {finding.reason}")
    if report.findings:
        return
    print("the trail ended there" if report.complete else "the trail goes on behind them")
    print(f"valid; note down this checkpoint: {_shown(report.end)}")


def _shown(point: Checkpoint) -> str:
    return f"{point.sequence}:{point.hash}"


def _place(finding: Finding) -> str:
    entry = "" if finding.entry is None else f" at entry {finding.entry}"
    return entry + (f" ({finding.line.file}, line {finding.line.number})" if finding.line else "")


# --- export ----------------------------------------------------------------------------------------------------------


class _Unusable(Exception):
    """The message is one line for the person at the terminal."""


def _export(options: argparse.Namespace) -> int:
    """Write the audit trail to a new file, page by page as Flowker gives it out. Whatever goes wrong, the file holds whole
    pages, and another export can go on behind the last of them. Exits with 0 when all entries are there, 1 if one is missing
    in the trail, 2 if the file or Flowker cannot be used."""
    try:
        with closing(_Flowker(options.url, options.api_key)) as flowker:
            first = flowker.page(options.after)
            with _new_file(options.output) as file:
                return _write_pages(flowker, first, options.after, file)
    except _Unusable as error:
        _say(f"flowker: {error}")
    except OSError as error:
        _say(f"flowker: cannot write {error.filename}: {error.strerror}")
    return UNUSABLE


def _new_file(name: str) -> "nullcontext[BinaryIO] | BinaryIO":
    """An export is evidence: none is overwritten."""
    return nullcontext(sys.stdout.buffer) if name == "-" else Path(name).open("xb")


def _write_pages(flowker: "_Flowker", page: "_Page", after: int, file: BinaryIO) -> int:
    before = after
    while True:
        file.write(page.content)
        if page.complete:
            _say(f"{page.end.sequence - before} entries; the last checkpoint is {_shown(page.end)}")
            return VALID
        if page.end.sequence == after:
            _say(f"flowker: entry {after + 1} is missing in the trail")
            return BROKEN
        after = page.end.sequence
        page = flowker.page(after)


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines of a page, the last checkpoint in them, and whether the trail ends there."""

    content: bytes
    end: Checkpoint
    complete: bool


class _Flowker:
    """The export route of a server; `close` it. Raises `_Unusable`. A key is sent to no other server: redirections are not
    followed."""

    def __init__(self, url: str, api_key: str | None) -> None:
        try:
            parts = urlsplit(url)
            kind = {"http": HTTPConnection, "https": HTTPSConnection}[parts.scheme]
            self._connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
        except (ValueError, LookupError, HTTPException) as error:
            raise _Unusable(f"{url} is not the address of a server") from error
        self._url = url
        self._path = f"{parts.path.rstrip('/')}/v1/audit-events/export"
        self._headers = {"X-API-Key": api_key} if api_key else {}

    def close(self) -> None:
        self._connection.close()

    def page(self, after: int) -> _Page:
        """The page behind this entry."""
        query = urlencode({"after": after, "limit": PAGE})
        try:
            self._connection.request("GET", f"{self._path}?{query}", headers=self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            raise _Unusable(f"cannot use {self._url}: {error}") from error
        if answer.status != HTTPStatus.OK:
            raise _Unusable(f"the server answered {answer.status} {answer.reason}{_reason(content)}")
        try:
            last = exact_json.loads(content.splitlines()[-1])
            point = last["checkpoint"]
            return _Page(
                content, Checkpoint(int(point["sequence"]), str(point["hash"])), bool(last["complete"])
            )
        except (ValueError, LookupError, TypeError) as error:
            raise _Unusable("the server did not answer with an export") from error


def _reason(content: bytes) -> str:
    """Code and message of an error document; nothing of any other answer."""
    try:
        document = exact_json.loads(content)
        return f": {document['code']} {document['message']}"
    except (ValueError, LookupError, TypeError):
        return ""
