"""What the command line goes by: flag, environment, file; and who may read what it keeps (FlowRunner spec j)."""

import json
import stat
from pathlib import Path

import pytest

from tests.terminal import Answer, Terminal, canned

SESSION = b'{"token":"t0ken","expires_at":"2026-01-01T00:00:00Z","account_id":"account-1"}'
NO_FLOWS = b'{"flows":[],"total":0,"limit":20,"offset":0}'
NO_ITEMS = b'{"items":[],"nextCursor":"","hasMore":false}'


def settings(terminal: Terminal, *flags: str) -> dict[str, tuple[str | None, str]]:
    found = terminal.json(*flags, "config", "view")["settings"]
    return {each["name"]: (each["value"], each["source"]) for each in found}


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    assert settings(Terminal(tmp_path)) == {
        "server": ("http://127.0.0.1:8080", "default"),
        "output": ("json", "flag"),
        "api-key": (None, "default"),
        "token": (None, "default"),
    }
    assert not (tmp_path / "flowker").exists()


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    kept = Terminal(tmp_path)
    kept.run("config", "set", "server", "http://kept.example/")
    kept.run("config", "set", "output", "json")
    kept.run("config", "set", "api-key", stdin="kept-key\n")
    assert settings(kept)["server"] == ("http://kept.example", "file")
    assert settings(kept)["api-key"] == ("(set)", "file")
    said = Terminal(tmp_path, "http://said.example", FLOWKER_OUTPUT="table", FLOWKER_TOKEN="t")
    assert said.says("config", "get", "server") == "http://said.example\n"
    assert said.says("config", "get", "output") == "table\n"
    assert settings(said)["token"] == ("(set)", "environment")
    assert said.says("config", "get", "server", "--server", "http://flag.example") == "http://flag.example\n"
    assert said.says("--server", "http://flag.example", "config", "get", "server") == "http://flag.example\n"


def test_the_nearer_one_of_two_flags_wins(tmp_path: Path) -> None:
    said = Terminal(tmp_path).says(
        "--server", "http://a.example", "config", "get", "server", "--server", "http://b.example"
    )
    assert said == "http://b.example\n"


def test_an_empty_variable_counts_as_absent(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "", FLOWKER_OUTPUT="", FLOWKER_TOKEN="")
    assert terminal.says("config", "get", "server") == "http://127.0.0.1:8080\n"
    assert "nobody is logged in" in terminal.fails("flow", "list")


