"""The documents tell the truth: their commands are run against a started Flowker, and print what is shown."""

import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from statemachines.stand_ins.postgres import binaries
from tests.documents import as_shown, blocks, console, run
from tests.servers import Server
from tests.verbs import ROOT, make

GUIDES = (
    "first-workflow.md", "flows.md", "command-line.md", "midaz-and-tracer.md", "order-screening.md",
    "catalogue-refresh.md",
)  # fmt: skip
NEEDS_POSTGRES = pytest.param(
    ROOT / "docs" / "guides" / "desk-assistant.md",
    marks=pytest.mark.skipif(
        binaries() is None and os.environ.get("CI") != "true", reason="PostgreSQL is not installed"
    ),
)
TOURS = [ROOT / "README.md", *(ROOT / "docs" / "guides" / name for name in GUIDES), NEEDS_POSTGRES]
PASSWORD = re.compile(r"first admin: admin@localhost, password (\S+) \(it is not shown again\)")


class Sample(Server):
    """What `make dev` starts, on a free port and in a folder of its own: the sample included."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        variables = [f"PORT={self.port}", f"DATA={folder}"]
        plan = make("-n", "dev", *variables)
        (command,) = [line for line in plan.splitlines() if line.startswith("exec ")]
        program, *self._arguments = shlex.split(command)[1:]
        assert program == ".venv/bin/flowker"
        self.environment = {}

    def greeting(self) -> list[str]:
        """What it has printed once the sample has run."""
        deadline = time.monotonic() + 20
        while "Try it:" not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self.log.read_text().splitlines()

    @property
    def password(self) -> str:
        """The one that nobody chose."""
        (printed,) = PASSWORD.findall(self.log.read_text())
        return str(printed)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    server = Sample(tmp_path_factory.mktemp("sample") / "data")
    with server:
        server.greeting()
        yield server


def test_make_dev_prints_what_the_readme_shows(sample: Sample) -> None:
    shown = [line.replace(".flowker", str(sample.folder)) for line in console(ROOT / "README.md", "make dev")]
    assert len(shown) > 5
    assert as_shown(shown, sample.greeting())


@pytest.mark.skipif(
    shutil.which("curl") is None and os.environ.get("CI") != "true", reason="curl is not installed"
)
@pytest.mark.parametrize("document", TOURS, ids=lambda path: path.name)
def test_the_commands_of_a_document_print_what_it_shows(
    sample: Sample, document: Path, tmp_path: Path
) -> None:
    found = blocks(document)
    places = {
        "http://127.0.0.1:8080": sample.url,
        ".flowker/": f"{sample.folder}/",
        ".venv/bin/": f"{Path(sys.executable).parent}/",
        "the-password-that-was-printed": sample.password,
    }
    used = {old: new for old, new in places.items() if any(old in block.commands for block in found)}
    assert "http://127.0.0.1:8080" in used
    for block, printed in zip(found, run(found, tmp_path, used), strict=True):
        assert as_shown(block.shown, printed), f"{block.commands}\n" + "\n".join(printed)


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170
