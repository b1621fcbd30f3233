"""How a state fails: by an error name, which `Retry` and `Catch` match."""

TIMEOUT = "States.Timeout"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
ALL = "States.ALL"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
PARAMETER_PATH_FAILURE = "States.ParameterPathFailure"
RESULT_PATH_MATCH_FAILURE = "States.ResultPathMatchFailure"


class TaskError(Exception):
    """A state failed. `invoke` raises it to fail a task by name; the engine raises it for the `States.*` errors."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}" if cause else error)
        self.error = error
        self.cause = cause


def matches(names: frozenset[str], error: str) -> bool:
    """Whether an `ErrorEquals` list covers an error. `States.Runtime` always fails the execution, so nothing does."""
    if error == RUNTIME:
        return False
    return error in names or ALL in names or (TASK_FAILED in names and error != TIMEOUT)
