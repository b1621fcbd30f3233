"""Logging in, accounts and secrets from the command line (FlowRunner spec j)."""

import stat
from pathlib import Path

import pytest

from tests.samples import unique
from tests.servers import ADMIN, PASSWORD
from tests.terminal import Terminal

pytestmark = pytest.mark.skip_moto


@pytest.fixture
def admin(target: str, tmp_path: Path) -> Terminal:
    """Where the first admin is logged in."""
    terminal = Terminal(tmp_path / "admin", target)
    terminal.run("login", "--username", ADMIN, stdin=f"{PASSWORD}\n")
    return terminal


def new_account(by: Terminal) -> dict[str, str]:
    email = f"{unique()}@example.com"
    made: dict[str, str] = by.json(
        "account", "create", "--name", "Ann", "--email", email, stdin=f"{PASSWORD}\n"
    )
    return made


def test_logging_in_and_out(target: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, target)
    assert "run `flowker login`" in terminal.fails("auth", "status")
    assert f"Logged in to {target} as {ADMIN} until 20" in terminal.says(
        "login", "--username", ADMIN, stdin=PASSWORD
    )
    assert stat.S_IMODE((terminal.folder / "credentials.json").stat().st_mode) == 0o600
    status = terminal.json("auth", "status")
    assert (status["account"], status["role"], status["token_from"]) == (ADMIN, "admin", "file")
    assert status["expires_at"] > "2026"
    token = (terminal.folder / "credentials.json").read_text().split('"token": "')[1].split('"')[0]
    assert terminal.says("logout") == "Logged out successfully\n"
    assert "nobody is logged in" in terminal.fails("auth", "status")
    assert "unauthorized" in terminal.fails("--token", token, "auth", "status")


def test_who_has_the_wrong_password_is_not_logged_in(target: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, target)
    said = terminal.fails("login", "--username", ADMIN, stdin="wrong")
    assert said.startswith("flowker: unauthorized")
    assert "flowker login" not in said
    assert not terminal.folder.exists()
    assert "say --username" in terminal.misunderstands("login")


def test_a_password_may_be_said(target: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, target)
    assert terminal.json("login", "--username", ADMIN.upper(), "--password", PASSWORD)["account_id"]


def test_a_token_in_the_environment_goes_first(admin: Terminal, target: str, tmp_path: Path) -> None:
    account = new_account(admin)
    ann = Terminal(tmp_path / "ann", target)
    ann.run("login", "--username", account["email"], stdin=PASSWORD)
    admin.variables["FLOWKER_TOKEN"] = (
        (ann.folder / "credentials.json").read_text().split('"token": "')[1].split('"')[0]
    )
    assert admin.json("auth", "status")["account"] == account["email"]
    done = admin.run("login", "--username", ADMIN, stdin=PASSWORD)
    assert "another token goes first" in done.stderr


def test_the_life_of_an_account(admin: Terminal, target: str, tmp_path: Path) -> None:
    account = new_account(admin)
    assert account["role"] == "user"
    path = account["id"]
    assert admin.json("account", "get", path) == account
    listed = admin.says("account", "list", "--role", "user", "--limit", 1000).splitlines()
    assert listed[0].split() == ["ID", "NAME", "EMAIL", "ROLE", "CREATED"]
    assert any(line.startswith(path) for line in listed)
    assert admin.json("account", "update", path, "--name", "Eve", "--role", "admin")["name"] == "Eve"
    assert "say what to change" in admin.misunderstands("account", "update", path)
    assert "say --force" in admin.misunderstands("account", "delete", path)
    assert admin.says("account", "delete", path, "--force") == "Account deleted successfully\n"
    assert admin.fails("account", "get", path).startswith("flowker: not_found")


def test_ones_own_account_and_password(admin: Terminal, target: str, tmp_path: Path) -> None:
    account = new_account(admin)
    ann = Terminal(tmp_path / "ann", target)
    ann.run("login", "--username", account["email"], stdin=PASSWORD)
    assert ann.json("account", "get")["id"] == account["id"]
    assert ann.fails("account", "list").startswith("flowker: forbidden")
    ann.run("account", "update", "--current-password", PASSWORD, "--password", "another good one")
    assert "unauthorized" in ann.fails("account", "get")
    ann.run("login", "--username", account["email"], stdin="another good one")
    ann.run("account", "delete", "--force")


def test_a_refused_account_is_told_with_its_field(admin: Terminal) -> None:
    said = admin.fails("account", "create", "--name", "n", "--email", "nope", "--password", PASSWORD)
    assert said.startswith("flowker: validation_error")
    assert "\n  email: " in said


def test_the_life_of_a_secret_whose_value_is_never_shown(admin: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text("from-a-file\n")
    key = unique("K")
    shown = [
        admin.run("--debug", "secret", "create", "--key", key, stdin="from-stdin\n"),
        admin.run("--debug", "secret", "create", "--key", key, "--value", "from-an-option"),
        admin.run("--debug", "secret", "update", key, "--file", file),
        admin.run("--debug", "--output", "json", "secret", "list"),
    ]
    assert key in shown[-1].stdout
    assert not [each for each in shown if "from-" in each.output]
    assert admin.says("secret", "list").splitlines()[0].split() == ["KEY", "CREATED", "UPDATED"]
    assert admin.fails("secret", "update", f"{key}-2", "--value", "x").startswith("flowker: not_found")
    both = ("secret", "update", key, "--value", "x", "--file", str(file))
    assert "exclude each other" in admin.misunderstands(*both)
    assert "say --force" in admin.misunderstands("secret", "delete", key)
    assert admin.says("secret", "delete", key, "--force") == "Secret deleted successfully\n"
    assert admin.fails("secret", "delete", key, "--force").startswith("flowker: not_found")


def test_a_secret_is_what_was_given_for_it(admin: Terminal, tmp_path: Path) -> None:
    """A line feed at the end is the editor's, all else is the secret's."""
    definition = tmp_path / "flow.yaml"
    definition.write_text(
        "metadata: {name: Length, version: 1.0.0}\n"
        'nodes: {only: {type: transform, params: {script: "return {n: secrets.CLI_VALUE.length};"}}}\n'
    )
    flow_id = admin.json("flow", "create", "--file", definition)["id"]
    file = tmp_path / "value"
    file.write_bytes(b" two\nlines \r\n")
    for stdin, length in (("12345\n", 5), ("", 0), (None, 11)):
        extra = ["--file", str(file)] if stdin is None else []
        admin.run("secret", "create", "--key", "CLI_VALUE", *extra, stdin=stdin)
        assert admin.json("flow", "run", flow_id, "--wait")["result"] == {"n": length}


def test_the_secrets_of_another_account_are_not_for_users(
    admin: Terminal, target: str, tmp_path: Path
) -> None:
    account = new_account(admin)
    admin.run("secret", "create", "--key", "K", "--value", "v", "--account", account["id"])
    ann = Terminal(tmp_path / "ann", target)
    ann.run("login", "--username", account["email"], stdin=PASSWORD)
    assert [each["key"] for each in ann.json("secret", "list")["secrets"]] == ["K"]
    mine = admin.json("account", "get")["id"]
    assert ann.fails("secret", "list", "--account", mine).startswith("flowker: forbidden")
