"""Does a chain of audit entries hold? The same answer for the trail in the store and for an export (Flowker spec j.2).

Any change of a text breaks its hash, any change of a hash breaks the link of the entry behind it, and numbers without gaps
show what was removed or put in. What nothing in the chain can show is an end that was cut off or rewritten as a whole:
that takes a checkpoint, the number and hash of an entry, noted earlier in another place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flowker.model.audit import GENESIS, SEPARATOR, Entry, digest


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An entry's number and hash; number 0 is the beginning."""

    sequence: int = 0
    hash: str = GENESIS


BEGINNING = Checkpoint()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many entries were looked at, the broken one included; which number is broken, and why. `end` is the last entry
    that holds."""

    checked: int
    end: Checkpoint
    broken: int | None = None
    reason: str = ""

    @property
    def valid(self) -> bool:
        return self.broken is None


def verify(entries: Iterable[Entry], start: Checkpoint = BEGINNING) -> Verdict:
    """Recompute every hash and every link behind `start`, up to the first entry that is not as it was written."""
    checked, sequence, previous = 0, start.sequence, start.hash
    for entry in entries:
        checked += 1
        number, text, claimed, faithful = entry
        linked = text.startswith(f"{previous}{SEPARATOR}")
        if not (number == sequence + 1 and linked and faithful and digest(text) == claimed):
            end = Checkpoint(sequence, previous)
            return Verdict(checked, end, sequence + 1, _fault(entry, end))
        sequence, previous = number, claimed
    return Verdict(checked, Checkpoint(sequence, previous))


def _fault(entry: Entry, before: Checkpoint) -> str:
    """What is wrong with the entry behind `before`."""
    if entry.sequence != before.sequence + 1:
        return f"entry {before.sequence + 1} is missing or out of place"
    if not entry.intact:
        return f"entry {entry.sequence} does not match its hash"
    if entry.previous_hash != before.hash:
        return f"entry {entry.sequence} is not linked to the entry before it"
    return f"entry {entry.sequence} is listed under other terms than it was written with"
