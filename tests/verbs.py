"""The Makefile as a person at a terminal meets it, also when the tests themselves were started by make."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
_INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PORT", "DATA", "PROFILE", "ARGS")


def make(*arguments: str) -> str:
    """What make prints; with `-n` that is what it would do."""
    environment = {name: value for name, value in os.environ.items() if name not in _INHERITED}
    command = ["make", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout
