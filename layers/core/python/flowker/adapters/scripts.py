"""Scripts run in a Lambda function whose role has no permissions (architecture §8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flowker.adapters.aws_errors import code, translated_refusals
from flowker.model import exact_json

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_STOPPED = frozenset({"Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"})
"""What Lambda calls a function that was ended from outside, or that ended itself."""


class LambdaScripts:
    """`function` is the name or the ARN. Calling it twice does no harm, so the client may try again."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the function fails of, and a request that Lambda does not take for its size, are answers with an error.

        Raises `StoreUnavailable` when Lambda refuses for load or cannot be reached.
        """
        payload = exact_json.dumps(request).encode()
        try:
            with translated_refusals():
                answer = self._client.invoke(FunctionName=self._function, Payload=payload)
        except ClientError as error:
            if code(error) != "RequestTooLargeException":
                raise
            return _failed(request, "what the script refers to is too large")
        with answer["Payload"] as stream:
            content = exact_json.loads(stream.read())
        if "FunctionError" in answer:
            return _failed(request, _reason(content))
        found: Mapping[str, Any] = content
        return found


def _reason(content: Any) -> str:
    kind = content.get("errorType", "") if isinstance(content, Mapping) else ""
    text = str(content.get("errorMessage", "")) if isinstance(content, Mapping) else ""
    if kind in _STOPPED or "Task timed out" in text or "Runtime exited" in text:
        return "the script was stopped: it did not come to an end"
    return f"the script could not be run: {kind or 'unknown error'}"


def _failed(request: Mapping[str, Any], message: str) -> Mapping[str, Any]:
    if "check" in request:
        return {"problems": [{"item": 0, "message": message}]}
    return {"values": [], "logs": [], "error": {"item": 0, "message": message, "line": None}}
