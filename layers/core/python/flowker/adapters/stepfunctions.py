"""Step Functions as the orchestrator (architecture §4, §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flowker.compiler.compile import content_name
from flowker.errors import StoreUnavailable
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, run_name
from flowker.model.run import START
from flowker.model.workflow import MachineType

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LONGEST_PREFIX = 38
"""A machine's name has up to 80 characters, 42 of which are its own."""
STOPPED = "ExecutionStopped"
"""The error name of a run that was aborted because its execution had ended before, by a user's decision."""


class StepFunctions:
    """`functions` replaces the placeholders of a definition (`${RunNode}`) with references of real functions; the names of
    all machines begin with `prefix`. With `logs`, the ARN of a log group, failures are logged there and runs are traced."""

    def __init__(
        self,
        client: SFNClient,
        role: str,
        functions: Mapping[str, str],
        prefix: str = "flowker",
        logs: str = "",
    ) -> None:
        self._client = client
        self._logs = logs
        self._role = role
        self._functions = functions
        self._prefix = prefix[:LONGEST_PREFIX]

    def reference(self, definition: Json, kind: MachineType) -> str:
        """The ARN, in the account of the role."""
        _, partition, _, _, account, _ = self._role.split(":", 5)
        name = self._name(self._text(definition), kind)
        return f"arn:{partition}:states:{self._client.meta.region_name}:{account}:stateMachine:{name}"

    def publish(self, definition: Json, kind: MachineType) -> str:
        """Create the state machine, or find it."""
        text = self._text(definition)
        answer = self._call(
            self._client.create_state_machine,
            name=self._name(text, kind),
            definition=text,
            roleArn=self._role,
            type=kind.upper(),
            **self._watched(),
        )
        return str(answer["stateMachineArn"])

    def delete(self, reference: str) -> None:
        """AWS lets what runs on it come to its end; until then it cannot be created anew."""
        self._call(self._client.delete_state_machine, stateMachineArn=reference)

    def _text(self, definition: Json) -> str:
        text = exact_json.dumps(definition)
        for placeholder, reference in self._functions.items():
            text = text.replace(placeholder, reference)
        return text

    def _name(self, text: str, kind: MachineType) -> str:
        """Derived from all that is in it, also from the references, and from where it logs to: a machine can be created again
        only as it was created first."""
        return f"{self._prefix}-{content_name(kind, text + self._logs)}"

    def _watched(self) -> dict[str, Any]:
        """What Express keeps no history of is found in its logs. Data are left out: names and causes of errors say enough."""
        if not self._logs:
            return {}
        group = {"cloudWatchLogsLogGroup": {"logGroupArn": f"{self._logs.removesuffix(':*')}:*"}}
        return {
            "loggingConfiguration": {
                "level": "ERROR",
                "includeExecutionData": False,
                "destinations": [group],
            },
            "tracingConfiguration": {"enabled": True},
        }

    def start(self, execution: Execution) -> bool:
        """Start under the execution's id. An execution that was started before is left alone, if its machine is a Standard
        one; Express knows no names, so it would run once more and find its steps recorded."""
        begun = self._begin(execution, execution.id, state_input(execution))
        return begun and execution.launch.type is MachineType.EXPRESS

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        """Start another leg, unless it was started before."""
        self._begin(execution, run_name(execution.id, leg), state_input(execution, at))

    def _begin(self, execution: Execution, name: str, data: Mapping[str, Json]) -> bool:
        """False if a run of that name was begun before."""
        try:
            self._call(
                self._client.start_execution,
                stateMachineArn=execution.launch.machine,
                name=name,
                input=exact_json.dumps(data),
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return False
        return True

    def stop(self, execution: Execution) -> None:
        """Abort the run; an execution that has ended or was never started is left alone, and so is one on Express, which
        cannot be stopped."""
        if execution.launch.type is MachineType.EXPRESS:
            return
        machine, name = execution.launch.machine, run_name(execution.id, execution.leg)
        try:
            self._call(
                self._client.stop_execution,
                executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
                error=STOPPED,
            )
        except self._client.exceptions.ExecutionDoesNotExist:
            return

    def answer(self, token: str, output: Json) -> bool:
        """False for a token that was answered before, has timed out, or belongs to a run that is over."""
        known = self._client.exceptions
        try:
            self._call(
                self._client.send_task_success,
                taskToken=token,
                output=exact_json.dumps(output),
            )
        except (known.InvalidToken, known.TaskDoesNotExist, known.TaskTimedOut):
            return False
        return True

    def ping(self) -> None:
        """Raises `StoreUnavailable` when the service does not answer."""
        self._call(self._client.list_state_machines, maxResults=1)

    def _call(self, operation: Any, **arguments: Any) -> Any:
        known = self._client.exceptions
        try:
            return operation(**arguments)
        except (
            known.ExecutionAlreadyExists,
            known.ExecutionDoesNotExist,
            known.InvalidToken,
            known.TaskDoesNotExist,
            known.TaskTimedOut,
        ):
            raise
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"Step Functions: {error}") from error


def state_input(execution: Execution, at: Mapping[str, Json] | None = None) -> dict[str, Any]:
    """What a state machine is started with: ids only, never customer data (architecture §4). A flow's is told which step
    was recorded last, and a later leg of it by `at` also which node is next."""
    launch = execution.launch
    ids: dict[str, Any] = {"executionId": execution.id, "revision": launch.revision}
    if launch.account_id is None:
        return {**ids, "entry": launch.entry, "live": {}}
    return {**ids, "at": {"step": START} if at is None else dict(at)}
