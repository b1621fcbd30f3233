"""Whoever changes anything in the audit trail, in the store or in an export, is found out (Flowker spec j.2, [S1])."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowker.adapters import keys
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.model.audit import GENESIS, AuditEvent, Entry, EventType, digest, link
from flowker.model.audit_export import Line, Report, end_line, entry_line, inspect, start_line
from flowker.model.chain import BEGINNING, Checkpoint, verify
from flowker.usecases.audit_trail import AuditTrail
from tests.fakes import CountingIds, ManualClock, MemoryTable
from tests.trails import Tampered, chained, event, events, trail

LENGTH = 12
NUMBERS = st.integers(1, LENGTH)
LETTERS = st.characters(exclude_categories=["Cs"])


@cache
def original() -> MemoryTable:
    """Events that were not announced in the order in which they happened."""
    order = [2, 1, 3, 7, 6, 5, 4, 8, 9, 12, 10, 11]
    return chained([event(number) for number in order])


@cache
def entries() -> tuple[Entry, ...]:
    return tuple(trail(original()))


def verdict_of(tampered: Tampered, last: int = LENGTH) -> tuple[bool, int | None]:
    """What verifying the last event says: whether all is well, and which number is not."""
    audit = AuditTrail(ItemAuditChain(tampered.table()), ManualClock(), CountingIds())
    verdict = audit.verify(entries()[last - 1].event.id)
    assert verdict.checked <= LENGTH + 1
    return verdict.valid, verdict.broken


def test_an_untouched_trail_holds() -> None:
    assert verdict_of(Tampered.of(original())) == (True, None)


# --- in the store ----------------------------------------------------------------------------------------------------

INDEXED = ("event_id", "resource_id")
"""No home takes anything but texts for them."""
STORED = ("text", "hash", "event_type", "result", "resource_id", "reached", "schema", "event_id")


@given(
    NUMBERS, st.sampled_from(STORED), st.one_of(st.text(LETTERS, max_size=5), st.integers(2, 9), st.none())
)
@settings(max_examples=200, deadline=None)
def test_another_value_of_any_attribute_is_found(number: int, name: str, value: object) -> None:
    assume(number < LENGTH or name != "event_id")  # then the last event cannot be asked for any more
    assume(name not in INDEXED or value is None or (isinstance(value, str) and value))
    tampered = Tampered.of(original())
    tampered.entry(number)[name] = value
    if value is None:
        del tampered.entry(number)[name]
    assert verdict_of(tampered) == (False, number)


@given(NUMBERS, st.data())
@settings(max_examples=300, deadline=None)
def test_another_character_anywhere_in_a_text_or_a_hash_is_found(number: int, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["text", "hash", "reached", "resource_id", "event_type", "result"]))
    tampered = Tampered.of(original())
    tampered.entry(number)[name] = _changed(str(tampered.entry(number)[name]), data)
    assert verdict_of(tampered) == (False, number)


def _changed(text: str, data: st.DataObject) -> str:
    """With a character replaced, put in or taken out."""
    position = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 1))
    letter = data.draw(st.one_of(st.sampled_from('0aA|"{}: '), LETTERS, st.just("")))
    changed = text[:position] + letter + text[position + length :]
    assume(changed != text)
    return changed


@given(
    NUMBERS,
    st.text(LETTERS, min_size=1, max_size=8),
    st.one_of(st.integers(), st.booleans(), st.text(LETTERS)),
)
@settings(max_examples=60, deadline=None)
def test_an_attribute_put_in_is_found(number: int, name: str, value: int | bool | str) -> None:
    tampered = Tampered.of(original())
    assume(name not in tampered.entry(number))
    tampered.entry(number)[name] = value
    assert verdict_of(tampered) == (False, number)


@given(NUMBERS)
def test_a_deleted_entry_is_found(number: int) -> None:
    tampered = Tampered.of(original())
    tampered.remove(number)
    assert verdict_of(tampered, last=LENGTH - (number == LENGTH)) == (False, number)


@given(NUMBERS, NUMBERS)
@settings(max_examples=60, deadline=None)
def test_entries_that_changed_places_are_found(one: int, other: int) -> None:
    assume(one != other)
    tampered = Tampered.of(original())
    first, second = dict(tampered.entry(one)), dict(tampered.entry(other))
    place = ("pk", "sk")
    tampered.entry(one).update({name: value for name, value in second.items() if name not in place})
    tampered.entry(other).update({name: value for name, value in first.items() if name not in place})
    valid, broken = verdict_of(tampered)
    assert not valid
    assert broken == min(one, other) or LENGTH in (
        one,
        other,
    )  # the last event has moved: it is asked for elsewhere


@given(st.integers(1, LENGTH - 1), st.booleans())
def test_an_entry_put_in_between_is_found(number: int, linked: bool) -> None:
    """Even one that is linked well, with all that follow moved on."""
    tampered = Tampered.of(original())
    for later in range(LENGTH, number, -1):
        tampered.move(later, later + 1)
    before = entries()[number - 1]
    new = link(event(99), number + 1, before.hash if linked else "ab" * 32)
    stored = {**tampered.entry(number), "text": new.text, "hash": new.hash, "event_id": event(99).id}
    key = keys.audit_entry(number + 1)
    tampered.items[key.pk, key.sk] = {**stored, **_listed(event(99)), "pk": key.pk, "sk": key.sk}
    valid, broken = verdict_of(tampered)
    assert not valid
    assert broken in (number + 1, number + 2)


def _listed(happened: AuditEvent) -> dict[str, str]:
    return {
        "event_type": happened.type,
        "result": happened.result,
        "resource_id": happened.resource_id,
        "reached": happened.at,
    }


@given(NUMBERS, st.data())
@settings(max_examples=100, deadline=None)
def test_an_entry_that_was_rewritten_with_its_hash_is_found_by_its_successor(
    number: int, data: st.DataObject
) -> None:
    tampered = Tampered.of(original())
    text = _changed(str(tampered.entry(number)["text"]), data)
    tampered.entry(number).update(text=text, hash=digest(text))
    valid, broken = verdict_of(tampered)
    assert not valid
    assert broken in (number, number + 1)


@given(st.integers(1, LENGTH - 1))
def test_the_event_itself_is_found_rewritten_when_it_is_verified(number: int) -> None:
    """Not only when a later one is: what follows it was linked to what it was."""
    tampered = Tampered.of(original())
    entry = entries()[number - 1]
    forged = entry.text.replace("Wörk".encode("unicode_escape").decode(), "W")
    other = link(
        event(number, metadata={"workflow.name": "forged"}, id=entry.event.id), number, entry.previous_hash
    )
    assert forged != other.text
    tampered.entry(number).update(text=other.text, hash=other.hash, **_listed(other.event))
    tampered.entry(number)["reached"] = Tampered.of(original()).entry(number)["reached"]
    audit = AuditTrail(ItemAuditChain(tampered.table()), ManualClock(), CountingIds())
    assert not audit.verify(entry.event.id).valid


@given(st.sampled_from(["sequence", "hash"]), st.integers(0, 30))
def test_a_head_that_names_another_end_is_found(name: str, number: int) -> None:
    assume(name == "hash" or number < LENGTH)
    tampered = Tampered.of(original())
    head = tampered.items[keys.CHAIN_HEAD.pk, keys.CHAIN_HEAD.sk]
    head[name] = number if name == "sequence" else digest(str(number))
    assert verdict_of(tampered) == (False, LENGTH)


@given(st.binary(max_size=30), NUMBERS)
def test_whatever_a_text_has_become_verifying_answers(raw: bytes, number: int) -> None:
    tampered = Tampered.of(original())
    tampered.entry(number)["text"] = raw.decode("utf-8", "replace")
    tampered.entry(number)["hash"] = digest(tampered.entry(number)["text"])
    valid, broken = verdict_of(tampered)
    assert not valid
    assert broken in (number, number + 1)


# --- in an export ----------------------------------------------------------------------------------------------------


def exported(chain: Sequence[Entry], page: int = 5, after: int = 0) -> list[bytes]:
    """The lines of an export of these entries, some to a page."""
    lines: list[str] = []
    last = Checkpoint(after, chain[after - 1].hash) if after else BEGINNING
    for start in range(after, len(chain), page):
        part = chain[start : start + page]
        lines += [start_line(last), *map(entry_line, part)]
        last = Checkpoint(part[-1].sequence, part[-1].hash)
        lines.append(end_line(last, complete=start + page >= len(chain)))
    return [f"{line}\n".encode() for line in lines]


def report_on(lines: Sequence[bytes], *noted: Checkpoint) -> Report:
    return inspect((Line("file", number, line) for number, line in enumerate(lines, start=1)), noted)


ENTRY_LINES = [number for number, line in enumerate(exported(entries())) if b"checkpoint" not in line]
"""Where the entries stand."""


def test_an_untouched_export_holds_and_names_its_last_checkpoint() -> None:
    last = entries()[-1]
    report = report_on(exported(entries()))
    assert (report.checked, report.findings, report.complete) == (LENGTH, [], True)
    assert (report.start, report.end) == (BEGINNING, Checkpoint(last.sequence, last.hash))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_another_byte_anywhere_in_an_export_is_found_if_it_means_anything(data: st.DataObject) -> None:
    lines = exported(entries())
    content = b"".join(lines)
    position = data.draw(st.integers(0, len(content) - 1))
    replaced = data.draw(st.integers(0, 1))
    byte = data.draw(
        st.one_of(st.sampled_from(b'0a1"{}[],:|\\ \n').map(lambda code: bytes([code])), st.binary(max_size=1))
    )
    changed = content[:position] + byte + content[position + replaced :]
    report = report_on(changed.splitlines(keepends=True))
    assert report.findings or _means_the_same(changed, content)


def _means_the_same(one: bytes, other: bytes) -> bool:
    """Space between the tokens of a line says nothing, nor does the last line end."""
    return b"".join(one.split()) == b"".join(other.split()) and one.count(b"\n") >= other.count(b"\n") - 1


@given(st.sampled_from(ENTRY_LINES), st.data())
@settings(max_examples=200, deadline=None)
def test_another_byte_in_a_line_names_its_entry(line: int, data: st.DataObject) -> None:
    lines = exported(entries())
    text = lines[line].decode().rstrip("\n")
    lines[line] = (_changed(text, data) + "\n").encode()
    number = ENTRY_LINES.index(line) + 1
    report = report_on(lines)
    if _means_the_same(lines[line], exported(entries())[line]):
        return
    (finding,) = report.findings
    assert finding.line is not None
    assert finding.entry == number or (finding.entry is None and finding.line.number >= line)
    assert report.end.sequence == number - 1


@given(st.integers(0, len(exported(entries())) - 1))
def test_a_line_that_was_taken_out_is_found(line: int) -> None:
    lines = exported(entries())
    del lines[line]
    (finding,) = report_on(lines).findings
    if line in ENTRY_LINES:
        assert finding.entry == ENTRY_LINES.index(line) + 1


@given(st.integers(0, len(exported(entries())) - 2), st.data())
@settings(max_examples=100, deadline=None)
def test_a_line_that_was_put_in_twice_or_moved_is_found(line: int, data: st.DataObject) -> None:
    lines = exported(entries())
    moved = lines[line]
    if data.draw(st.booleans()):
        del lines[line]
    lines.insert(data.draw(st.integers(0, len(lines))), moved)
    assume(lines != exported(entries()))
    assert report_on(lines).findings


@given(st.integers(0, len(b"".join(exported(entries()))) - 2))
@settings(max_examples=200, deadline=None)
def test_a_file_that_was_cut_off_is_found(length: int) -> None:
    """But not between two pages: then it says that the trail goes on."""
    content = b"".join(exported(entries()))[:length]
    report = report_on(content.splitlines(keepends=True))
    assert report.findings or not report.complete
    whole_pages = [line + 1 for line, text in enumerate(exported(entries())) if b"complete" in text]
    borders = {
        len(b"".join(exported(entries())[:line])) - ending for line in whole_pages for ending in (0, 1)
    }
    assert bool(report.findings) == (length not in borders)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_whatever_the_lines_hold_inspecting_answers(lines: list[bytes]) -> None:
    assert report_on(lines).findings


# --- with a checkpoint that was noted in another place ---------------------------------------------------------------


def _rebuilt(chain: Sequence[AuditEvent]) -> list[Entry]:
    """A trail without a flaw of these events, as a forger with all keys would make it."""
    built: list[Entry] = []
    for happened in chain:
        built.append(link(happened, len(built) + 1, built[-1].hash if built else GENESIS))
    return built


Forgery = Callable[[list[AuditEvent], int], list[AuditEvent]]
FORGERIES: list[Forgery] = [
    lambda told, number: told[: number - 1],
    lambda told, number: told[: number - 1] + told[number:],
    lambda told, number: [*told[: number - 1], event(99), *told[number - 1 :]],
    lambda told, number: [*told[: number - 1], event(99), *told[number:]],
    lambda told, number: told[: number - 1] + told[number - 1 :][::-1],
]


@given(NUMBERS, NUMBERS, st.sampled_from(range(len(FORGERIES))))
@settings(max_examples=100, deadline=None)
def test_a_trail_that_was_rewritten_as_a_whole_is_found_by_a_checkpoint_noted_before(
    number: int, noted: int, forgery: int
) -> None:
    told = [entry.event for entry in entries()]
    forged = FORGERIES[forgery](list(told), number)
    assume(forged[:noted] != told[:noted])
    rewritten = _rebuilt(forged)
    assert verify(rewritten).valid  # nothing in itself betrays it
    point = Checkpoint(noted, entries()[noted - 1].hash)
    (finding,) = report_on(exported(rewritten), point).findings if rewritten else [None]
    assert finding is None or finding.entry == noted


@given(st.lists(st.integers(0, LENGTH), max_size=4), st.integers(0, LENGTH - 1))
@settings(max_examples=60, deadline=None)
def test_checkpoints_that_were_noted_are_confirmed_by_what_was_not_rewritten(
    numbers: list[int], after: int
) -> None:
    points = [Checkpoint(number, entries()[number - 1].hash) if number else BEGINNING for number in numbers]
    report = report_on(exported(entries(), after=after), *points)
    assert report.confirmed == [point for point in points if point.sequence >= after]
    assert [finding.entry for finding in report.findings] == [
        point.sequence for point in points if point.sequence < after
    ]


@given(st.integers(1, LENGTH - 1))
def test_several_exports_that_follow_each_other_are_one(border: int) -> None:
    first, second = exported(entries()[:border]), exported(entries(), after=border)
    assert report_on([*first, *second]).checked == LENGTH
    assert report_on([*second, *first]).findings
    assert report_on([*first, *exported(entries(), after=border - 1)]).findings
    if border + 1 < LENGTH:
        (finding,) = report_on([*first, *exported(entries(), after=border + 1)]).findings
        assert finding.entry == border + 1


# --- what is hashed --------------------------------------------------------------------------------------------------

VALUES: Any = st.one_of(st.text(LETTERS), st.integers(), st.booleans())


@given(st.dictionaries(st.text(LETTERS), VALUES, max_size=4), st.sampled_from(EventType))
@settings(max_examples=100, deadline=None)
def test_an_event_is_read_from_its_text_as_it_was(metadata: dict[str, Any], kind: EventType) -> None:
    happened = event(1, kind=kind, metadata=metadata)
    entry = link(happened, 1, GENESIS)
    assert entry.event == happened
    assert entry.intact
    assert entry.text.isascii()


@given(st.lists(st.integers(1, 30), unique=True, min_size=2, max_size=2), st.text(LETTERS, max_size=9))
def test_different_events_have_different_texts(numbers: list[int], name: str) -> None:
    one, other = (event(number, metadata={"workflow.name": name}) for number in numbers)
    assert link(one, 1, GENESIS).hash != link(other, 1, GENESIS).hash


def test_events_in_a_row_are_the_ones_that_were_announced() -> None:
    assert sorted(entry.event.id for entry in entries()) == sorted(each.id for each in events(LENGTH))
