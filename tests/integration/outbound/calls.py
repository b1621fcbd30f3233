"""What the tests of outbound calls have in common."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import OutboundHttp
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse

BEARER = {"type": "bearer", "config": {"token": "s3cret"}}
QUERY_KEY = {"type": "api_key", "config": {"key": "s3cret", "location": "query"}}
ADDRESSES = {"api.example.test": ["127.0.0.1"], "other.example.test": ["127.0.0.1"]}


def resolve(host: str, port: int) -> Sequence[str]:
    if host not in ADDRESSES:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return ADDRESSES[host]


@contextmanager
def client(**options: Any) -> Iterator[OutboundHttp]:
    http = OutboundHttp(Destinations(True, resolve), user_agent="flowker/1.2", **options)
    try:
        yield http
    finally:
        http.close()


def get(url: str, timeout: float = 5.0, **fields: Any) -> OutboundRequest:
    return OutboundRequest("GET", url, timeout=timeout, **fields)


def post(url: str, body: bytes = b"{}", timeout: float = 5.0, **fields: Any) -> OutboundRequest:
    return OutboundRequest("POST", url, body=body, timeout=timeout, **fields)


def seen(response: OutboundResponse) -> Any:
    return json.loads(response.body)


def fails_for_now(http: OutboundHttp, request: OutboundRequest) -> str:
    with pytest.raises(CallFailedForNow) as failure:
        http.send(request)
    return str(failure.value)


def fails_for_good(http: OutboundHttp, request: OutboundRequest) -> str:
    with pytest.raises(CallFailed) as failure:
        http.send(request)
    assert not isinstance(failure.value, CallFailedForNow)
    return str(failure.value)
