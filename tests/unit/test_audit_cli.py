"""`flowker audit`: exports are fetched whole, and proved without a server (Flowker spec j.2)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flowker.model.chain import BEGINNING
from flowker_cli.main import main
from tests.properties.test_chain import LENGTH, entries, exported
from tests.terminal import COMMAND

LAST = f"{LENGTH}:{entries()[-1].hash}"
Output = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trail.ndjson"
    path.write_bytes(b"".join(exported(entries())))
    return path


def verify(*arguments: object) -> int:
    return main(["audit", "verify", *map(str, arguments)])


# --- verify ----------------------------------------------------------------------------------------------------------


def test_an_export_that_holds_is_valid_and_names_the_checkpoint_to_note(file: Path, capsys: Output) -> None:
    assert verify(file) == 0
    said = capsys.readouterr().out
    assert f"{LENGTH} entries hold, 1 to {LENGTH}" in said
    assert f"note down this checkpoint: {LAST}" in said
    assert "the trail ended there" in said


def test_a_changed_entry_is_named_with_its_line(file: Path, capsys: Output) -> None:
    lines = exported(entries())
    lines[9] = lines[9].replace(b"flowker", b"mallory")
    file.write_bytes(b"".join(lines))
    assert verify(file) == 1
    said = capsys.readouterr().out
    assert f"BROKEN at entry 7 ({file}, line 10): entry 7 does not match its hash" in said
    assert "6 entries hold" in said
    assert "note down" not in said


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{", b"null\n", b"\xff\xfe", b'{"checkpoint":{"sequence":0,"hash":"x"}}\n']
)
def test_whatever_a_file_holds_is_a_finding_and_no_traceback(
    content: bytes, file: Path, capsys: Output
) -> None:
    file.write_bytes(content)
    assert verify(file) == 1
    assert "BROKEN" in capsys.readouterr().out


def test_a_file_that_was_cut_off_is_broken_but_not_one_that_ends_with_a_page(
    file: Path, capsys: Output
) -> None:
    lines = exported(entries())
    file.write_bytes(b"".join(lines[:10]))
    assert verify(file) == 1
    assert "cut off" in capsys.readouterr().out
    file.write_bytes(b"".join(lines[:7]))
    assert verify(file) == 0
    assert "the trail goes on behind them" in capsys.readouterr().out


def test_several_files_are_one_trail_in_the_order_given(tmp_path: Path, capsys: Output) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"".join(exported(entries()[:5])))
    second.write_bytes(b"".join(exported(entries(), after=5)))
    assert verify(first, second) == 0
    assert verify(second, first) == 1
    assert verify(second) == 0
    said = capsys.readouterr().out
    assert f"they follow 5:{entries()[4].hash}, which these files do not prove" in said


def test_standard_input_is_a_file_too() -> None:
    command = [sys.executable, "-m", "flowker_cli.main", "audit", "verify", "-"]
    for lines, code in ((exported(entries()), 0), (exported(entries())[:-1], 1)):
        ran = subprocess.run(command, input=b"".join(lines), capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (code, b"")


def test_a_checkpoint_noted_earlier_is_confirmed_or_denied(file: Path, capsys: Output) -> None:
    point = f"7:{entries()[6].hash}"
    assert (
        verify(file, "--checkpoint", point, "--checkpoint", LAST, "--checkpoint", f"0:{BEGINNING.hash}") == 0
    )
    assert f"confirmed: {point}" in capsys.readouterr().out
    assert verify(file, "--checkpoint", f"7:{'0' * 64}") == 1
    assert "BROKEN at entry 7: entry 7 is another one than was noted" in capsys.readouterr().out
    assert verify(file, "--checkpoint", f"99:{'0' * 64}") == 1
    assert "cannot be confirmed: the files hold entries 1 to 12" in capsys.readouterr().out


@pytest.mark.parametrize("point", ["7", "7:xyz", ":", "-1:" + "0" * 64, "0:" + "0" * 64, "7:" + "G" * 64])
def test_what_is_no_checkpoint_is_refused(point: str, file: Path, capsys: Output) -> None:
    assert verify(file, "--checkpoint", point) == 2
    assert "SEQUENCE:HASH" in capsys.readouterr().err


def test_the_program_in_the_documentation_says_the_same() -> None:
    """An auditor needs nothing of ours."""
    page = (Path(__file__).parents[2] / "docs" / "concepts.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    lines = exported(entries())
    for tampered in (False, True):
        if tampered:
            lines[9] = lines[9].replace(b"flowker", b"mallory")
        ran = subprocess.run(
            [sys.executable, "-c", program], input=b"".join(lines), capture_output=True, check=False
        )
        assert (ran.returncode != 0) is tampered
        assert (b"entry 7 was changed" in ran.stderr) is tampered


def test_a_file_that_cannot_be_read_is_unusable(tmp_path: Path, capsys: Output) -> None:
    assert verify(tmp_path / "absent") == 2
    assert verify(tmp_path) == 2
    assert "cannot read" in capsys.readouterr().err


# --- export ----------------------------------------------------------------------------------------------------------


class Canned(BaseHTTPRequestHandler):
    """Answers in turn with what the server was given."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.seen.append((self.path, self.headers.get("X-API-Key")))
        status, headers, content = server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[Any]:
    with HTTPServer(("127.0.0.1", 0), Canned) as server:
        running: Any = server
        running.answers, running.seen = list(answers), []
        running.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def pages() -> list[tuple[int, dict[str, str], bytes]]:
    """The trail in three answers."""
    lines = exported(entries())
    return [(200, {}, b"".join(lines[start : start + 7])) for start in (0, 7, 14)]


