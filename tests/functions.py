"""Call an HTTP function as API Gateway does, in this process, over the home in use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flowker.http.routes import function_for
from flowker_local.functions import Context, handler

ADDRESS = "192.0.2.7"


@dataclass(frozen=True)
class Answered:
    """What the function answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def refused(self, status: int, code: str) -> dict[str, Any]:
        """The document of an error with this status and code."""
        assert self.status == status, self
        document: dict[str, Any] = self.json
        assert document["code"] == code, document
        return document

    def ok(self, status: int = 200) -> Any:
        """The document of a success."""
        assert self.status == status, self
        return self.json


def call(
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    request_id: str = "request-1",
    query: Mapping[str, object] | None = None,
) -> Answered:
    """Send a request; without a body there is none."""
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": ADDRESS, "userAgent": "test"},
            "requestId": request_id,
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = {name: str(value) for name, value in query.items()}
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    function = function_for(path)
    answer = handler(function)(event, Context(function, request_id))
    return Answered(answer["statusCode"], answer["headers"], answer["body"])
