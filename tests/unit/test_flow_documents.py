"""YAML as flows are written in: what it means as JSON, where things stand, and what is refused (FlowRunner spec c.1)."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.compiler.flows.document import MOST_BYTES, MOST_DEPTH, MOST_VALUES, parse
from flowker.errors import Diagnostic


def value(text: str) -> Any:
    """What the text means, where nothing is wrong with it."""
    tree, problems = parse(text)
    assert not problems
    assert tree is not None
    return tree.value


def problems(text: str) -> list[Diagnostic]:
    _, found = parse(text)
    assert all(each.line and each.column for each in found)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("# nothing", None),
        ("~", None),
        ("null", None),
        ("yes", True),
        ("No", False),
        ("ON", True),
        ("off", False),
        ("true", True),
        ("tRuE", "tRuE"),
        ("'yes'", "yes"),
        ("y", "y"),
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("08", "08"),
        ("0b101", 5),
        ("-0x10", -16),
        ("1_000", 1000),
        ("0_7", 7),
        ("1.10", Decimal("1.10")),
        ("1e3", Decimal("1e3")),
        ("1.5E-3", Decimal("1.5E-3")),
        (".5", Decimal("0.5")),
        ("5.", Decimal("5")),
        ("1e-9999999999", Decimal("0.0")),
        ("1.2.3", "1.2.3"),
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("12:30", "12:30"),
        ("190:20:30", "190:20:30"),
        ("+", "+"),
        ("-", [None]),
        (".", "."),
        ("0x", "0x"),
        ("0x_", "0x_"),
        ("=", "="),
        ("<<", "<<"),
        ("!!str 7", "7"),
        ("!!int '7'", 7),
        ("!!float 7", Decimal("7.0")),
        ("!!bool 'no'", False),
        ("!!null ''", None),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1]", [1]),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
    ],
)
def test_scalars_mean_what_json_knows(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_numbers_keep_their_kind_and_their_digits() -> None:
    found = value("{whole: 1, part: 1.0, exact: 0.10}")
    assert type(found["whole"]) is int
    assert str(found["part"]) == "1.0"
    assert str(found["exact"]) == "0.10"


def test_keys_are_names_as_they_were_written() -> None:
    text = "{true: 1, no: 2, 200: 3, null: 4, 1.10: 5, 2026-01-01: 6, 012: 7, ~: 8}"
    assert list(value(text)) == ["true", "no", "200", "null", "1.10", "2026-01-01", "012", "~"]


def test_the_text_of_a_scalar_is_kept_beside_its_value() -> None:
    tree, _ = parse("{version: 1.10, id: yes}")
    assert tree is not None
    assert tree.entries["version"].text == "1.10"
    assert tree.entries["id"].text == "yes"


def test_everything_knows_the_place_of_its_key() -> None:
    tree, _ = parse("a:\n  b:\n    - 1\n    - {c: 2}\n")
    assert tree is not None
    places = {
        (): (1, 1),
        ("a",): (1, 1),
        ("a", "b"): (2, 3),
        ("a", "b", "0"): (3, 7),
        ("a", "b", "1"): (4, 7),
        ("a", "b", "1", "c"): (4, 8),
        ("a", "b", "7", "nothing"): (2, 3),
    }
    for path, place in places.items():
        found = tree.at(path)
        assert (found.line, found.column) == place


def test_columns_count_characters() -> None:
    (found,) = problems('"ä€😀": 1\n"ä€😀": 2')
    assert (found.line, found.column) == (2, 1)
    (found,) = problems('["ä€😀", !x 1]')
    assert (found.line, found.column) == (1, 9)


def test_aliases_are_expanded() -> None:
    text = "base: &b {url: u, items: [1]}\none: *b\nkey: &k name\n*k : x\n? &q asked\n: *q\n"
    assert value(text) == {
        "base": {"url": "u", "items": [1]},
        "one": {"url": "u", "items": [1]},
        "key": "name",
        "name": "x",
        "asked": "asked",
    }


def test_a_merge_brings_in_what_is_not_there() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 9}\nd: {<<: *a, '<<': text}\n"
    found = value(text)
    assert found["c"] == {"x": 9, "y": 1, "z": 2}
    assert found["d"] == {"x": 1, "y": 1, "<<": "text"}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1, 2", 1, 9),
        ("a: b: c", 1, 5),
        ("a:\n\t- b", 2, 1),
        ("a: 'open", 1, 9),
        ("a: *nothing", 1, 4),
        ("a: &a [*a]", 1, 8),
        ("{a: 1}\n---\n{b: 2}", 2, 1),
        ("? [a]\n: b", 1, 3),
        ("? {a: b}\n: b", 1, 3),
        ("a: \x07", 1, 4),
        ("a:\n  b: \ud800", 2, 6),
        ("%YAML 3.0\n---\na", 1, 1),
        ("a: .inf", 1, 4),
        ("a: -.INF", 1, 4),
        ("a: .nan", 1, 4),
        ("a: 1e999", 1, 4),
        (f"a: {'9' * 101}", 1, 4),
        (f"a: 0.{'9' * 101}", 1, 4),
        ("a: 1\na: 2", 2, 1),
        ("a: {b: 1, 'b': 2}", 1, 11),
        ("a: !custom 1", 1, 4),
        ("a: ! 1", 1, 4),
        ("a: !!python/object/apply:os.system ['id']", 1, 4),
        ("a: !!python/name:os.system ''", 1, 4),
        ("a: !!binary aGVsbG8=", 1, 4),
        ("a: !!set {x: }", 1, 4),
        ("a: !!omap [x: 1]", 1, 4),
        ("a: !!timestamp 2026-01-01", 1, 4),
        ("a: !!int x", 1, 4),
        ("a: !!int 'yes'", 1, 4),
        ("a: !!str [1]", 1, 4),
        ("!!str a: 1", 1, 1),
        ("<<: 1", 1, 1),
        ("<<: [1]", 1, 1),
        ("<<: {a: 1}\n<<: {b: 1}", 2, 1),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, column: int) -> None:
    (found,) = problems(text)
    assert found.code == "yaml_syntax"
    assert (found.line, found.column) == (line, column)


def test_all_problems_are_told_at_once() -> None:
    found = problems("a: !x 1\nb: 1\nb: 2\nc: .inf\nd: [")
    assert [each.line for each in found] == [1, 3, 4, 5]
    assert found[1].message == "the key 'b' stands here twice, first in line 2"


def test_a_problem_names_the_way_to_it() -> None:
    (found,) = problems("nodes: {fetch: {params: {items: [1, !x 2]}}}")
    assert found.pointer == "nodes.fetch.params.items.1"


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_nesting_is_bounded() -> None:
    assert problems(nested(MOST_DEPTH)) == []
    (found,) = problems(nested(MOST_DEPTH + 1))
    assert found.code == "limit_exceeded"
    assert found.column == MOST_DEPTH + 1
    assert problems("[" * 200_000)[0].code == "limit_exceeded"
    assert problems("- " * 100_000)[0].code == "limit_exceeded"
    assert problems("? " * 100_000)[0].code in ("limit_exceeded", "yaml_syntax")


def test_aliases_cannot_nest_deeper_than_what_is_written() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40)]
    (found,) = problems("\n".join(lines))
    assert found.code == "limit_exceeded"
    assert found.line == MOST_DEPTH


def test_aliases_cannot_stand_for_more_than_a_document_holds() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (found,) = problems("\n".join(lines))
    assert found.code == "limit_exceeded"
    assert found.message == "the aliases stand for too much"


def test_a_long_text_cannot_be_repeated_without_end() -> None:
    (found,) = problems(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 20)}]")
    assert found.code == "limit_exceeded"


def test_merges_count_as_aliases() -> None:
    lines = [f"m0: &m0 {{{', '.join(f'k{n}: x' for n in range(500))}}}"]
    lines += [f"m{n}: &m{n} {{<<: *m{n - 1}, n{n}: 1}}" for n in range(1, 200)]
    (found,) = problems("\n".join(lines))
    assert found.code == "limit_exceeded"


def test_the_text_is_bounded_in_bytes() -> None:
    assert problems(f"a: {'x' * (MOST_BYTES - 3)}") == []
    assert problems(f"a: {'x' * (MOST_BYTES - 2)}")[0].code == "limit_exceeded"
    assert problems(f"a: {'ä' * (MOST_BYTES // 2 - 1)}")[0].code == "limit_exceeded"


def test_values_are_counted() -> None:
    assert problems(f"[{'1,' * (MOST_VALUES - 2)}1]") == []
    assert problems(f"[{'1,' * (MOST_VALUES - 1)}1]")[0].code == "limit_exceeded"


def test_a_mark_before_the_text_is_no_part_of_it() -> None:
    assert value("\ufeffa: 1") == {"a": 1}
