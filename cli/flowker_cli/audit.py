"""The auditor's tools: take the audit trail out of Flowker, and prove it without having to trust the server.

`export` writes the trail to a file; `verify` recomputes every hash and every link of such files, without a server. Note down
the last checkpoint each time, in another place: a later `verify --checkpoint` proves that nothing up to it was rewritten.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from flowker.model import exact_json
from flowker.model.audit_export import Finding, Line, Report, checkpoint, inspect
from flowker.model.chain import Checkpoint
from flowker_cli.failure import Failed, note
from flowker_cli.session import Session, pass_session, say, session_options

if TYPE_CHECKING:
    from flowker_cli.client import Client

VALID, BROKEN, UNUSABLE = 0, 1, 2
PAGE = 5000
"""Entries asked for at a time."""


def _checkpoints(
    context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> list[Checkpoint]:
    try:
        return [checkpoint(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group()
def audit() -> None:
    """The auditor's tools: take the audit trail out of Flowker, and prove it without having to trust the server.

    `export` writes the trail to a file; `verify` recomputes every hash and every link of such files, without a server. Note
    down the last checkpoint each time, in another place: a later `verify --checkpoint` proves that nothing up to it was
    rewritten.
    """


# --- verify ----------------------------------------------------------------------------------------------------------


@audit.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--checkpoint",
    "points",
    multiple=True,
    callback=_checkpoints,
    metavar="SEQUENCE:HASH",
    help="Noted earlier, must be in the trail; may be given several times.",
)
def verify(files: Sequence[str], points: Sequence[Checkpoint]) -> None:
    """Recompute every hash and every link of exported files, which follow each other (- is stdin), and confirm checkpoints that
    were noted earlier. Exits with 0 if all holds, 1 if something does not, 2 if a file cannot be read."""
    started = time.perf_counter()
    try:
        report = inspect(_lines(files), points)
    except OSError as error:
        note(f"cannot read {error.filename}: {error.strerror}")
        click.get_current_context().exit(UNUSABLE)
    _print_report(report, time.perf_counter() - started)
    click.get_current_context().exit(BROKEN if report.findings else VALID)


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
        click.echo(
            f"{report.checked} entries hold, {first} to {last}: every hash, every link, no gap ({seconds:.2f} s)"
        )
    else:
        click.echo("no entry was checked")
    if report.start.sequence and report.start not in report.confirmed:
        click.echo(f"  they follow {_shown(report.start)}, which these files do not prove")
    for point in report.confirmed:
        click.echo(f"  confirmed: {_shown(point)}, which was noted earlier")
    for finding in report.findings:
        click.echo(f"BROKEN{_place(finding)}: {finding.reason}")
    if report.findings:
        return
    click.echo("the trail ended there" if report.complete else "the trail goes on behind them")
    click.echo(f"valid; note down this checkpoint: {_shown(report.end)}")


def _shown(point: Checkpoint) -> str:
    return f"{point.sequence}:{point.hash}"


def _place(finding: Finding) -> str:
    entry = "" if finding.entry is None else f" at entry {finding.entry}"
    return entry + (f" ({finding.line.file}, line {finding.line.number})" if finding.line else "")


# --- export ----------------------------------------------------------------------------------------------------------


@audit.command()
@session_options(output=False)
@click.option("--url", metavar="URL", expose_value=False, callback=say, help="The same as --server.")
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="SEQUENCE", help="Begin behind this entry."
)
@click.option("--output", required=True, metavar="FILE", help="New file to write, or - for stdout.")
@pass_session
def export(session: Session, after: int, output: str) -> None:
    """Write the audit trail to a new file, page by page as Flowker gives it out. Whatever goes wrong, the file holds whole
    pages, and another export can go on behind the last of them. Exits with 0 when all entries are there, 1 if one is missing in
    the trail, 2 if the file or Flowker cannot be used."""
    code = UNUSABLE
    try:
        first = _page(session.client, after)
        with _new_file(output) as file:
            code = _write_pages(session.client, first, after, file)
    except Failed as failed:
        failed.show()
    except OSError as error:
        note(f"cannot write {error.filename or output}: {error.strerror}")
    click.get_current_context().exit(code)


def _new_file(name: str) -> "nullcontext[BinaryIO] | BinaryIO":
    """An export is evidence: none is overwritten."""
    return nullcontext(sys.stdout.buffer) if name == "-" else Path(name).open("xb")


def _write_pages(client: "Client", page: "_Page", after: int, file: BinaryIO) -> int:
    before = after
    while True:
        file.write(page.content)
        file.flush()
        if page.complete:
            click.echo(
                f"{page.end.sequence - before} entries; the last checkpoint is {_shown(page.end)}", err=True
            )
            return VALID
        if page.end.sequence == after:
            note(f"entry {after + 1} is missing in the trail")
            return BROKEN
        after = page.end.sequence
        page = _page(client, after)


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines of a page, the last checkpoint in them, and whether the trail ends there."""

    content: bytes
    end: Checkpoint
    complete: bool


def _page(client: "Client", after: int) -> _Page:
    """The page behind this entry. Raises `Failed`."""
    content = client.content("GET", "/v1/audit-events/export", query={"after": after, "limit": PAGE})
    try:
        last = exact_json.loads(content.splitlines()[-1])
        point = last["checkpoint"]
        return _Page(content, Checkpoint(int(point["sequence"]), str(point["hash"])), bool(last["complete"]))
    except (ValueError, LookupError, TypeError) as error:
        raise Failed("the server did not answer with an export") from error
