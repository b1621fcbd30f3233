"""Flows from the command line: written, checked, changed, moved, run (FlowRunner spec j)."""

import json
from pathlib import Path

import pytest

from tests.samples import unique
from tests.servers import ADMIN, PASSWORD
from tests.terminal import Terminal

pytestmark = pytest.mark.skip_moto

DEFINITION = """\
metadata:
  name: {name}
  description: Says it back.   # with a comment, which is kept
  version: 1.0.0
nodes:
  only:
    type: transform
    params:
      script: "if (input.fail) throw new Error('no way'); return {{got: input.x}};"
"""
WRONG = "metadata: {name: x}\nnodes:\n  a:\n    type: nope\n"


@pytest.fixture
def terminal(target: str, tmp_path: Path) -> Terminal:
    """Where a new account is logged in."""
    admin = Terminal(tmp_path / "admin", target)
    admin.run("login", "--username", ADMIN, stdin=PASSWORD)
    email = f"{unique()}@example.com"
    admin.run("account", "create", "--name", "Ann", "--email", email, "--password", PASSWORD)
    ann = Terminal(tmp_path / "ann", target)
    ann.run("login", "--username", email, stdin=PASSWORD)
    return ann


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flow.yaml"
    path.write_text(DEFINITION.format(name="Echo"))
    return path


def create(terminal: Terminal, file: Path, *options: str) -> str:
    return str(terminal.json("flow", "create", "--file", file, *options)["id"])


def test_a_flow_takes_from_its_definition_what_is_not_said(terminal: Terminal, file: Path) -> None:
    made = terminal.json("flow", "create", "--file", file)
    assert (made["name"], made["description"], made["version"], made["tags"]) == (
        "Echo",
        "Says it back.",
        "1.0.0",
        [],
    )
    options = ("--name", "Mine", "--description", "Mine too", "--tag", "a", "--tag", "b")
    made = terminal.json("flow", "create", "--file", "-", *options, stdin=file.read_text())
    assert (made["name"], made["description"], made["tags"]) == ("Mine", "Mine too", ["a", "b"])


def test_flows_are_listed_and_shown(terminal: Terminal, file: Path) -> None:
    first, second = create(terminal, file, "--tag", "x"), create(terminal, file)
    lines = terminal.says("flow", "list").splitlines()
    assert lines[0].split() == ["ID", "NAME", "VERSION", "UPDATED", "TAGS"]
    assert [line.split()[0] for line in lines[1:]] == [second, first]
    assert [each["id"] for each in terminal.json("flow", "list", "--tag", "x")["flows"]] == [first]
    assert [each["id"] for each in terminal.json("flow", "list", "--offset", 1)["flows"]] == [first]
    assert terminal.json("flow", "get", first)["definition"] == file.read_text()
    assert terminal.says("flow", "get", first, "--definition") == file.read_text()
    assert "definition" not in terminal.says("flow", "get", first)


def test_a_flow_is_changed_in_what_is_said(terminal: Terminal, file: Path) -> None:
    flow_id = create(terminal, file, "--tag", "x")
    changed = terminal.json("flow", "update", flow_id, "--name", "New")
    assert (changed["name"], changed["tags"]) == ("New", ["x"])
    file.write_text(file.read_text().replace("1.0.0", "1.1.0"))
    assert terminal.json("flow", "update", flow_id, "--file", file)["version"] == "1.1.0"
    assert terminal.json("flow", "update", flow_id, "--tag", "")["tags"] == []
    assert "say what to change" in terminal.misunderstands("flow", "update", flow_id)


def test_a_flow_is_deleted_only_when_told_so(terminal: Terminal, file: Path) -> None:
    flow_id = create(terminal, file)
    assert "say --force" in terminal.misunderstands("flow", "delete", flow_id)
    assert terminal.says("flow", "delete", flow_id, "--force") == "Flow deleted successfully\n"
    assert terminal.fails("flow", "get", flow_id).startswith("flowker: not_found")
    assert terminal.fails("flow", "delete", flow_id, "--force").startswith("flowker: not_found")