def export(url: str, path: object, *more: str) -> int:
    return main(["audit", "export", "--url", url, "--output", str(path), *more])


def test_an_export_follows_the_pages_to_the_end(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "new"
    with serving(*pages()) as server:
        assert export(f"{server.url}/", path, "--api-key", "secret") == 0
    assert path.read_bytes() == b"".join(exported(entries()))
    asked = [f"/v1/audit-events/export?after={after}&limit=5000" for after in (0, 5, 10)]
    assert server.seen == [(each, "secret") for each in asked]
    assert f"12 entries; the last checkpoint is {LAST}" in capsys.readouterr().err
    assert verify(path) == 0


def test_an_export_begins_where_it_is_told_to_below_any_address(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with serving(*pages()[1:]) as server:
        assert export(f"{server.url}/stage", path, "--after", "5") == 0
    assert server.seen[0] == ("/stage/v1/audit-events/export?after=5&limit=5000", None)
    assert verify(path) == 0


def test_standard_output_is_a_file_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with serving(*pages()) as server:
        assert export(server.url, "-") == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"".join(exported(entries()))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with serving(*pages()) as server, Path("/dev/full").open("wb") as full:
        command = [*COMMAND, "audit", "export", "--url", server.url, "--api-key", "k", "--output", "-"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "flowker: cannot write -: No space left on device\n")


def test_no_export_is_written_over(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "old"
    path.write_text("evidence")
    with serving(*pages()) as server:
        assert export(server.url, path) == 2
    assert path.read_text() == "evidence"
    assert f"cannot write {path}" in capsys.readouterr().err


def test_an_entry_that_is_missing_in_the_trail_ends_the_export(tmp_path: Path, capsys: Output) -> None:
    stuck = b'{"checkpoint":{"sequence":5,"hash":"x"}}\n{"checkpoint":{"sequence":5,"hash":"x"},"complete":false}\n'
    with serving(pages()[0], (200, {}, stuck)) as server:
        assert export(server.url, tmp_path / "new") == 1
    assert "entry 6 is missing in the trail" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            (401, {}, b'{"code":"UNAUTHORIZED","title":"Unauthorized","message":"no key"}'),
            "UNAUTHORIZED: no key",
        ),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "302"),
        ((502, {}, b"<html>"), "502"),
        ((200, {}, b""), "did not answer with an export"),
        ((200, {}, b"<html>"), "did not answer with an export"),
        ((200, {}, b'{"sequence":1}'), "did not answer with an export"),
    ],
)
def test_a_server_that_does_not_export_leaves_no_file(
    answer: tuple[int, dict[str, str], bytes], said: str, tmp_path: Path, capsys: Output
) -> None:
    with serving(answer) as server:
        assert export(server.url, tmp_path / "new") == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:8080", "http://127.0.0.1:99999", "http://127.0.0.1:1", "http://"]
)
def test_a_server_that_is_none_is_unusable(url: str, tmp_path: Path, capsys: Output) -> None:
    assert export(url, tmp_path / "new") == 2
    assert url in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_second_failing_page_leaves_whole_pages_that_hold(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "new"
    with serving(pages()[0], (503, {}, b"")) as server:
        assert export(server.url, path) == 2
    assert verify(path) == 0
    assert "the trail goes on" in capsys.readouterr().out
    assert json.loads(path.read_bytes().splitlines()[-1])["checkpoint"]["sequence"] == 5
