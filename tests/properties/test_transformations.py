"""Laws of operations and of time layouts, on generated specs, documents and times."""

import contextlib
import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.expressions.layouts import Layout, Moment, UnixSeconds
from flowker.expressions.mappings import FieldMappings
from flowker.expressions.operations.registry import OPERATIONS
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.expressions.transforms import Transforms
from flowker.model import exact_json
from tests.surroundings import NOW, SURROUNDINGS

modest = settings(max_examples=150, deadline=None)

# --- generated specs: valid ones, and ones that are off by little -----------------------------------------------------

numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.sampled_from([9007199254740993, Decimal("0.10"), Decimal("1E+3")]),
)
texts = st.one_of(st.text(max_size=4), st.sampled_from(["2026-03-01T10:00:00Z", "1772359200", "\ud800", "$"]))
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
fair = st.sampled_from(["a", "b", "c", "a.b", "b.c.a", "a[0]", "a.0", "c[1].a", "d"])
odd = st.sampled_from(["b[*].a", "b[*][*]", "c[+]", "c[-].a", "a[7]", "$", "a..", "", "a[1000]"])
paths = st.one_of(fair, fair, fair, odd)
layouts = st.sampled_from(["2006-01-02T15:04:05Z07:00", "02/01/2006", "$unix", "3PM MST"])
formats = st.one_of(layouts, layouts, st.sampled_from(["$now", "yyyy", ""]))
uuids = st.fixed_dictionaries(
    {"version": st.sampled_from([3, 4, 5, 1, "4"])},
    optional={
        "namespace": st.sampled_from(["DNS", "X500", "6ba7b811-9dad-11d1-80b4-00c04fd430c8", "none", 1]),
        "names": st.lists(st.fixed_dictionaries({"path": paths}, optional={"default": values}), max_size=2),
    },
)
parts = st.one_of(st.fixed_dictionaries({"path": paths}), st.fixed_dictionaries({"value": values}))
edits = st.fixed_dictionaries({"path": paths, "characters": texts, "prefix": texts, "suffix": texts})
specs = {
    "shift": st.dictionaries(paths, st.one_of(paths, st.lists(paths, max_size=2)), max_size=3),
    "concat": st.fixed_dictionaries(
        {"sources": st.lists(parts, max_size=3), "targetPath": paths},
        optional={"delim": st.one_of(texts, values)},
    ),
    "coalesce": st.dictionaries(st.one_of(paths, st.just("ignore")), st.lists(paths, max_size=3), max_size=3),
    "extract": st.fixed_dictionaries({"path": paths}),
    "timestamp": st.dictionaries(
        paths, st.fixed_dictionaries({"inputFormat": formats, "outputFormat": formats}), max_size=2
    ),
    "uuid": st.dictionaries(paths, uuids, max_size=2),
    "default": st.dictionaries(paths, values, max_size=3),
    "delete": st.fixed_dictionaries({"paths": st.lists(paths, max_size=3)}),
}
operations = st.sampled_from(sorted(OPERATIONS)).flatmap(
    lambda name: st.fixed_dictionaries(
        {"operation": st.just(name), "spec": specs.get(name, edits)}, optional={"require": st.booleans()}
    )
)
noise = st.fixed_dictionaries(
    {"operation": st.one_of(st.sampled_from(sorted(OPERATIONS)), values), "spec": values},
    optional={"require": values},
)
lists = st.one_of(
    st.lists(operations, min_size=1, max_size=3), st.lists(st.one_of(operations, noise), max_size=3)
)
transformations = st.one_of(operations, operations, noise).map(
    lambda found: {"type": found["operation"], "config": found["spec"]}
)
mappings = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "source": paths,
            "target": paths,
            "required": st.booleans(),
            "transformation": transformations,
        },
    ),
    max_size=4,
)


def compiled(items: Any) -> list[Transforms | FieldMappings]:
    """What can be read of a list, in all the ways that there are; nothing but `MappingError` is raised."""
    found: list[Transforms | FieldMappings] = []
    for read in (Transforms.parse, FieldMappings.for_input, FieldMappings.for_output):
        with contextlib.suppress(MappingError):
            found.append(read(items))
    return found


@settings(max_examples=400, deadline=None)
@given(st.one_of(lists, mappings), st.one_of(documents, values))
def test_specs_raise_nothing_but_their_errors_and_never_change_the_document(
    items: Any, document: Any
) -> None:
    before = copy.deepcopy(document)
    given_items = copy.deepcopy(items)
    for change in compiled(items):
        with contextlib.suppress(EvaluationError):
            first = change.apply(document, SURROUNDINGS)
            assert change.apply(document, SURROUNDINGS) == first
            exact_json.dumps({"document": document, "result": first})
        assert document == before
    assert items == given_items


