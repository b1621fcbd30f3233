"""What the command line prints: tables for people, JSON for programs, and nothing that a terminal could take for a command."""

from pathlib import Path

import pytest

from flowker.model import exact_json
from flowker_cli.output import cell, table
from flowker_cli.text import harmless, json_text, width
from tests.terminal import Terminal, canned


def test_columns_are_aligned_whatever_the_letters() -> None:
    lines = [*table(["NAME", "N"], [["café", "1"], ["注文", "2"], ["e\u0301", "3"], ["longer name", "4"]])]
    assert lines == [
        "NAME         N",
        "café         1",
        "注文         2",
        "e\u0301            3",
        "longer name  4",
    ]
    assert {width(line) for line in lines} == {14}


def test_an_empty_list_has_a_heading() -> None:
    assert [*table(["ID", "NAME"], [])] == ["ID  NAME"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("text", "text"),
        (True, "true"),
        (["a", "b"], "a, b"),
        ([], "[]"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (exact_json.loads("0.10"), "0.10"),
        ("two\nlines", "two\\u000alines"),
    ],
)
def test_a_cell_is_one_line(value: object, shown: str) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b2J", "\x07", "\r", "\u202e", "\u2028", "\x00", "\x7f"])
def test_nothing_that_a_server_says_commands_the_terminal(text: str) -> None:
    assert text not in harmless(f"a{text}b")
    assert text not in json_text({"a": f"a{text}b"})
    assert exact_json.loads(json_text({"a": f"a{text}b"})) == {"a": f"a{text}b"}


def test_a_document_is_a_row_for_each_member_or_json_as_it_was_answered(tmp_path: Path) -> None:
    content = b'{"id":"flow-1","name":"F\\u001b[1m","tags":["x"],"amount":0.10,"big":12345678901234567890,"definition":"a"}'
    terminal = Terminal(tmp_path, FLOWKER_TOKEN="t")
    with canned(*[(200, {}, content)] * 3) as server:
        assert terminal.says("--server", server.url, "flow", "get", "flow-1").splitlines() == [
            "id      flow-1",
            "name    F\\u001b[1m",
            "tags    x",
            "amount  0.10",
            "big     12345678901234567890",
        ]
        said = terminal.says("--server", server.url, "--output", "json", "flow", "get", "flow-1")
        assert exact_json.loads(said) == exact_json.loads(content)
        assert '"amount": 0.10' in said
        assert terminal.says("--server", server.url, "flow", "get", "flow-1", "--definition") == "a"
