"""The published documents as a judge: is this answer one that they promise?"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator

from flowker.http.openapi.document import API_V1, V1, Face, document
from flowker.http.problems import is_api_v1

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
FORMATS = FormatChecker(["uuid", "date-time"])
UNROUTED = {404: "FLK-0400", 405: "FLK-0302", 401: "UNAUTHORIZED", 403: "FORBIDDEN"}
"""What may be answered where the document has no operation."""
UNROUTED_API_V1 = {404: "not_found", 401: "unauthorized"}


def conforms(answer: httpx.Response) -> None:
    """Raises `AssertionError` unless the document says that this request may be answered so: status, headers, media type
    and body. Objects may have no fields but those it names, and an unexpected failure is one even where it is documented."""
    request = answer.request
    if _is_preflight(request) or _is_injected(answer):
        return
    where = f"{request.method} {request.url.path} answered {answer.status_code} {answer.text[:1000]!r}"
    assert answer.status_code != 500, where
    path = request.url.raw_path.decode().partition("?")[0]
    face = face_of(path)
    found = _operation(face, request.method.lower(), path)
    if found is None:
        _check_unrouted(face, answer, where)
        return
    key, operation = found
    promised = operation["responses"]
    assert str(answer.status_code) in promised, f"{where}, which is documented only for {', '.join(promised)}"
    response = _resolved(face, "responses", promised[str(answer.status_code)])
    _check_headers(face, response["headers"], answer, where)
    _check_body(face, response.get("content", {}), f"{key} {answer.status_code}", answer, where)


def face_of(path: str) -> str:
    """The name of the face whose document judges this path."""
    return API_V1.name if is_api_v1(path) else V1.name


def _check_unrouted(face: str, answer: httpx.Response, where: str) -> None:
    codes = UNROUTED if face == V1.name else UNROUTED_API_V1
    assert answer.status_code in codes, f"{where}, and the document has no such operation"
    assert "X-Request-ID" in answer.headers
    if face == V1.name:
        assert ("Allow" in answer.headers) is (answer.status_code == 405)
    if answer.content:
        _check(_judge(face, "Problem" if face == V1.name else "Error"), answer.json(), where)
        body = answer.json() if face == V1.name else answer.json()["error"]
        assert body["code"] == codes[answer.status_code], where


def _is_preflight(request: httpx.Request) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _is_injected(answer: httpx.Response) -> bool:
    return "X-Test-Fault-Injection" in answer.request.headers and answer.status_code in (503, 504)


def _check_headers(face: str, headers: Mapping[str, Any], answer: httpx.Response, where: str) -> None:
    for name, header in headers.items():
        described = _resolved(face, "headers", header)
        text = answer.headers.get(name)
        assert text is not None or not described.get("required"), f"{where} without {name}"
        if text is not None:
            value = int(text) if described["schema"].get("type") == "integer" else text
            judge = Draft202012Validator(described["schema"], format_checker=FORMATS)
            _check(judge, value, f"{where} with {name}: {text}")


def _check_body(face: str, content: Mapping[str, Any], key: str, answer: httpx.Response, where: str) -> None:
    if not content:
        assert not answer.content, f"{where} with a body"
        assert "Content-Type" not in answer.headers, f"{where} with a media type and no body"
        return
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    assert kind in content, f"{where} as {kind}, which is documented only as {', '.join(content)}"
    if kind == "application/json":
        _check(_judge(face, f"{key} {kind}"), answer.json(), where)
    elif kind == "application/x-ndjson":
        for line in answer.text.splitlines():
            _check(_judge(face, "AuditExportLine"), json.loads(line), where)


def _check(judge: Validator, value: Any, where: str) -> None:
    error = next(judge.iter_errors(value), None)
    assert error is None, f"{where}: {error.json_path} {error.message}"


FACES: Mapping[str, Face] = {face.name: face for face in (V1, API_V1)}


@cache
def _published(face: str) -> dict[str, Any]:
    return document(FACES[face])


@cache
def _patterns(face: str) -> list[tuple[re.Pattern[str], str]]:
    """Paths without parameters first, as OpenAPI demands; only webhooks take several segments."""
    paths = sorted(_published(face)["paths"], key=lambda path: (path.count("{"), path))
    return [
        (re.compile(re.sub(r"\{\w+\}", ".+" if path.startswith("/v1/webhooks/") else "[^/]+", path)), path)
        for path in paths
    ]


def _operation(face: str, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    for pattern, template in _patterns(face):
        if pattern.fullmatch(path) and method in _published(face)["paths"][template]:
            return f"{method} {template}", _published(face)["paths"][template][method]
    return None


def _resolved(face: str, kind: str, described: dict[str, Any]) -> dict[str, Any]:
    reference = described.get("$ref")
    if reference is None:
        return described
    found: dict[str, Any] = _published(face)["components"][kind][reference.rpartition("/")[2]]
    return found


@cache
def _judge(face: str, key: str) -> Validator:
    """For a component by its name, or for the body of `<method> <path> <status> <media type>`."""
    components = _components(face)
    if key in components["schemas"]:
        schema: Any = {"$ref": f"#/components/schemas/{key}"}
    else:
        method, path, status, kind = key.split(" ")
        responses = _published(face)["paths"][path][method]["responses"]
        schema = closed(_resolved(face, "responses", responses[status])["content"][kind]["schema"])
    return Draft202012Validator({"components": components, **schema}, format_checker=FORMATS)


@cache
def _components(face: str) -> dict[str, Any]:
    return {"schemas": closed(_published(face)["components"]["schemas"])}


def closed(schema: Any) -> Any:
    """The same schema, in which objects with named properties have no others."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        inner.setdefault("additionalProperties", False)
    return inner


def operations(face: str = V1.name) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    for path, item in _published(face)["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]
