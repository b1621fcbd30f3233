"""Workflows, providers and the audit trail of /v1 from the command line."""

import json
from pathlib import Path

import pytest

from tests.provider import Provider
from tests.samples import chain, executor, set_output, trigger, unique
from tests.servers import ADMIN, PASSWORD
from tests.terminal import Terminal

pytestmark = pytest.mark.skip_moto


@pytest.fixture
def terminal(target: str, api_key: str, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, target, FLOWKER_API_KEY=api_key)


def new_workflow(terminal: Terminal, *nodes: dict[str, object]) -> str:
    document = json.dumps(chain(trigger(), *(nodes or (set_output("end", done=True),))))
    return str(terminal.json("workflow", "create", "--file", "-", stdin=document)["workflowId"])


def new_provider(terminal: Terminal, url: str) -> str:
    document = {"name": unique(), "providerId": "http", "config": {"base_url": url}}
    return str(terminal.json("provider", "create", "--file", "-", stdin=json.dumps(document))["id"])


def test_the_life_of_a_workflow(terminal: Terminal) -> None:
    workflow_id = new_workflow(terminal)
    assert terminal.json("workflow", "get", workflow_id)["status"] == "draft"
    assert "active" in terminal.says("workflow", "activate", workflow_id)
    lines = terminal.says("workflow", "list", "--status", "active").splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "UPDATED"]
    assert lines[1].split()[0] == workflow_id
    run = terminal.json("workflow", "execute", workflow_id, "--input-json", '{"amount": 0.10}', "--wait")
    assert (run["status"], run["finalOutput"]) == ("completed", {"done": True})
    assert "inactive" in terminal.says("workflow", "deactivate", workflow_id)
    assert terminal.fails("workflow", "execute", workflow_id).startswith("flowker: FLK-")


def test_a_key_names_an_execution(terminal: Terminal) -> None:
    workflow_id = new_workflow(terminal)
    terminal.run("workflow", "activate", workflow_id)
    key = ("--idempotency-key", unique())
    first = terminal.json("workflow", "execute", workflow_id, *key)["executionId"]
    assert terminal.json("workflow", "execute", workflow_id, *key)["executionId"] == first
    assert terminal.json("workflow", "execute", workflow_id)["executionId"] != first


def test_an_execution_that_fails_makes_waiting_fail(terminal: Terminal, provider: Provider) -> None:
    configuration = new_provider(terminal, provider.url)
    workflow_id = new_workflow(terminal, executor("call", configuration, f"/status/400/{unique()}"))
    terminal.run("workflow", "activate", workflow_id)
    run = terminal.json("workflow", "execute", workflow_id, "--wait", code=1)
    assert run["status"] == "failed"


def test_the_life_of_a_provider_configuration(terminal: Terminal, provider: Provider) -> None:
    configuration = new_provider(terminal, provider.url)
    assert terminal.json("provider", "get", configuration)["providerId"] == "http"
    lines = terminal.says("provider", "list", "--status", "active").splitlines()
    assert lines[0].split() == ["ID", "NAME", "PROVIDER", "STATUS", "UPDATED"]
    assert lines[1].split()[0] == configuration
    assert terminal.says("provider", "test", configuration).splitlines()[0].split()[:2] == ["STAGE", "STATUS"]
    assert terminal.json("provider", "test", configuration)["overallStatus"] == "passed"
    assert "say --force" in terminal.misunderstands("provider", "delete", configuration)
    assert terminal.says("provider", "delete", configuration, "--force") == "Provider configuration deleted\n"
    assert terminal.fails("provider", "get", configuration).startswith("flowker: FLK-")


def test_a_provider_that_cannot_be_reached_makes_its_test_fail(terminal: Terminal) -> None:
    configuration = new_provider(terminal, "http://127.0.0.1:1")
    assert terminal.json("provider", "test", configuration, code=1)["overallStatus"] == "failed"


def test_a_mistake_is_told_with_its_code(terminal: Terminal) -> None:
    said = terminal.fails("workflow", "create", "--file", "-", stdin="{}")
    assert said.startswith("flowker: FLK-0110: ")
    assert "is not JSON" in terminal.run("workflow", "create", "--file", "-", stdin="{", code=2).stderr
    assert terminal.fails("workflow", "get", "no-uuid").startswith("flowker: FLK-0002")


def test_an_admin_needs_no_key(target: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, target)
    assert "UNAUTHORIZED" in terminal.fails("workflow", "list")
    terminal.run("login", "--username", ADMIN, stdin=PASSWORD)
    terminal.run("workflow", "list")


def test_a_key_can_be_kept_for_a_server(target: str, api_key: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, target)
    terminal.run("config", "set", "api-key", stdin=f"{api_key}\n")
    terminal.run("workflow", "list")
    terminal.run("config", "reset", "api-key")
    assert "UNAUTHORIZED" in terminal.fails("workflow", "list")


def test_the_audit_trail_is_exported_from_the_server_that_is_set(terminal: Terminal, tmp_path: Path) -> None:
    new_workflow(terminal)
    file = tmp_path / "trail.ndjson"
    done = terminal.run("audit", "export", "--output", file)
    assert "the last checkpoint is" in done.stderr
    assert "valid; note down this checkpoint" in terminal.says("audit", "verify", file)
