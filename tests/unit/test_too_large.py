"""What is too large to be activated or told: refused or cut, with nothing half-made (Flowker spec c.1, i)."""

from itertools import pairwise
from typing import Any

import pytest

from flowker import wiring
from flowker.catalog.webhook import LONGEST_PATH
from flowker.compiler.compile import MOST_BYTES, compile_graph
from flowker.model import exact_json
from flowker.model.graph import Edge, Graph, Node, NodeKind
from flowker.model.workflow import MOST_ROUTES, Workflow, WorkflowStatus
from flowker.nodes.base import LONGEST_MESSAGE
from flowker.usecases.drafts import LABEL_LENGTH
from tests.fakes import MemoryTable, RecordingMachines
from tests.functions import call
from tests.harness import CONFIGURATION, NOW, Bench, add_configuration
from tests.samples import trigger
from tests.trails import use


@pytest.fixture
def machines() -> RecordingMachines:
    use(MemoryTable())
    machines = wiring.home().machines
    assert isinstance(machines, RecordingMachines)
    return machines


def drafted(*nodes: dict[str, Any]) -> str:
    """The path of a new workflow."""
    body = {"name": "a workflow", "nodes": nodes, "edges": []}
    return f"/v1/workflows/{call('POST', '/v1/workflows', body).ok(201)['workflowId']}"


def webhooks(count: int) -> list[dict[str, Any]]:
    return [trigger(f"t{number}", path=f"/in/{number}", method="POST") for number in range(count)]


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_too_many_webhooks_are_refused_before_anything_is_published(machines: RecordingMachines) -> None:
    path = drafted(*webhooks(MOST_ROUTES + 1))
    refusal = call("POST", f"{path}/activate").refused(422, "FLK-0211")
    assert f"more than {MOST_ROUTES} webhook routes" in refusal["message"]
    assert refusal["fields"] == {"/nodes": refusal["message"]}
    assert machines.definitions == {}
    assert call("GET", path).ok()["status"] == "draft"
    for number in (0, MOST_ROUTES):
        call("POST", f"/v1/webhooks/in/{number}", {}).refused(404, "FLK-0361")


def test_as_many_webhooks_as_allowed_all_answer(machines: RecordingMachines) -> None:
    path = drafted(*webhooks(MOST_ROUTES), *(trigger(f"plain{number}") for number in range(10)))
    call("POST", f"{path}/activate").ok()
    for number in (0, MOST_ROUTES - 1):
        call("POST", f"/v1/webhooks/in/{number}", {}).ok(201)
    call("POST", f"{path}/deactivate").ok()
    call("POST", "/v1/webhooks/in/0", {}).refused(404, "FLK-0361")


def test_a_webhook_has_a_path_that_can_be_called(machines: RecordingMachines) -> None:
    longest = "x" * (LONGEST_PATH - 1)
    path = drafted(trigger(path=f"/{longest}x", method="POST"))
    refusal = call("POST", f"{path}/activate").refused(422, "FLK-0211")
    assert list(refusal["fields"]) == ["/nodes/0/data/path"]
    assert machines.definitions == {}
    body = {"name": "shorter", "nodes": [trigger(path=f"/{longest}", method="POST")], "edges": []}
    call("PUT", path, body).ok()
    call("POST", f"{path}/activate").ok()
    call("POST", f"/v1/webhooks/{longest}", {}).ok(201)


# --- definitions -----------------------------------------------------------------------------------------------------


def calls(id_length: int) -> Graph:
    """A trigger and 99 calls in a row, whose ids may be longer than a client may save."""
    ids = ["start", *(f"{number}".rjust(id_length, "n") for number in range(99))]
    data = {"executorId": "http", "providerConfigId": CONFIGURATION}
    nodes = [Node(id=each, type=NodeKind.EXECUTOR, data=data) for each in ids[1:]]
    edges = [
        Edge(id=f"e{number}", source=one, target=other) for number, (one, other) in enumerate(pairwise(ids))
    ]
    start = Node(id="start", type=NodeKind.TRIGGER, data={"triggerType": "webhook"})
    return Graph(nodes=(start, *nodes), edges=tuple(edges))


def test_what_a_client_may_save_is_far_from_the_limit() -> None:
    definition = compile_graph(calls(LABEL_LENGTH), "start").definition
    assert len(exact_json.dumps(definition)) < MOST_BYTES / 5


def test_a_workflow_whose_definition_is_over_1_mb_stays_a_draft(machines: RecordingMachines) -> None:
    """No request can save such ids; should the compiler ever need more for a node, it is refused like this."""
    draft = Workflow(
        id=wiring.home().ids.new(),
        name="large",
        status=WorkflowStatus.DRAFT,
        graph=calls(5000),
        created_at=NOW,
        updated_at=NOW,
    )
    wiring.workflow_store().add(draft)
    add_configuration()
    refusal = call("POST", f"/v1/workflows/{draft.id}/activate").refused(422, "FLK-0106")
    assert "exceeds 1 MB" in refusal["message"]
    assert machines.definitions == {}
    assert wiring.workflow_store().get(draft.id) == draft


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_message_about_a_long_path_is_cut() -> None:
    """It is stored with the step and with the execution, and an item has its limit."""
    mapping = [{"source": f"workflow.{'x' * 60_000}", "target": "body.amount", "required": True}]
    data = {"executorId": "http", "providerConfigId": CONFIGURATION, "inputMapping": mapping}
    graph = Graph(
        nodes=(
            Node(id="start", type=NodeKind.TRIGGER, data={"triggerType": "webhook"}),
            Node(id="call", type=NodeKind.EXECUTOR, data=data),
        ),
        edges=(Edge(id="e", source="start", target="call"),),
    )
    ran = Bench().run(graph, "start", {})
    assert ran.status == "failed"
    (step,) = ran.results.steps
    assert step.error_message is not None
    assert len(step.error_message) == LONGEST_MESSAGE
    assert step.error_message.endswith("x…")
    outcome = ran.results.execution.outcome
    assert outcome is not None
    assert (outcome.failed_node_id, outcome.error_code) == ("call", "FLK-0504")
    assert len(outcome.error_message or "") < LONGEST_MESSAGE + 100