def test_a_definition_is_checked_without_being_stored(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    assert terminal.json("flow", "validate", "--file", file) == {
        "valid": True,
        "name": "Echo",
        "version": "1.0.0",
        "start": "only",
        "nodes": 1,
    }
    for command in (("flow", "validate"), ("flow", "create")):
        said = terminal.fails(*command, "--file", "-", stdin=WRONG)
        assert said.startswith("flowker: validation_error")
        assert "nodes.a.type (line 4, column " in said
    assert terminal.json("flow", "list")["total"] == 0
    (tmp_path / "latin").write_bytes("Ä".encode("latin-1"))
    assert "UTF-8" in terminal.fails("flow", "validate", "--file", tmp_path / "latin")
    assert "No such file" in terminal.misunderstands("flow", "validate", "--file", tmp_path / "none")


def test_a_definition_is_exported_byte_for_byte(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    flow_id = create(terminal, file)
    assert terminal.says("flow", "export", flow_id) == file.read_text()
    terminal.run("flow", "export", flow_id, "--output", tmp_path / "copy.yaml")
    assert (tmp_path / "copy.yaml").read_bytes() == file.read_bytes()
    terminal.run("flow", "export", "flow-none", "--output", tmp_path / "none.yaml", code=1)
    assert not (tmp_path / "none.yaml").exists()


def test_all_flows_are_moved_to_a_folder_and_back(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    create(terminal, file, "--name", "../../One: für alle", "--tag", "x")
    create(terminal, file, "--name", "Two", "--description", "second")
    before = terminal.json("flow", "list")["flows"]
    terminal.run("flow", "export-all", "--directory", folder)
    assert len(list(folder.glob("*.yaml"))) == 2
    assert {path.parent for path in folder.rglob("*")} == {folder}
    assert "say --force" in terminal.fails("flow", "export-all", "--directory", folder)
    terminal.run("flow", "export-all", "--directory", folder, "--force")
    for each in before:
        terminal.run("flow", "delete", each["id"], "--force")
    done = terminal.json("flow", "import", "--directory", folder)["flows"]
    assert {each["done"] for each in done} == {"created"}
    after = terminal.json("flow", "list")["flows"]
    assert sorted((each["name"], each["description"], each["tags"]) for each in after) == sorted(
        (each["name"], each["description"], each["tags"]) for each in before
    )
    assert all(terminal.says("flow", "get", each["id"], "--definition") == file.read_text() for each in after)


def test_an_import_can_change_the_flows_that_are_there(
    terminal: Terminal, file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "flows"
    flow_id = create(terminal, file)
    terminal.run("flow", "export-all", "--directory", folder)
    (exported,) = folder.glob("*.yaml")
    exported.write_text(exported.read_text().replace("1.0.0", "2.0.0"))
    (folder / "new.yml").write_text(DEFINITION.format(name="Brand new"))
    done = terminal.json("flow", "import", "--directory", folder, "--update")["flows"]
    assert {each["name"]: each["done"] for each in done} == {"Echo": "updated", "Brand new": "created"}
    assert terminal.json("flow", "get", flow_id)["version"] == "2.0.0"
    terminal.run("flow", "import", "--directory", folder)
    assert terminal.json("flow", "list")["total"] == 4
    (folder / "a.yaml").write_text(DEFINITION.format(name="Another"))
    said = terminal.fails("flow", "import", "--directory", folder, "--update")
    assert said.count("2 flows are called") == 2
    assert "nothing was stored" in said
    assert terminal.json("flow", "list")["total"] == 4


def test_an_import_with_a_mistake_stores_nothing(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    assert "holds no definitions" in terminal.fails("flow", "import", "--directory", folder)
    (folder / "a.yaml").write_text(file.read_text())
    (folder / "b.yaml").write_text(WRONG)
    said = terminal.fails("flow", "import", "--directory", folder)
    assert "b.yaml: validation_error" in said
    assert "nothing was stored" in said
    assert terminal.json("flow", "list")["total"] == 0


def test_an_index_that_was_damaged_is_told(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "a.yaml").write_text(file.read_text())
    (folder / "flows.json").write_text('{"a.yaml": "Echo"}')
    assert "flows.json is damaged" in terminal.fails("flow", "import", "--directory", folder)
    assert terminal.json("flow", "list")["total"] == 0


def test_a_folder_that_cannot_be_made_is_told(terminal: Terminal, file: Path) -> None:
    folder = file / "below-a-file"
    assert f"cannot write {folder}" in terminal.fails("flow", "export-all", "--directory", folder)


def test_a_run_is_started_with_its_input(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    flow_id = create(terminal, file)
    started = terminal.json("flow", "run", flow_id)
    assert set(started) == {"execution_id", "flow_id", "status", "created_at"}
    given = tmp_path / "input.json"
    given.write_text(json.dumps({"x": "from a file"}))
    for options, stdin, got in (
        (("--input-json", '{"x": 1}'), None, 1),
        (("--input", str(given)), None, "from a file"),
        (("--input", "-"), '{"x": [true]}', [True]),
    ):
        run = terminal.json("flow", "run", flow_id, "--wait", *options, stdin=stdin)
        assert (run["status"], run["result"]) == ("completed", {"got": got})
    both = ("flow", "run", flow_id, "--input-json", "{}", "--input", str(given))
    assert "exclude each other" in terminal.misunderstands(*both)


def test_a_run_that_fails_makes_waiting_fail(terminal: Terminal, file: Path) -> None:
    flow_id = create(terminal, file)
    run = terminal.json("flow", "run", flow_id, "--wait", "--input-json", '{"fail": true}', code=1)
    assert run["status"] == "failed"
    assert "no way" in run["error"]
    terminal.run("flow", "run", flow_id, "--input-json", '{"fail": true}')


def test_a_key_names_a_run(terminal: Terminal, file: Path) -> None:
    flow_id = create(terminal, file)
    key = ("--idempotency-key", unique())
    first = terminal.json("flow", "run", flow_id, *key)
    assert terminal.json("flow", "run", flow_id, *key)["execution_id"] == first["execution_id"]
    assert terminal.fails("flow", "run", flow_id, *key, "--input-json", '{"x": 2}').startswith(
        "flowker: conflict"
    )
    assert terminal.json("flow", "run", flow_id)["execution_id"] != first["execution_id"]
