"""What stops `flowker dev` from starting is told in one line, and what may start does (exit codes: 0 done, 2 unusable)."""

import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers import KEY, TLS, Server, free_port


def attempt(
    folder: Path, *options: str, port: int | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Start a server that is expected to refuse."""
    command = [
        sys.executable, "-m", "flowker_cli.main", "dev",
        "--port", str(port or free_port()), "--data-dir", str(folder), "--no-sample", *options,
    ]  # fmt: skip
    env = environment() | variables
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=env)


def environment() -> dict[str, str]:
    """Without settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLOWKER_")}


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr that holds these words."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("flowker: ")
    for word in words:
        assert word in line


class Unconfigured(Server):
    """A server without `--api-key`, as most people start it."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self._arguments = [
            "dev", "--port", str(self.port), "--data-dir", str(folder), "--no-sample", *options,
        ]  # fmt: skip


def status_with(server: Server, key: str | None) -> int:
    headers = {"X-API-Key": key} if key else {}
    return httpx.get(f"{server.url}/v1/workflows", headers=headers, verify=TLS).status_code


def test_a_busy_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = int(busy.getsockname()[1])
        refused(attempt(tmp_path / "data", port=port), f"127.0.0.1:{port}", "in use")
    assert not (tmp_path / "data").exists()


def test_a_port_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for port in (-1, 65536):
        done = attempt(tmp_path / "data", "--port", str(port))
        assert done.returncode == 2
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_host_that_is_not_here_is_told(tmp_path: Path) -> None:
    refused(attempt(tmp_path / "data", "--host", "203.0.113.1"), "203.0.113.1")
    refused(attempt(tmp_path / "data", "--host", "no-such-host.invalid"), "no-such-host.invalid")


def test_a_data_dir_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    refused(attempt(file), str(file))
    refused(attempt(file / "below"), str(file))


def test_an_environment_variable_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    done = attempt(tmp_path / "data", FLOWKER_SSRF_ALLOW_PRIVATE="yes")
    refused(done, "FLOWKER_SSRF_ALLOW_PRIVATE", "true or false")
    assert not (tmp_path / "data").exists()


def test_a_data_dir_of_the_other_profile_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder) as server:
        assert server.stop() == 0
    refused(attempt(folder, "--profile", "moto"), str(folder), "local", "moto")


def test_a_data_dir_in_use_is_told_and_its_user_is_not_disturbed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder) as server:
        refused(attempt(folder), str(folder), "in use")
        assert status_with(server, KEY) == 200


def test_a_key_file_that_others_may_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder) as server:
        assert server.stop() == 0
    (folder / "key").chmod(0o644)
    refused(attempt(folder), str(folder / "key"), "0600")


@pytest.mark.parametrize("name", ["flowker.db", "engine.db"])
def test_a_damaged_database_is_told(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / name).write_bytes(b"not a database" * 1000)
    refused(attempt(folder), str(folder), "not a database")


@pytest.mark.parametrize("name", ["flowker.db", "engine.db"])
def test_a_database_of_another_version_is_told(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    with Server(folder) as server:
        assert server.stop() == 0
    with closing(sqlite3.connect(folder / name)) as database:
        database.execute("PRAGMA user_version = 99")
    refused(attempt(folder), "schema 99", "this version")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_authentication_cannot_be_off_for_others(tmp_path: Path, host: str) -> None:
    refused(attempt(tmp_path / "data", "--no-auth", "--host", host), "--no-auth")


def test_no_authentication_and_a_key_contradict_each_other(tmp_path: Path) -> None:
    done = attempt(tmp_path / "data", "--no-auth", "--api-key", KEY)
    assert done.returncode == 2
    assert "not allowed with" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_authentication_everybody_here_is_let_in_and_warned(tmp_path: Path) -> None:
    with Unconfigured(tmp_path / "data", "--no-auth") as server:
        assert status_with(server, None) == 200
        assert "WARNING: authentication is off" in server.log.read_text()


def test_the_generated_key_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Unconfigured(folder) as server:
        file = folder / "api-key"
        key = file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(key) >= 24
        assert (status_with(server, key), status_with(server, None), status_with(server, "wrong")) == (
            200, 401, 401,
        )  # fmt: skip
        assert server.stop() == 0
        server.start()
        assert file.read_text().strip() == key
        assert status_with(server, key) == 200


def test_nobody_else_may_look_into_the_data_dir(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder) as server:
        assert server.stop() == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600


def test_nobody_else_may_read_files_even_in_a_data_dir_that_was_open_before(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    with Server(folder) as server:
        assert status_with(server, KEY) == 200
        found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert {"flowker.db", "engine.db", "key"} <= found.keys()
    assert {name: mode for name, mode in found.items() if mode & 0o077} == {}


def test_the_address_is_told_when_requests_are_answered(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        ready = re.search(r"Flowker is ready at (\S+)", server.log.read_text())
        assert ready is not None
        assert ready[1] == server.url
