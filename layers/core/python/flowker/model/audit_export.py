"""Exports of the audit trail: newline-delimited JSON that proves itself, also to those who do not trust the server.

A page is a line `{"checkpoint": {"sequence", "hash"}}`, a line `{"sequence", "hash", "text"}` for each entry, and a line
`{"checkpoint": …, "complete"}`; the checkpoints are the entries before the first one and the last one. An export is one page
after the other. `complete` tells that the trail ended there when the page was written.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flowker.model import exact_json
from flowker.model.audit import GENESIS, Entry
from flowker.model.chain import BEGINNING, Checkpoint, verify

_HASH = re.compile("[0-9a-f]{64}", re.ASCII)


def start_line(before: Checkpoint) -> str:
    """The line before the entries of a page, without its end."""
    return exact_json.dumps({"checkpoint": {"sequence": before.sequence, "hash": before.hash}})


def entry_line(entry: Entry) -> str:
    """The line of an entry."""
    return exact_json.dumps({"sequence": entry.sequence, "hash": entry.hash, "text": entry.text})


def end_line(last: Checkpoint, complete: bool) -> str:
    """The line behind the entries of a page."""
    point = {"sequence": last.sequence, "hash": last.hash}
    return exact_json.dumps({"checkpoint": point, "complete": complete})


def checkpoint(text: str) -> Checkpoint:
    """Read `SEQUENCE:HASH`. Raises `ValueError`."""
    number, _, digest = text.partition(":")
    point = Checkpoint(int(number) if re.fullmatch("[0-9]{1,15}", number, re.ASCII) else -1, digest)
    if not _is_sound(point):
        raise ValueError(f"{text!r} is no checkpoint; expected SEQUENCE:HASH, such as 0:{GENESIS}")
    return point


class Line(NamedTuple):
    """A line and where it stands: the name of its file, and its number from 1."""

    file: str
    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: at the entry with this number if it is known, in a line if it is one's fault."""

    reason: str
    entry: int | None = None
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`checked` entries hold, from behind `start` to `end`. With `complete`, the trail ended there. `confirmed` are those of
    the checkpoints noted earlier that are in the chain."""

    checked: int
    start: Checkpoint
    end: Checkpoint
    complete: bool
    confirmed: Sequence[Checkpoint]
    findings: Sequence[Finding]


def inspect(lines: Iterable[Line], noted: Sequence[Checkpoint] = ()) -> Report:
    """Verify consecutive exports, up to the first thing that is wrong with them, and that the checkpoints noted earlier are
    in the chain. Whatever the lines hold, this raises nothing."""
    export = _Export(noted)
    entries = export.entries(iter(lines))
    first = next(entries, None)
    verdict = verify([] if first is None else _chain(first, entries), export.start)
    findings = [export.finding] if export.finding else []
    if not verdict.valid:
        findings = [Finding(verdict.reason, verdict.broken, export.line)]
    confirmed = [
        point for point in noted if point in export.confirmed and point.sequence <= verdict.end.sequence
    ]
    if not findings:
        findings = [Finding(_denied(point, export.start, verdict.end), point.sequence)
                    for point in noted if point not in confirmed]  # fmt: skip
    return Report(
        checked=verdict.end.sequence - export.start.sequence,
        start=export.start,
        end=verdict.end,
        complete=export.complete and not findings,
        confirmed=confirmed,
        findings=findings,
    )


def _chain(first: Entry, others: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from others


def _denied(point: Checkpoint, start: Checkpoint, end: Checkpoint) -> str:
    """Why a checkpoint is not confirmed by a chain that holds."""
    if start.sequence <= point.sequence <= end.sequence:
        return f"entry {point.sequence} is another one than was noted: the trail has been rewritten"
    covered = f"the files hold entries {start.sequence + 1} to {end.sequence}"
    return f"entry {point.sequence}, which was noted, cannot be confirmed: {covered}"


class _Stop(Exception):
    """A line is not what an export has in its place. `entry` is the number of the entry it is about, if of any."""

    def __init__(self, reason: str, entry: int | None = None) -> None:
        super().__init__(reason)
        self.entry = entry


@dataclass
class _Export:
    """Reads an export line by line and stops at the first line that is none, which is the finding."""

    noted: Sequence[Checkpoint]
    start: Checkpoint = BEGINNING
    complete: bool = False
    line: Line | None = None
    finding: Finding | None = None
    confirmed: set[Checkpoint] = field(default_factory=set)
    _last: tuple[int, str] | None = None
    _inside: bool = False

    def entries(self, lines: Iterator[Line]) -> Iterator[Entry]:
        """The entries as they are written; that each is linked to the one before is for others to see."""
        noted = {point.sequence for point in self.noted}
        try:
            for self.line in lines:
                entry = self._read(_document(self.line.content))
                if entry is None:
                    continue
                self._last = entry.sequence, entry.hash
                if entry.sequence in noted:
                    self.confirmed.add(Checkpoint(*self._last))
                yield entry
            if self._last is None or self._inside:
                raise _Stop("the export is cut off: it does not end with a checkpoint")
        except _Stop as stop:
            self.finding = Finding(str(stop), stop.entry, self.line)

    def _read(self, document: Any) -> Entry | None:
        """The entry of a line; None for a checkpoint."""
        match document:
            case (("sequence", int(number)), ("hash", str(digest)), ("text", str(text))) if self._inside:
                if type(number) is int:
                    return Entry(number, text, digest)
            case (("checkpoint", tuple(point)),) if not self._inside:
                self._begin(_checkpoint_of(point))
                return None
            case (("checkpoint", tuple(point)), ("complete", bool(complete))) if self._inside:
                self._same(_checkpoint_of(point))
                self._inside, self.complete = False, complete
                return None
        after = self._last[0] + 1 if self._last and self._inside else None
        raise _Stop("the line is not what an export has there, or only a part of it", after)

    def _begin(self, point: Checkpoint) -> None:
        if self._last is None:
            self.start, self._last = point, (point.sequence, point.hash)
            self.confirmed.add(point)
        self._same(point)
        self._inside = True

    def _same(self, point: Checkpoint) -> None:
        sequence, digest = self._last or (point.sequence, point.hash)
        if point.sequence != sequence:
            reason = f"the checkpoint is of entry {point.sequence}, but entry {sequence} stands before it"
            raise _Stop(reason, min(point.sequence, sequence) + 1)
        if point.hash != digest:
            raise _Stop(f"the checkpoint of entry {point.sequence} has another hash", point.sequence)


_DECODER = json.JSONDecoder(object_pairs_hook=tuple)


def _document(content: bytes) -> Any:
    """A line with its names and values in their order, each name as often as it is there; None if it is no JSON object."""
    try:
        document = _DECODER.decode(content.decode())
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, tuple) else None


def _checkpoint_of(pairs: Sequence[Any]) -> Checkpoint:
    match pairs:
        case (("sequence", int(number)), ("hash", str(digest))) if _is_sound(Checkpoint(number, digest)):
            return Checkpoint(number, digest)
    raise _Stop("the line has no sound checkpoint")


def _is_sound(point: Checkpoint) -> bool:
    if type(point.sequence) is not int or point.sequence <= 0:
        return point == BEGINNING
    return _HASH.fullmatch(point.hash) is not None