def test_what_is_kept_can_be_forgotten(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.run("config", "set", "server", "http://kept.example")
    terminal.run("config", "set", "output", "json")
    terminal.run("config", "reset", "output")
    assert terminal.says("config", "get", "output") == "table\n"
    assert terminal.says("config", "get", "server") == "http://kept.example\n"
    terminal.run("config", "set", "api-key", "secret")
    terminal.run("config", "reset", "api-key")
    assert terminal.says("config", "get", "api-key") == "\n"
    terminal.run("config", "reset")
    assert terminal.says("config", "get", "server") == "http://127.0.0.1:8080\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "set", "server", "ftp://x"),
        ("config", "set", "server", "http://user:password@x"),
        ("config", "set", "server", "http://x:99999"),
        ("config", "set", "server"),
        ("config", "set", "output", "yaml"),
        ("config", "set", "colour", "red"),
        ("--output", "yaml", "config", "view"),
        ("nothing",),
        ("flow",),
        ("flow", "nothing"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = Terminal(tmp_path).misunderstands(*arguments)
    assert "Usage: flowker" in done
    assert not (tmp_path / "flowker").exists()


def test_a_format_in_the_environment_that_there_is_not_is_refused(tmp_path: Path) -> None:
    assert "'xml' is not a format" in Terminal(tmp_path, FLOWKER_OUTPUT="xml").misunderstands(
        "config", "view"
    )


# --- credentials -----------------------------------------------------------------------------------------------------


def logged_in(folder: Path, server: str) -> Terminal:
    terminal = Terminal(folder, server)
    terminal.run("login", "--username", "a@example.com", stdin="password\n")
    return terminal


def test_only_their_owner_may_read_credentials(tmp_path: Path) -> None:
    with canned((200, {}, SESSION)) as server:
        terminal = logged_in(tmp_path, server.url)
    path = terminal.folder / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["credentials.json"]
    assert json.loads(server.seen[0][3]) == {"username": "a@example.com", "password": "password"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_credentials_that_others_may_touch_are_refused(mode: int, tmp_path: Path) -> None:
    with canned((200, {}, SESSION)) as server:
        terminal = logged_in(tmp_path, server.url)
        path = terminal.folder / "credentials.json"
        path.chmod(mode)
        assert f"others may read {path}" in terminal.fails("flow", "list")
        assert "chmod 600" in terminal.fails("login", "--username", "a@example.com", stdin="password")
        path.chmod(0o600)
        server.answers.append((200, {}, NO_FLOWS))
        terminal.run("flow", "list")


def test_a_token_is_sent_to_the_server_that_gave_it_and_to_no_other(tmp_path: Path) -> None:
    with canned((200, {}, SESSION), (200, {}, NO_FLOWS)) as one, canned() as other:
        terminal = logged_in(tmp_path, one.url)
        terminal.run("flow", "list")
        assert one.seen[1][2]["Authorization"] == "Bearer t0ken"
        assert "nobody is logged in" in terminal.fails("flow", "list", "--server", other.url)
        assert other.seen == []


def test_a_token_that_was_said_is_sent_wherever_it_was_said_for(tmp_path: Path) -> None:
    with canned((200, {}, SESSION), (200, {}, NO_FLOWS)) as server:
        terminal = logged_in(tmp_path, server.url)
        terminal.run("--token", "another", "flow", "list")
        assert server.seen[1][2]["Authorization"] == "Bearer another"


def test_v1_is_asked_with_the_key_or_else_with_the_token(tmp_path: Path) -> None:
    empty: Answer = (200, {}, NO_ITEMS)
    with canned(empty, (200, {}, SESSION), empty, empty) as server:
        terminal = Terminal(tmp_path, server.url)
        terminal.run("workflow", "list")
        terminal.run("login", "--username", "a@example.com", stdin="password")
        terminal.run("workflow", "list")
        terminal.run("--api-key", "key", "workflow", "list")
    asked = [seen[2] for seen in server.seen if seen[1].startswith("/v1/")]
    assert [each.get("X-API-Key") for each in asked] == [None, None, "key"]
    assert [each.get("Authorization") for each in asked] == [None, "Bearer t0ken", None]


def test_logging_out_forgets_the_token_but_not_the_key(tmp_path: Path) -> None:
    with canned((200, {}, SESSION), (200, {}, b'{"message":"Logged out successfully"}')) as server:
        terminal = logged_in(tmp_path, server.url)
        terminal.run("config", "set", "api-key", "key")
        assert terminal.says("logout") == "Logged out successfully\n"
        assert server.seen[1][1] == "/api/v1/auth/logout"
        assert "nobody is logged in" in terminal.fails("auth", "status")
        assert settings(terminal)["api-key"] == ("(set)", "file")


def test_a_token_that_is_not_valid_any_more_is_forgotten_too(tmp_path: Path) -> None:
    refused = b'{"error":{"code":"unauthorized","message":"expired","request_id":"1"}}'
    with canned((200, {}, SESSION), (401, {}, refused)) as server:
        terminal = logged_in(tmp_path, server.url)
        assert terminal.says("logout") == "The token was not valid any more\n"
        assert settings(terminal)["token"] == (None, "default")


def test_a_token_is_kept_if_the_server_could_not_be_told(tmp_path: Path) -> None:
    with canned((200, {}, SESSION)) as server:
        terminal = logged_in(tmp_path, server.url)
    assert "cannot reach" in terminal.fails("logout")
    assert settings(terminal)["token"] == ("(set)", "file")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "\x00"])
def test_a_damaged_file_is_told(content: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.run("config", "set", "server", "http://kept.example")
    (terminal.folder / "config.json").write_text(content)
    assert "config.json is damaged" in terminal.fails("config", "view")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "flowker").write_text("not a folder")
    assert "cannot" in Terminal(tmp_path).fails("config", "set", "output", "json")


def test_no_secret_is_shown(tmp_path: Path) -> None:
    with canned((200, {}, SESSION)) as server:
        terminal = logged_in(tmp_path, server.url)
        terminal.run("config", "set", "api-key", "k3y")
        for arguments in (
            ("config", "view"),
            ("config", "get", "api-key"),
            ("--output", "json", "config", "view"),
        ):
            shown = terminal.run(*arguments).output
            assert "t0ken" not in shown
            assert "k3y" not in shown


def test_a_password_without_encryption_is_warned_of(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://flowker.invalid")
    assert "is not encrypted" in terminal.fails("login", "--username", "a@example.com", stdin="password")
    with canned((200, {}, SESSION)) as server:
        done = Terminal(tmp_path, server.url).run("login", "--username", "a@example.com", stdin="password")
        assert "encrypted" not in done.stderr
