"""Runs from the command line: looked at, followed to their end, cancelled (FlowRunner spec j)."""

import json
import os
import pty
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.accounts import Tenant, admin, new_tenant
from tests.servers import expect
from tests.sockets import STEPS, WAITS, create_flow, go_on, run
from tests.terminal import COMMAND, Terminal

pytestmark = pytest.mark.skip_moto

FAILS = """\
metadata:
  name: {name}
  version: 1.0.0
nodes:
  breaks:
    type: transform
    params:
      script: "console.log('about to'); throw new Error('no way');"
"""


@pytest.fixture(scope="module")
def tenant(target: str) -> Iterator[Tenant]:
    first = admin(target)
    made = new_tenant(target, first)
    yield made
    made.api.close()
    first.api.close()


@pytest.fixture
def terminal(target: str, tenant: Tenant, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, target, FLOWKER_TOKEN=tenant.token)


def ended(terminal: Terminal, tenant: Tenant, definition: str = STEPS) -> str:
    """The id of a run that has ended."""
    run_id = run(tenant, create_flow(tenant, definition))
    terminal.run("execution", "monitor", run_id, code=1 if definition is FAILS else 0)
    return run_id


def test_runs_are_listed_and_shown(terminal: Terminal, tenant: Tenant) -> None:
    flow_id = create_flow(tenant, STEPS)
    run_id = run(tenant, flow_id, {"x": 1})
    terminal.run("execution", "monitor", run_id)
    lines = terminal.says("execution", "list", "--flow", flow_id).splitlines()
    assert lines[0].split() == ["ID", "FLOW", "STATUS", "STARTED", "MS", "ERROR"]
    assert lines[1].split()[:3] == [run_id, flow_id, "completed"]
    assert terminal.json("execution", "list", "--flow", flow_id, "--status", "failed")["total"] == 0
    shown = terminal.json("execution", "get", run_id)
    assert (shown["input"], shown["result"]) == ({"x": 1}, {"a": 1})
    assert json.loads(terminal.says("execution", "get", run_id, "--result")) == {"a": 1}
    assert terminal.fails("execution", "get", "exec-none").startswith("flowker: not_found")
    assert "is not one of" in terminal.misunderstands("execution", "list", "--status", "lost")


def test_a_run_is_cancelled_once(terminal: Terminal, tenant: Tenant) -> None:
    run_id = run(tenant, create_flow(tenant))
    assert terminal.says("execution", "cancel", run_id) == "Execution cancelled successfully\n"
    assert terminal.fails("execution", "cancel", run_id).startswith("flowker: conflict")
    assert "cancelled" in terminal.run("execution", "monitor", run_id, code=1).stdout.lower()


def test_a_run_is_sent_the_signal_that_it_waits_for(terminal: Terminal, tenant: Tenant) -> None:
    run_id = run(tenant, create_flow(tenant, WAITS))
    given = ("execution", "signal", run_id, "go", "--input-json", '{"by": "Ann"}')
    told = f"/api/v1/executions/{run_id}"
    while expect(tenant.api.get(told), 200)["current_node"] != "waiting":
        time.sleep(0.05)
    assert terminal.says(*given) == "Signal delivered successfully\n"
    assert "COMPLETED" in terminal.says("execution", "monitor", run_id)
    assert terminal.fails(*given).startswith("flowker: conflict")


@pytest.mark.parametrize("way", [(), ("--poll", "--interval", "0.1")])
def test_a_run_is_followed_while_it_goes_on(way: tuple[str, ...], terminal: Terminal, tenant: Tenant) -> None:
    run_id = run(tenant, create_flow(tenant, WAITS))
    helper = Thread(target=go_on, args=(tenant, run_id))
    helper.start()
    lines = terminal.says("execution", "monitor", run_id, *way).splitlines()
    helper.join()
    assert way or any("running" in line and "waiting" in line for line in lines)
    assert lines[-1].endswith('COMPLETED  {"b":2}')


def test_every_message_of_the_socket_is_a_line_of_json(terminal: Terminal, tenant: Tenant) -> None:
    run_id = ended(terminal, tenant)
    lines = terminal.says("--output", "json", "execution", "monitor", run_id).splitlines()
    messages = [json.loads(line) for line in lines]
    assert [each["sequence"] for each in messages] == [*range(1, len(messages) + 1)]
    assert messages[-1]["type"] == "execution_completed"


