"""Scripts in a Lambda function: what comes back from Lambda, whatever it is."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from mypy_boto3_lambda import LambdaClient

from flowker.adapters.scripts import LambdaScripts
from flowker.errors import StoreUnavailable
from flowker.events.run_script import handle
from flowker.expressions.scripts import Evaluation, ScriptError, check_syntax

FUNCTION = "flowker-run-script"


@pytest.fixture
def client() -> Iterator[LambdaClient]:
    client = boto3.client(
        "lambda", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    yield client
    client.close()


@pytest.fixture
def stubbed(client: LambdaClient) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub


@pytest.fixture
def scripts(client: LambdaClient, stubbed: Stubber) -> LambdaScripts:
    return LambdaScripts(client, FUNCTION)


@pytest.fixture
def evaluation(scripts: LambdaScripts) -> Evaluation:
    return Evaluation(scripts.evaluate, {"input": {"a": 1}})


def answer(payload: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    content = json.dumps(payload).encode()
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(content), len(content)), **more}


def test_a_script_is_sent_as_json(stubbed: Stubber, evaluation: Evaluation) -> None:
    request = {
        "scope": {"input": '{"a":1}'},
        "inherited": [],
        "items": [{"code": "return input.a + 1", "mode": "body"}],
    }
    payload = json.dumps(request, separators=(",", ":")).encode()
    stubbed.add_response(
        "invoke", answer(handle(request, None)), {"FunctionName": FUNCTION, "Payload": payload}
    )
    assert evaluation.run("return input.a + 1", "body") == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"errorType": "Sandbox.Timedout", "errorMessage": "timed out"}, "did not come to an end"),
        (
            {"errorMessage": "2026-01-01T00:00:00Z 1 Task timed out after 5.00 seconds"},
            "did not come to an end",
        ),
        ({"errorType": "Runtime.ExitError", "errorMessage": "exited"}, "did not come to an end"),
        ({"errorType": "Runtime.ImportModuleError"}, "could not be run: Runtime.ImportModuleError"),
        ({}, "could not be run: unknown error"),
    ],
)
def test_a_function_that_fails_fails_the_script(
    stubbed: Stubber, scripts: LambdaScripts, evaluation: Evaluation, error: dict[str, str], message: str
) -> None:
    for _ in range(2):
        stubbed.add_response("invoke", answer(error, FunctionError="Unhandled"))
    with pytest.raises(ScriptError, match=message):
        evaluation.run("while (true) {}", "body")
    assert message in check_syntax(scripts.evaluate, [("p", "1 + 1", "expression")])[0][1]


def test_a_scope_that_lambda_does_not_take_fails_the_script(stubbed: Stubber, evaluation: Evaluation) -> None:
    stubbed.add_client_error("invoke", "RequestTooLargeException", http_status_code=413)
    with pytest.raises(ScriptError, match="too large"):
        evaluation.run("return 1", "body")


@pytest.mark.parametrize(("code", "status"), [("TooManyRequestsException", 429), ("ServiceException", 500)])
def test_refusals_for_load_are_for_later(
    stubbed: Stubber, evaluation: Evaluation, code: str, status: int
) -> None:
    stubbed.add_client_error("invoke", code, http_status_code=status)
    with pytest.raises(StoreUnavailable):
        evaluation.run("return 1", "body")
