"""The stand-ins of the examples as a user starts them: in a terminal, in the folder where the user goes on."""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from statemachines.stand_ins.__main__ import examples
from tests.verbs import ROOT


def started(folder: Path, *arguments: str, packages: Path = ROOT) -> subprocess.Popen[str]:
    """What is in `packages` goes before what is installed."""
    return subprocess.Popen(
        [sys.executable, "-m", "statemachines.stand_ins", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_they_say_where_they_are_and_serve_until_they_are_ended(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with started(tmp_path, "tracer-midaz-validation") as process:
        assert process.stdout is not None
        told = [process.stdout.readline().rstrip() for _ in range(5)]
        assert told[0] == "tracer-midaz-validation: the stand-ins are there until Ctrl-C"
        assert told[4] == "  written: midaz.json, tracer.json"
        url = json.loads((tmp_path / "tracer.json").read_text())["config"]["base_url"]
        assert told[1] == f"  https://tracer.example.net is {url}"
        with pytest.raises(HTTPError, match="401") as refused:
            urlopen(url)
        refused.value.close()
        process.send_signal(ending)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("arguments", [[], ["linear"], ["../stand_ins"]])
def test_for_what_has_no_stand_ins_the_examples_are_listed(tmp_path: Path, arguments: list[str]) -> None:
    with started(tmp_path, *arguments) as process:
        _, told = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "tracer-midaz-validation" in told
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_only_the_tests_bring_is_told(tmp_path: Path) -> None:
    (tmp_path / "aiosmtpd.py").write_text("raise ModuleNotFoundError(name='aiosmtpd')")
    with started(tmp_path, "desk-assistant", packages=tmp_path) as process:
        _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert told.startswith("desk-assistant needs the package aiosmtpd, which `make test ")
    assert "Traceback" not in told


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "midaz.json").mkdir()
    with started(tmp_path, "tracer-midaz-validation") as process:
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (1, "cannot write midaz.json: Is a directory\n")


@pytest.mark.parametrize("example", examples())
def test_every_example_that_is_listed_can_be_served(example: str) -> None:
    assert callable(import_module(f"statemachines.stand_ins.{example.replace('-', '_')}").serving)
