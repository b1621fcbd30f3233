"""The verbs: what people and CI are told to run."""

import os
import re
import tomllib
from pathlib import Path

from tests.verbs import ROOT, make

MAKEFILE = (ROOT / "Makefile").read_text()


def planned(*arguments: str) -> str:
    """What a verb would do on a machine where nothing is set up yet."""
    return make("-n", "--always-make", *arguments)


def test_every_folder_of_tests_is_run() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"][
        "testpaths"
    ]
    assert sorted(configured) == sorted({f"tests/{path.parts[0]}" for path in _test_files()})


def _test_files() -> list[Path]:
    return [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]


def test_make_alone_lists_every_verb() -> None:
    listed = make()
    (verbs,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert re.findall(r"^  make (\w+) ", listed, re.MULTILINE) == verbs.split()


def test_running_needs_only_what_running_needs() -> None:
    plan = planned("dev", "PORT=9000", "DATA=elsewhere")
    assert "--group local" in plan
    assert "--group moto" not in plan
    assert "--group dev" not in plan
    assert "npm" not in plan
    assert plan.rstrip().endswith("--port 9000 --data-dir elsewhere --profile local")
    assert "--group moto" in planned("dev", "PROFILE=moto")


def test_ci_calls_the_verbs_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec make check test")


def test_uv_is_pinned() -> None:
    assert re.search(r"^UV_VERSION := \d+\.\d+\.\d+$", MAKEFILE, re.MULTILINE)
