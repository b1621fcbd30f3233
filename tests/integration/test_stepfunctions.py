"""The orchestrator's contract, on the fake and on Step Functions as moto emulates it (architecture §4, §5)."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from flowker.adapters.stepfunctions import StepFunctions, state_input
from flowker.compiler.policy import RUN_NODE
from flowker.errors import StoreUnavailable
from flowker.model import exact_json
from flowker.model.execution import Execution, execution_of_run
from flowker.model.workflow import MachineType
from flowker.ports import StateMachines
from tests.fakes import RecordingMachines
from tests.integration.samples import execution, launch

AT = datetime(2026, 3, 1, tzinfo=UTC)
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


def of(machines: StateMachines, kind: MachineType = MachineType.STANDARD) -> Execution:
    """An execution of a machine that takes its time."""
    machine = machines.publish(DEFINITION, kind)
    return execution(launch=launch("workflow").model_copy(update={"machine": machine, "type": kind}))


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
    first = machines.publish(DEFINITION, MachineType.STANDARD)
    assert machines.publish(DEFINITION, MachineType.STANDARD) == first


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


def of_flow(machines: StateMachines) -> Execution:
    """As `of`, of a flow."""
    accepted = of(machines)
    return accepted.model_copy(
        update={"launch": accepted.launch.model_copy(update={"account_id": "account-1"})}
    )


def test_resuming_again_changes_nothing(machines: StateMachines) -> None:
    accepted = of_flow(machines)
    for leg in (1, 1, 2):
        machines.resume(accepted, {"step": "2000", "to": "poll"}, leg)


def test_a_token_that_nobody_waits_for_cannot_be_answered(machines: StateMachines) -> None:
    assert not machines.answer("A" * 100, {"step": "1"})


def test_a_flow_is_told_its_last_step_and_a_later_leg_also_its_next_node(
    on_aws: StepFunctions, client: Any
) -> None:
    accepted = of_flow(on_aws)
    on_aws.start(accepted)
    ids = {"executionId": accepted.id, "revision": accepted.launch.revision}
    assert exact_json.loads(run(client, accepted)["input"]) == {**ids, "at": {"step": "0"}}
    later = {"step": "2000", "to": "poll"}
    on_aws.resume(accepted, later, 1)
    second = accepted.model_copy(update={"id": f"{accepted.id}.1"})
    assert exact_json.loads(run(client, second)["input"]) == {**ids, "at": later}
    assert execution_of_run(second.id) == execution_of_run(accepted.id) == accepted.id


def test_the_leg_under_way_is_the_one_that_is_stopped(on_aws: StepFunctions, client: Any) -> None:
    accepted = of_flow(on_aws)
    on_aws.resume(accepted, {"step": "2000", "to": "poll"}, 3)
    third = accepted.model_copy(update={"id": f"{accepted.id}.3"})
    begun(client, third)
    on_aws.stop(accepted.model_copy(update={"leg": 3}))
    until(client, third, "ABORTED")


# --- Express, which moto does not have -------------------------------------------------------------------------------


def express(
    arn: str = "arn:aws:states:eu-central-1:123456789012:stateMachine:flowker-dev-express-1",
) -> Execution:
    machine = {"machine": arn, "type": MachineType.EXPRESS}
    return execution(launch=launch("workflow").model_copy(update=machine))


def test_the_type_is_in_the_request_and_in_the_name(client: Any) -> None:
    published = StepFunctions(client, ROLE, {RUN_NODE: FUNCTION}, "flowker-dev")
    names = []
    for kind in MachineType:
        with Stubber(client) as stubbed:
            asked: list[dict[str, Any]] = []
            client.meta.events.register_first(
                "before-parameter-build.sfn.CreateStateMachine", _noting(asked), unique_id="noting"
            )
            arn = f"arn:aws:states:eu-central-1:123456789012:stateMachine:{kind}"
            stubbed.add_response("create_state_machine", {"stateMachineArn": arn, "creationDate": AT})
            assert published.publish(DEFINITION, kind) == arn
            client.meta.events.unregister("before-parameter-build.sfn.CreateStateMachine", unique_id="noting")
        assert asked[0]["type"] == kind.upper()
        names.append(asked[0]["name"])
    assert names[0].startswith("flowker-dev-standard-")
    assert names[1].startswith("flowker-dev-express-")
    assert max(map(len, names)) <= 80


def _noting(asked: list[dict[str, Any]]) -> Any:
    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    return note


def test_the_same_definition_has_another_name_where_its_functions_are_others(client: Any) -> None:
    stages = [
        StepFunctions(client, ROLE, {RUN_NODE: f"{FUNCTION}-{stage}"}, f"flowker-{stage}")
        for stage in ("dev", "a" * 64)
    ]
    arns = [stage.publish(DEFINITION, MachineType.STANDARD) for stage in stages]
    renamed = StepFunctions(client, ROLE, {RUN_NODE: f"{FUNCTION}-other"}, "flowker-dev")
    arns.append(renamed.publish(DEFINITION, MachineType.STANDARD))
    assert len(set(arns)) == 3


def test_a_run_on_express_is_started_under_the_execution_s_id_and_would_run_again(
    on_aws: StepFunctions, client: Any
) -> None:
    accepted = express()
    for _ in range(2):
        with Stubber(client) as stubbed:
            expected = {
                "stateMachineArn": accepted.launch.machine,
                "name": accepted.id,
                "input": exact_json.dumps(state_input(accepted)),
            }
            arn = f"arn:aws:states:eu-central-1:123456789012:express:flowker-dev-express-1:{accepted.id}:1"
            stubbed.add_response("start_execution", {"executionArn": arn, "startDate": AT}, expected)
            assert on_aws.start(accepted)


def test_standard_knows_what_it_has_taken(machines: StateMachines) -> None:
    accepted = of(machines)
    assert not machines.start(accepted)
    assert not machines.start(accepted)


def test_nobody_tries_to_stop_a_run_on_express(on_aws: StepFunctions, client: Any) -> None:
    with Stubber(client):  # refuses every request
        on_aws.stop(express())


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    ["TooManyRequestsException", "ThrottlingException", "StateMachineDeleting", "StateMachineLimitExceeded"],
)
def test_a_machine_that_cannot_be_created_now_is_unavailable(
    on_aws: StepFunctions, client: Any, code: str
) -> None:
    with Stubber(client) as stubbed:
        stubbed.add_client_error("create_state_machine", code)
        with pytest.raises(StoreUnavailable):
            on_aws.publish(DEFINITION, MachineType.STANDARD)


def test_the_reference_is_known_before_anything_is_published(machines: StateMachines) -> None:
    for kind in MachineType:
        assert machines.reference(DEFINITION, kind) != machines.reference(
            {**DEFINITION, "Comment": "x"}, kind
        )
    expected = machines.reference(DEFINITION, MachineType.STANDARD)
    assert machines.publish(DEFINITION, MachineType.STANDARD) == expected


def test_what_was_deleted_is_gone_and_can_be_published_again(on_aws: StepFunctions, client: Any) -> None:
    reference = on_aws.publish(DEFINITION, MachineType.STANDARD)
    on_aws.delete(reference)
    on_aws.delete(reference)
    assert client.list_state_machines()["stateMachines"] == []
    assert on_aws.publish(DEFINITION, MachineType.STANDARD) == reference
    (found,) = client.list_state_machines()["stateMachines"]
    assert found["stateMachineArn"] == reference


def test_a_machine_that_cannot_be_deleted_now_is_unavailable(on_aws: StepFunctions, client: Any) -> None:
    with Stubber(client) as stubbed:
        stubbed.add_client_error("delete_state_machine", "ThrottlingException")
        with pytest.raises(StoreUnavailable):
            on_aws.delete("arn:aws:states:eu-central-1:123456789012:stateMachine:flowker-dev-standard-1")


@pytest.mark.parametrize("operation", ["start", "stop"])
def test_a_service_that_is_throttled_is_unavailable(
    on_aws: StepFunctions, client: Any, operation: str
) -> None:
    accepted = of(on_aws)
    with Stubber(client) as stubbed:
        stubbed.add_client_error(f"{operation}_execution", "ThrottlingException")
        with pytest.raises(StoreUnavailable):
            getattr(on_aws, operation)(accepted)


LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vendedlogs/states/flowker-prod"


def test_a_machine_tells_its_failures_without_any_data_and_is_traced(client: Any) -> None:
    """Express keeps no history: without logs nobody could find out why a run vanished."""
    for group in (LOGS, f"{LOGS}:*"):
        watched = StepFunctions(client, ROLE, {RUN_NODE: FUNCTION}, logs=group)
        machine = client.describe_state_machine(
            stateMachineArn=watched.publish(DEFINITION, MachineType.STANDARD)
        )
        assert machine["loggingConfiguration"] == {
            "level": "ERROR",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": f"{LOGS}:*"}}],
        }
        assert machine["tracingConfiguration"] == {"enabled": True}


def test_where_it_logs_to_is_part_of_a_machines_name(client: Any, on_aws: StepFunctions) -> None:
    """Creating it again with another configuration of logs would be refused."""
    names = {
        StepFunctions(client, ROLE, {RUN_NODE: FUNCTION}, logs=logs).reference(
            DEFINITION, MachineType.EXPRESS
        )
        for logs in ("", LOGS, f"{LOGS}-2")
    }
    assert len(names) == 3
    assert on_aws.reference(DEFINITION, MachineType.EXPRESS) in names
