"""Step Functions as the orchestrator (architecture §4, §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flowker.errors import StoreUnavailable
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.execution import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

STOPPED = "ExecutionStopped"
"""The error name of a run that was aborted because its execution had ended before, by a user's decision."""


class StepFunctions:
    """`functions` replaces the placeholders of a definition (`${RunNode}`) with references of real functions."""

    def __init__(self, client: SFNClient, role: str, functions: Mapping[str, str]) -> None:
        self._client = client
        self._role = role
        self._functions = functions

    def publish(self, name: str, definition: Json) -> str:
        """Create the state machine, or find it: the name is derived from the content."""
        text = exact_json.dumps(definition)
        for placeholder, reference in self._functions.items():
            text = text.replace(placeholder, reference)
        answer = self._call(
            self._client.create_state_machine, name=name, definition=text, roleArn=self._role, type="STANDARD"
        )
        return str(answer["stateMachineArn"])

    def start(self, execution: Execution) -> None:
        """Start under the execution's id; an execution that was started before is left alone."""
        try:
            self._call(
                self._client.start_execution,
                stateMachineArn=execution.launch.machine,
                name=execution.id,
                input=exact_json.dumps(state_input(execution)),
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return

    def stop(self, execution: Execution) -> None:
        """Abort the run; an execution that has ended or was never started is left alone."""
        machine = execution.launch.machine
        try:
            self._call(
                self._client.stop_execution,
                executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{execution.id}",
                error=STOPPED,
            )
        except self._client.exceptions.ExecutionDoesNotExist:
            return

    def ping(self) -> None:
        """Raises `StoreUnavailable` when the service does not answer."""
        self._call(self._client.list_state_machines, maxResults=1)

    def _call(self, operation: Any, **arguments: Any) -> Any:
        try:
            return operation(**arguments)
        except (
            self._client.exceptions.ExecutionAlreadyExists,
            self._client.exceptions.ExecutionDoesNotExist,
        ):
            raise
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"Step Functions: {error}") from error


def state_input(execution: Execution) -> dict[str, Any]:
    """What a state machine is started with: ids only, never customer data (architecture §4)."""
    launch = execution.launch
    return {"executionId": execution.id, "revision": launch.revision, "entry": launch.entry, "live": {}}
