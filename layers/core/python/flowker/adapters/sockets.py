"""Sockets of an API Gateway WebSocket API, and the function that pushes to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flowker.adapters.aws_errors import code, is_transient, translated_refusals
from flowker.model import exact_json
from flowker.ports.sockets import Posted

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_lambda import LambdaClient

THREADS = 16
"""Connections that are served at a time: each post waits for an answer."""

_GONE = "GoneException"
_TOO_MANY = "LimitExceededException"


class _Result(Enum):
    DONE = "done"
    GONE = "gone"
    LATE = "late"


class ApiGatewaySockets:
    """`ports.sockets.Sockets`. The client's endpoint is the WebSocket API's stage, and it keeps `THREADS` connections."""

    def __init__(self, client: ApiGatewayManagementApiClient) -> None:
        self._client = client

    def post(self, messages: Mapping[str, Sequence[str]]) -> Posted:
        results = dict(zip(messages, self._parallel(self._post, list(messages.items())), strict=True))
        return Posted(
            gone=frozenset(name for name, result in results.items() if result is _Result.GONE),
            late=frozenset(name for name, result in results.items() if result is _Result.LATE),
        )

    def close(self, connection_ids: Collection[str]) -> None:
        self._parallel(self._close, list(connection_ids))

    def _post(self, delivery: tuple[str, Sequence[str]]) -> _Result:
        connection_id, texts = delivery
        try:
            for text in texts:
                self._client.post_to_connection(ConnectionId=connection_id, Data=text.encode())
        except ClientError as error:
            if code(error) == _GONE:
                return _Result.GONE
            if code(error) == _TOO_MANY or is_transient(error):
                return _Result.LATE
            raise
        except BotoCoreError as error:
            if is_transient(error):
                return _Result.LATE
            raise
        return _Result.DONE

    def _close(self, connection_id: str) -> None:
        try:
            with translated_refusals():
                self._client.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            if code(error) != _GONE:
                raise

    def _parallel(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        if len(items) == 1:
            return [work(items[0])]
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(work, items))


class LambdaPusher:
    """`ports.sockets.Pusher`: invokes the function `push_updates` and does not wait for it."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def wake(self, execution_id: str) -> None:
        payload = exact_json.dumps({"executionId": execution_id}).encode()
        with translated_refusals():
            self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=payload)
