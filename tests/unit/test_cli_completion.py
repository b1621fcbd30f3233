"""Verbs are found, explained and completed without importing what other verbs need."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from flowker_cli.main import VERBS, flowker
from tests.terminal import COMMAND, Terminal

CONTEXT = click.Context(flowker, info_name="flowker")


def completed(tmp_path: Path, *words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    variables = {
        "_FLOWKER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["flowker", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        COMMAND, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_where_the_table_says(name: str) -> None:
    command = flowker.get_command(CONTEXT, name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_every_command_and_option_says_what_it_is_for() -> None:
    pending = [(name, flowker.get_command(CONTEXT, name)) for name in VERBS]
    while pending:
        name, command = pending.pop()
        assert command is not None
        assert command.help, name
        if isinstance(command, click.Group):
            pending += [(f"{name} {below}", found) for below, found in command.commands.items()]
        elif not name.startswith("dev"):
            options = [each for each in command.params if isinstance(each, click.Option)]
            assert [each.name for each in options if not each.help and not each.required] == [], name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str, tmp_path: Path) -> None:
    script = Terminal(tmp_path).says("completion", shell)
    assert f"_FLOWKER_COMPLETE={shell}_complete" in script
    assert "Invalid value for" in Terminal(tmp_path).misunderstands("completion", "tcsh")


def test_bash_can_read_its_script(tmp_path: Path) -> None:
    script = Terminal(tmp_path).says("completion", "bash")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_verbs_options_and_their_values_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "exe") == ["execution"]
    assert completed(tmp_path, "flow", "ex") == ["export", "export-all"]
    assert completed(tmp_path, "logs", "--l") == ["--level", "--limit"]
    assert completed(tmp_path, "logs", "--level", "") == ["debug", "info", "warn", "error"]
    assert completed(tmp_path, "--output", "") == ["table", "json"]
    assert completed(tmp_path, "") == [*VERBS]


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["dev", "--help"], {"urllib3", "websockets", "yaml", "flowker.compiler", "flowker_cli.client"}),
        (
            ["--help"],
            {"urllib3", "websockets", "yaml", "flowker.compiler", "flowker_cli.dev", "flowker_cli.flow"},
        ),
        (["flow", "run", "--help"], {"urllib3", "websockets", "yaml", "flowker.compiler", "uvicorn"}),
    ],
)
def test_a_verb_imports_only_what_it_needs(arguments: list[str], unwanted: set[str]) -> None:
    program = f"""if True:
        import sys
        from flowker_cli.main import main
        main({arguments!r})
        print({unwanted!r} & set(sys.modules), file=sys.stderr)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
