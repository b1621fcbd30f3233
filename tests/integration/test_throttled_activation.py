"""`CreateStateMachine` is throttled to about one a second: an activation that meets that can be repeated (architecture §4)."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from flowker import wiring
from flowker.adapters.stepfunctions import StepFunctions
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.settings import Settings
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher, ScriptedCompletions
from tests.functions import call
from tests.harness import FakeHttp
from tests.integration.test_stepfunctions import AT, FUNCTION, ROLE
from tests.samples import conditional, edge, set_output, trigger

ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:flowker-dev-express"
PATH = "/v1/workflows"


@pytest.fixture
def stubbed(aws_session: boto3.Session) -> Iterator[Stubber]:
    client = aws_session.client("stepfunctions", config=Config(retries={"total_max_attempts": 1}))
    functions = {RUN_NODE: FUNCTION, RECORD_EXECUTION: FUNCTION}
    wiring.use(
        wiring.Home(
            settings=Settings(authenticate=False),
            table=MemoryTable(),
            blobs=MemoryBlobs(),
            cipher=PlainCipher(),
            machines=StepFunctions(client, ROLE, functions, "flowker-dev"),
            completions=ScriptedCompletions(),
            http=lambda: FakeHttp(lambda _: (200, {})),
            probes={},
            clock=ManualClock(),
            ids=CountingIds(),
        )
    )
    with Stubber(client) as stubbed:
        yield stubbed
    client.close()


def draft() -> str:
    """The id of one with two triggers, each with a machine of its own, and a webhook."""
    nodes = [
        trigger("api"), trigger("hook", path="/orders", method="POST"), conditional("if", "workflow.x > 1"),
        set_output("done", x=1),
    ]  # fmt: skip
    edges = [edge("api", "done"), edge("hook", "if"), edge("if", "done", "true")]
    return str(call("POST", PATH, {"name": "n", "nodes": nodes, "edges": edges}).ok(201)["workflowId"])


def created(number: int) -> dict[str, Any]:
    return {"stateMachineArn": f"{ARN}-{number}", "creationDate": AT}


@pytest.mark.parametrize("published_before", [0, 1])
def test_a_throttled_activation_is_told_when_to_come_again_and_leaves_a_draft(
    stubbed: Stubber, published_before: int
) -> None:
    workflow_id = draft()
    for number in range(published_before):
        stubbed.add_response("create_state_machine", created(number))
    stubbed.add_client_error("create_state_machine", "TooManyRequestsException")
    refused = call("POST", f"{PATH}/{workflow_id}/activate")
    refused.refused(503, "FLK-0801")
    assert int(refused.headers["Retry-After"]) >= 1
    shown = call("GET", f"{PATH}/{workflow_id}").ok()
    assert shown["status"] == "draft"
    assert "engine" not in shown
    call("POST", "/v1/webhooks/orders", {}).refused(404, "FLK-0361")
    assert wiring.workflow_store().head(workflow_id).launch is None
    for number in range(2):
        stubbed.add_response("create_state_machine", created(number))
    assert call("POST", f"{PATH}/{workflow_id}/activate").ok()["status"] == "active"
    stubbed.assert_no_pending_responses()
    route = wiring.workflow_store().route("POST", "/orders")
    assert route is not None
    assert route.launch.machine == f"{ARN}-1"


def test_the_client_repeats_a_throttled_request_itself_before_anybody_is_told() -> None:
    from flowker.adapters.aws import boto_client

    client = boto_client(Settings(region="eu-central-1"))("stepfunctions")
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}
    client.close()
