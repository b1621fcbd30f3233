"""What holds for every state machine, whatever its graph: placeholders, time limits, retries, and where errors lead."""

RUN_NODE = "${RunNode}"
RECORD_EXECUTION = "${RecordExecution}"
"""Placeholders for the two functions; whoever publishes a definition puts the real references in."""

EXECUTION_SECONDS = 300
"""The whole execution (Flowker spec d.7)."""
SLACK_SECONDS = 30
"""On top of a node's own timeout: cold start, reading, writing."""

ATTEMPTS = 5
"""Per provider call, with 1, 2, 4 and 8 seconds between them (Flowker spec d.7)."""

DONE, FINISH, FAILED, ABANDON = (
    "execution.done",
    "execution.finish",
    "execution.failed",
    "execution.abandon",
)

RETRY = [
    {
        "ErrorEquals": ["ProviderUnavailable"],
        "IntervalSeconds": 1,
        "BackoffRate": 2.0,
        "MaxAttempts": ATTEMPTS - 1,
    },
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
CATCH = [
    {"ErrorEquals": ["NodeFailed"], "ResultPath": "$.error", "Next": FAILED},
    {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": ABANDON},
]
