"""Scripts in processes of their own: what hangs or dies there fails a script and nothing else."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowker.expressions.scripts import Evaluation, ScriptError, check_syntax
from flowker_local.script_workers import ScriptWorkers

SERVE = (
    "import socket, sys\n"
    "from flowker_local.script_workers import serve_scripts\n"
    "serve_scripts(socket.socket(fileno=int(sys.argv[1])))"
)
HANGS = "return 'a'.repeat(7e6).indexOf('a'.repeat(3e6) + 'b')"
"""A search that no limit of the engine interrupts."""


class Processes:
    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def spawn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            command = [sys.executable, "-c", SERVE, str(theirs.fileno())]
            self.started.append(subprocess.Popen(command, pass_fds=[theirs.fileno()]))
        return ours


@pytest.fixture
def processes() -> Iterator[Processes]:
    found = Processes()
    yield found
    for process in found.started:
        process.wait(timeout=20)


@pytest.fixture
def scripts(processes: Processes) -> Iterator[ScriptWorkers]:
    workers = ScriptWorkers(processes.spawn, most=2)
    yield workers
    workers.close()


def run(scripts: ScriptWorkers, code: str, **scope: object) -> object:
    return Evaluation(scripts.evaluate, scope).run(code, "body")


def test_scripts_run_and_are_checked(scripts: ScriptWorkers, processes: Processes) -> None:
    assert run(scripts, "return input.a + 1", input={"a": "é\U0001f600"}) == "é\U0001f6001"
    assert [path for path, _ in check_syntax(scripts.evaluate, [("p", "return (", "body")])] == ["p"]
    with pytest.raises(ScriptError, match="250 ms"):
        run(scripts, "while (true) {}")
    assert len(processes.started) == 1


def test_a_process_that_hangs_is_ended_and_another_one_goes_on(
    scripts: ScriptWorkers, processes: Processes
) -> None:
    with pytest.raises(ScriptError, match="did not come to an end"):
        run(scripts, HANGS)
    assert processes.started[0].wait(timeout=5) < 0
    assert run(scripts, "return 2") == 2


def test_a_process_that_dies_fails_its_script_only(scripts: ScriptWorkers, processes: Processes) -> None:
    assert run(scripts, "return 1") == 1
    processes.started[0].kill()
    processes.started[0].wait()
    with pytest.raises(ScriptError, match="did not come to an end"):
        run(scripts, "return 1")
    assert run(scripts, "return 2") == 2


def test_many_threads_share_a_few_processes(scripts: ScriptWorkers, processes: Processes) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: run(scripts, "return input * 2", input=n), range(100)))
    assert found == [2 * number for number in range(100)]
    assert len(processes.started) <= 2


def test_a_closed_pool_lets_its_processes_go(processes: Processes) -> None:
    workers = ScriptWorkers(processes.spawn)
    assert run(workers, "return 1") == 1
    workers.close()
    assert processes.started[0].wait(timeout=10) == 0
