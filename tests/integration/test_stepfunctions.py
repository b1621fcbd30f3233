"""The orchestrator's contract, on the fake and on Step Functions as moto emulates it (architecture §4, §5)."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from flowker.adapters.stepfunctions import StepFunctions
from flowker.compiler.policy import RUN_NODE
from flowker.errors import StoreUnavailable
from flowker.model import exact_json
from flowker.model.execution import Execution
from flowker.ports import StateMachines
from tests.fakes import RecordingMachines
from tests.integration.samples import execution, launch

ROLE = "arn:aws:iam::123456789012:role/flowker-state-machines"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:flowker-run_node"
DEFINITION = {
    "StartAt": "nap",
    "States": {
        "nap": {"Type": "Wait", "Seconds": 60, "Next": "run"},
        "run": {"Type": "Task", "Resource": RUN_NODE, "End": True},
    },
}


@pytest.fixture
def client(aws_session: boto3.Session) -> Iterator[Any]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield aws_session.client("stepfunctions")


@pytest.fixture
def on_aws(client: Any) -> StepFunctions:
    return StepFunctions(client, ROLE, {RUN_NODE: FUNCTION})


@pytest.fixture(params=["fake", "aws"])
def machines(request: pytest.FixtureRequest) -> StateMachines:
    return RecordingMachines() if request.param == "fake" else request.getfixturevalue("on_aws")


def of(machines: StateMachines, name: str = "machine") -> Execution:
    """An execution of a machine that takes its time."""
    machine = machines.publish(name, DEFINITION)
    return execution(launch=launch("workflow").model_copy(update={"machine": machine}))


def run(client: Any, of: Execution) -> dict[str, Any]:
    """What Step Functions knows of an execution."""
    arn = of.launch.machine.replace(":stateMachine:", ":execution:")
    described: dict[str, Any] = client.describe_execution(executionArn=f"{arn}:{of.id}")
    return described


def until(client: Any, of: Execution, status: str) -> dict[str, Any]:
    """The run once it has this status."""
    deadline = time.monotonic() + 10
    while (described := run(client, of))["status"] != status:
        assert time.monotonic() < deadline, described["status"]
        time.sleep(0.02)
    return described


def begun(client: Any, of: Execution) -> None:
    """Return when the run is on its way: moto cannot stop it before."""
    arn = run(client, of)["executionArn"]
    deadline = time.monotonic() + 10
    while not any(
        event["type"] == "WaitStateEntered"
        for event in client.get_execution_history(executionArn=arn)["events"]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_publishing_the_same_again_changes_nothing(machines: StateMachines) -> None:
    assert machines.publish("machine", DEFINITION) == machines.publish("machine", DEFINITION)


def test_starting_again_changes_nothing(machines: StateMachines) -> None:
    accepted = of(machines)
    machines.start(accepted)
    machines.start(accepted)


def test_what_never_began_can_be_stopped(machines: StateMachines) -> None:
    machines.stop(of(machines))


def test_a_definition_gets_real_references_and_a_run_gets_ids_only(
    on_aws: StepFunctions, client: Any
) -> None:
    accepted = of(on_aws)
    on_aws.start(accepted)
    stored = client.describe_state_machine(stateMachineArn=accepted.launch.machine)
    assert exact_json.loads(stored["definition"])["States"]["run"]["Resource"] == FUNCTION
    described = run(client, accepted)
    assert described["name"] == accepted.id
    assert set(exact_json.loads(described["input"])) == {"executionId", "revision", "entry", "live"}


def test_a_stopped_run_is_aborted_once_and_cannot_be_started_again(
    on_aws: StepFunctions, client: Any
) -> None:
    accepted, other = of(on_aws), of(on_aws)
    for each in (accepted, other):
        on_aws.start(each)
        begun(client, each)
    on_aws.stop(accepted)
    ended = until(client, accepted, "ABORTED")
    on_aws.stop(accepted)
    on_aws.start(accepted)
    assert run(client, accepted)["stopDate"] == ended["stopDate"]
    assert run(client, other)["status"] == "RUNNING"
    on_aws.stop(other)
    until(client, other, "ABORTED")


@pytest.mark.parametrize("operation", ["start", "stop"])
def test_a_service_that_is_throttled_is_unavailable(
    on_aws: StepFunctions, client: Any, operation: str
) -> None:
    accepted = of(on_aws)
    with Stubber(client) as stubbed:
        stubbed.add_client_error(f"{operation}_execution", "ThrottlingException")
        with pytest.raises(StoreUnavailable):
            getattr(on_aws, operation)(accepted)