def test_a_failed_run_ends_monitoring_with_1(terminal: Terminal, tenant: Tenant) -> None:
    run_id = ended(terminal, tenant, FAILS)
    for way in ((), ("--poll",)):
        done = terminal.run("execution", "monitor", run_id, *way, code=1)
        assert "FAILED" in done.stdout.splitlines()[-1]
        assert "no way" in done.stdout


def test_what_is_not_there_cannot_be_followed(terminal: Terminal) -> None:
    assert terminal.fails("execution", "monitor", "exec-none").startswith("flowker: not_found")
    assert terminal.fails("logs", "exec-none", "--follow").startswith("flowker: not_found")
    assert terminal.fails("logs", "exec-none").startswith("flowker: not_found")
    terminal.variables["FLOWKER_TOKEN"] = "made-up"
    assert terminal.fails("execution", "monitor", "exec-none").startswith("flowker: unauthorized")


def test_logs_are_shown_filtered_and_stamped(terminal: Terminal, tenant: Tenant) -> None:
    run_id = ended(terminal, tenant, FAILS)
    lines = terminal.says("logs", run_id).splitlines()
    assert lines[0].split(maxsplit=2) == ["info", "breaks", "Execution started"]
    assert any("about to" in line for line in lines)
    errors = terminal.says("logs", run_id, "--level", "error", "--timestamps").splitlines()
    assert len(errors) >= 1
    assert all(line.startswith("20") and line.split()[1] == "error" for line in errors)
    found = terminal.json("logs", run_id, "--limit", 1)
    assert (len(found["logs"]), found["total"] > 1) == (1, True)


def test_following_logs_shows_the_same_as_they_come(terminal: Terminal, tenant: Tenant) -> None:
    run_id = run(tenant, create_flow(tenant, WAITS))
    helper = Thread(target=go_on, args=(tenant, run_id))
    helper.start()
    followed = terminal.says("--output", "json", "logs", run_id, "--follow").splitlines()
    helper.join()
    kept = terminal.json("logs", run_id)["logs"]
    assert [json.loads(line) for line in followed] == kept
    polled = terminal.says("--output", "json", "logs", run_id, "--follow", "--poll").splitlines()
    assert [json.loads(line) for line in polled] == kept
    only = terminal.says("--output", "json", "logs", run_id, "--follow", "--level", "debug").splitlines()
    assert [json.loads(line) for line in only] == [each for each in kept if each["level"] == "debug"]


def test_a_process_at_a_terminal_shows_progress_and_results_apart(terminal: Terminal, tenant: Tenant) -> None:
    """Progress is for the person (stderr), results may go into a file (stdout)."""
    run_id = run(tenant, create_flow(tenant, WAITS))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "execution", "monitor", run_id],
        env=terminal.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while b"waiting" not in shown:
                shown += os.read(ours, 1000)
            go_on(tenant, run_id)
            stdout, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            os.close(ours)
    assert process.returncode == 0
    assert b"] " in shown
    assert b" %" in shown
    assert b"\x1b" not in stdout
    assert stdout.splitlines()[-1].endswith(b'COMPLETED  {"b":2}')


def test_a_process_tells_by_its_exit_code(terminal: Terminal, tenant: Tenant) -> None:
    flow_id = create_flow(tenant, FAILS)
    for arguments, code in (
        (["flow", "run", flow_id, "--wait"], 1),
        (["flow", "get", "flow-none"], 1),
        (["flow", "get"], 2),
        (["flow", "list"], 0),
    ):
        done = subprocess.run(
            [*COMMAND, *arguments], env=terminal.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert bool(done.stdout) is (code == 0 or "--wait" in arguments)


def test_a_reader_that_has_seen_enough_is_no_failure_worth_a_traceback(terminal: Terminal) -> None:
    command = f"{' '.join(COMMAND)} flow list --limit 1000 | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command], env=terminal.environment(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("verb", ["flow list", "flow list --output json"])
def test_a_full_disk_is_told_without_a_traceback(verb: str, terminal: Terminal) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} {verb} > /dev/full"],
        env=terminal.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "flowker: cannot write: No space left on device\n")
