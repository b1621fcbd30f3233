"""What holds for every state machine, whatever its graph: placeholders, time limits, retries, and where errors lead."""

from typing import Any

from flowker.errors import PROVIDER_UNAVAILABLE, ProviderUnavailable

RUN_NODE = "${RunNode}"
RECORD_EXECUTION = "${RecordExecution}"
"""Placeholders for the two functions; whoever publishes a definition puts the real references in."""

EXECUTION_SECONDS = 300
"""The whole execution (Flowker spec d.7)."""
EXPRESS_SECONDS = 300
"""Step Functions gives an Express execution no longer, whatever its definition says."""
SLACK_SECONDS = 30
"""On top of a node's own timeout: cold start, reading, writing."""

NODE_SECONDS = 60
"""What a node of a flow may take at each attempt, unless it says otherwise."""
QUICK_SECONDS = 5
"""What one takes at most that does nothing but run scripts, see `expressions.scripts.limits`."""
FUNCTION_SECONDS = 900
"""Lambda lets no function run for longer."""
RELAY_STEPS = 2000
"""Steps of a flow after which a fresh run of its state machine goes on: a run may have 25,000 events, of which a step
makes about ten."""

ATTEMPTS = 5
"""Per provider call, with 1, 2, 4 and 8 seconds between them, or longer where the provider asks (Flowker spec d.7)."""

DONE, FINISH, FAILED, ABANDON = (
    "execution.done",
    "execution.finish",
    "execution.failed",
    "execution.abandon",
)

RETRY: list[dict[str, Any]] = [
    {
        "ErrorEquals": [
            "StoreUnavailable",
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
        ],
        "IntervalSeconds": 1,
        "BackoffRate": 2.0,
        "MaxAttempts": 5,
    },
]
"""Of every task: the store or the function itself is overloaded."""

CALL_RETRY: list[dict[str, Any]] = [
    {
        "ErrorEquals": [error.__name__],
        "IntervalSeconds": error.seconds,
        "BackoffRate": 1.0,
        "MaxAttempts": ATTEMPTS - 1,
    }
    for error in PROVIDER_UNAVAILABLE
] + RETRY
"""Of a task that calls a provider. The worker says by the error's name how long to wait, and counts the attempts: a
retrier's own delay could only depend on how often it was used."""

RECORD: dict[str, Any] = {
    "Type": "Task",
    "Resource": RECORD_EXECUTION,
    "ResultPath": None,
    "Retry": RETRY,
}
"""What the tasks that end an execution have in common; they take up to 60 seconds."""

CATCH = [
    {"ErrorEquals": ["NodeFailed"], "ResultPath": "$.error", "Next": FAILED},
    {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": ABANDON},
]


def failing() -> dict[str, dict[str, Any]]:
    """The states that caught errors lead to."""
    parameters = {"executionId.$": "$.executionId", "error.$": "$.error"}
    return {
        ABANDON: {**RECORD, "Parameters": parameters, "TimeoutSeconds": 60, "Next": FAILED},
        FAILED: {"Type": "Fail", "Error": "ExecutionFailed"},
    }


def before_next_attempt(attempt: int, asked: int) -> type[ProviderUnavailable]:
    """The error that makes the state machine wait after an attempt, counted from 0: 1, 2, 4, 8 seconds, or longer if the
    provider `asked` for so many, but never longer than 8."""
    longest = PROVIDER_UNAVAILABLE[-1]
    seconds = max(2**attempt, asked)
    return next((error for error in PROVIDER_UNAVAILABLE if error.seconds >= seconds), longest)