@modest
@given(lists, documents)
def test_roots_are_all_that_the_result_depends_on(items: Any, document: dict[str, Any]) -> None:
    for change in compiled(items):
        if "$" in change.roots:
            continue
        needed = {key: value for key, value in document.items() if key in change.roots}
        assert outcome(change, needed) == outcome(change, document)


def outcome(change: Transforms | FieldMappings, document: Any) -> Any:
    try:
        return change.apply(document, SURROUNDINGS)
    except EvaluationError as problem:
        return str(problem)


@modest
@given(numbers)
def test_numbers_survive_every_operation_digit_by_digit(number: Any) -> None:
    text = exact_json.dumps(number)
    document = {"a": exact_json.loads(text)}
    items = [
        {"operation": "shift", "spec": {"b.c[0]": "a", "all": "$"}},
        {"operation": "coalesce", "spec": {"d": ["missing", "b.c[0]"]}},
        {"operation": "default", "spec": {"e[+]": number}},
        {
            "operation": "concat",
            "spec": {"sources": [{"path": "d"}, {"value": number}], "targetPath": "f", "delim": " "},
        },
        {"operation": "delete", "spec": {"paths": ["all.b"]}},
        {"operation": "to_uppercase", "spec": {"path": "d"}},
    ]
    result = Transforms.parse(items).apply(document, SURROUNDINGS)
    expected = f'{{"b":{{"c":[{text}]}},"all":{{"a":{text}}},"d":{text},"e":[{text}],"f":"{text} {text}"}}'
    assert exact_json.dumps(result) == expected


# --- layouts ---------------------------------------------------------------------------------------------------------

instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
offsets = st.integers(-14 * 60, 14 * 60)
dates = st.sampled_from(
    [
        "2006-01-02",
        "20060102",
        "2 January 2006",
        "Jan _2, 2006",
        "2006-002",
        "Monday 02.01.2006",
        "__2 2006",
        "2006/1/2",
    ]
)
clocks = st.sampled_from(["15:04:05", "150405", "3:04:05PM", "03.04.05 pm", "15h4m5s"])
zones = st.sampled_from(["Z07:00", "-0700", "-07:00", "Z0700", "-07:00:00", "Z070000"])
fractions = st.sampled_from([".000000", ",000000000", ".999999", ",9"])


@modest
@given(instants, offsets, st.tuples(dates, clocks, zones), fractions, st.sampled_from([" ", "T", " at "]))
def test_what_a_full_layout_writes_it_reads_back(
    clock: datetime, offset: int, pieces: tuple[str, str, str], fraction: str, between: str
) -> None:
    date, time, zone = pieces
    fraction = fraction if time.endswith("05") else ""
    layout = Layout.parse(f"{date}{between}{time}{fraction} {zone}")
    at = Moment.at(clock.replace(tzinfo=UTC))
    kept = 10 ** (9 - min(len(fraction) - 1, 9)) if fraction else 10**9
    moment = Moment(at.seconds, at.nanoseconds // kept * kept, offset * 60, "" if offset else "UTC")
    text = layout.write(moment)
    assert layout.read(text) == moment
    assert layout.write(layout.read(text)) == text


@modest
@given(instants, offsets)
def test_layouts_agree_with_the_calendar_of_the_standard_library(clock: datetime, offset: int) -> None:
    aware = clock.replace(tzinfo=UTC)
    moment = Moment(Moment.at(aware).seconds, clock.microsecond * 1000, offset * 60)
    local = clock + timedelta(minutes=offset)
    written = Layout.parse("2006 01 02 002 15 04 05.000000 Mon").write(moment)
    assert written == f"{local.year:04d} " + local.strftime("%m %d %j %H %M %S.%f %a")
    assert UnixSeconds().read(UnixSeconds().write(moment)).seconds == moment.seconds


@modest
@given(
    st.text("2006150405-07:00Z.,9JanMonPMST_ 31", max_size=20), st.text("0123456789:-+ZTUC. AMP", max_size=20)
)
def test_layouts_raise_nothing_but_their_errors(layout: str, text: str) -> None:
    with contextlib.suppress(MappingError):
        parsed = Layout.parse(layout)
        written = parsed.write(Moment.at(NOW))
        for each in (text, written):
            with contextlib.suppress(EvaluationError):
                parsed.write(parsed.read(each))
