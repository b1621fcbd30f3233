"""`http.request`: one call to any service (FlowRunner spec d.1)."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flowker.model.run import Level
from flowker.nodes.flow.base import Circumstances, Done, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.http_exchange import (
    HANDLES,
    HEADERS,
    RESULTS,
    TIMEOUT,
    URL,
    Message,
    content_of,
    exchanged,
    form_of,
    header_texts,
    status_failure,
    utf8,
    with_query,
)
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import INVALID, Kind, Param, Problem, wrong

_DEFAULT_KEY_NAME = "X-API-Key"
_SECRETS = ("token", "api_key", "username")
"""What decides how to authenticate, first come first served."""


class HttpRequest(NodeType):
    name = "http.request"
    table = (
        URL,
        Param("method", Kind.VERB, "Any verb", default="GET"),
        HEADERS,
        Param("body", Kind.ANY, "A map or list is sent as JSON, a text as it is; `Content-Type` follows unless given"),
        Param("form_data", Kind.MAP, "Fields of a form, sent instead of `body`"),
        Param("query_params", Kind.MAP, "Added to the URL; a list gives several of the same name"),
        TIMEOUT,
        Param("follow_redirects", Kind.BOOLEAN, "At most 10; credentials stay with the first origin", default=True,
              aliases=("follow_redirect",)),
        Param("auth", Kind.MAP, "`{username, password}`, `{token}`, or `{api_key, key_name}`"),
        Param("bearer_token", Kind.TEXT, "Short for `auth: {token}`", least=1),
        Param("api_key", Kind.TEXT, "Short for `auth: {api_key}`", least=1),
        Param("key_name", Kind.TEXT, "Header of the `api_key`", default=_DEFAULT_KEY_NAME, least=1),
        Param("username", Kind.TEXT, "Short for `auth: {username}`", least=1),
        Param("password", Kind.TEXT, "Short for `auth: {password}`"),
        Param("fail_on_error_status", Kind.BOOLEAN, "With false, 4xx and 5xx are ordinary results with action `default`",
              default=True),
    )  # fmt: skip
    page = Page(
        summary="Calls a service. Private, loopback and link-local addresses are refused. Anything but GET, HEAD and OPTIONS "
        "carries an `Idempotency-Key` that all attempts share, unless `headers` set one.",
        example="""\
type: http.request
params:
  url: "https://api.example.com/orders/${input.id}"
  headers: { Accept: application/json }
  bearer_token: "${secrets.TOKEN}"
  timeout: 10s
retry: { max_retries: 2, wait: 1s }
next: { success: pay, client_error: reject, error: alarm }""",
        results=RESULTS,
        actions={
            "success": "the status is 2xx",
            "default": "the status is 1xx or 3xx; or 4xx or 5xx with `fail_on_error_status: false`",
        },
        handles=HANDLES,
        logs={
            "HTTP request successful": "info, data `{status_code, url}`; the status is 2xx",
            "HTTP request completed": "info, with the same data; the status is another one",
        },
    )  # fmt: skip

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        auth = params.get("auth")
        if isinstance(auth, Mapping) and (found := _auth_problem(auth)):
            yield INVALID, "auth", found

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        result = exchanged(
            around,
            _message(values),
            values["timeout"],
            auth=_auth(values),
            follow_redirects=values["follow_redirects"],
        )
        failed = result["status_code"] >= HTTPStatus.BAD_REQUEST
        if failed and values["fail_on_error_status"]:
            raise status_failure(result)
        done = "successful" if result["success"] else "completed"
        data = {"status_code": result["status_code"], "url": result["metadata"]["request_url"]}
        return Done(
            result,
            action="success" if result["success"] else "default",
            logs=[Line(Level.INFO, f"HTTP request {done}", data)],
            shared=remembered("http", result),
        )


def _message(values: Mapping[str, Any]) -> Message:
    form = values["form_data"]
    content, media_type = content_of(values.get("body")) if form is None else form_of(form)
    return Message(
        method=values["method"],
        url=with_query(values["url"], values["query_params"] or {}),
        headers=header_texts(values["headers"] or {}),
        content=content,
        media_type=media_type,
    )


def _auth(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """As of Flowker spec h, so that redirects do not carry it away. `auth` wins over the short forms."""
    given: Mapping[str, Any] = {**values, "token": values["bearer_token"]}
    if values["auth"] is not None:
        given = values["auth"]
        if found := _auth_problem(given):
            raise wrong("auth", found)
    match next((name for name in _SECRETS if given.get(name)), None):
        case "token":
            return {"type": "bearer", "config": {"token": given["token"]}}
        case "api_key":
            name = given.get("key_name") or _DEFAULT_KEY_NAME
            return {"type": "api_key", "config": {"value": given["api_key"], "key": name}}
        case "username":
            # Some services take a key as user name, without a password.
            pair = utf8(f"{given['username']}:{given.get('password') or ''}", "username")
            return {
                "type": "api_key",
                "config": {"value": f"Basic {b64encode(pair).decode()}", "key": "Authorization"},
            }
        case _:
            return None


def _auth_problem(auth: Mapping[str, Any]) -> str | None:
    """What is wrong with a map of credentials, before or after its texts are evaluated."""
    for name in (*_SECRETS, "password", "key_name"):
        value = auth.get(name)
        if value is not None and not isinstance(value, str):
            return f"needs a text as {name}"
    given = any(auth.get(name) for name in _SECRETS)
    return None if given else "needs username and password, or token, or api_key"
