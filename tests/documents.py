"""Documents whose commands are run: `sh` blocks are commands, the `json` or `text` block after
one is what they print.

In what is shown, `…`, ids, times, durations and ports may stand for anything.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VARIES = re.compile(
    r"…"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r"|(?<=127\.0\.0\.1:)\d+"
    r"|\d+(?= ms\b)"
)
MARK = "--- end of block ---"
LEAVING = "trap 'jobs -p | xargs -r kill' EXIT\n"
"""What commands have left running in the background ends with them."""
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Block:
    """Commands and the lines that the document shows for them, none if it shows nothing."""

    commands: str
    shown: list[str]


def blocks(document: Path) -> list[Block]:
    """The commands of a document, in order."""
    fenced = BLOCK.findall(document.read_text())
    following = [*fenced[1:], ("", "")]
    return [
        Block(text, after.splitlines() if kind in ("json", "text") else [])
        for (language, text), (kind, after) in zip(fenced, following, strict=True)
        if language == "sh"
    ]


def console(document: Path, command: str) -> list[str]:
    """What a `console` block shows after this command."""
    for language, text in BLOCK.findall(document.read_text()):
        lines: list[str] = text.splitlines()
        if language == "console" and f"$ {command}" in lines:
            return lines[lines.index(f"$ {command}") + 1 :]
    raise LookupError(command)


def run(found: list[Block], folder: Path, replace: dict[str, str]) -> list[list[str]]:
    """Run the commands in one shell; returns the lines that each block printed."""
    script = LEAVING + "".join(f"{block.commands}echo '{MARK}'\n" for block in found)
    for old, new in replace.items():
        assert old in script, old
        script = script.replace(old, new)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        # The `flowker` command keeps its token there; Python finds the examples as it does in the project's folder.
        env={**os.environ, "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [part.strip().splitlines() for part in done.stdout.split(MARK)[:-1]]


def as_shown(shown: list[str], printed: list[str]) -> bool:
    """Every line shown was printed, in this order."""
    lines = iter(printed)
    return all(any(_like(line).fullmatch(other) for other in lines) for line in shown)


def _like(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in VARIES.split(line)))
