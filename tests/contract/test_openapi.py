"""The published document says what the code says, and judges answers strictly."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from docs.generate import REFERENCE, concrete_errors, openapi_page
from flowker import errors
from flowker.errors import FlowkerError
from flowker.http.openapi.document import API_V1, V1, Face, document, path_of
from flowker.http.problems import api_v1_answer
from flowker.http.routes import FALLBACK, ROUTES
from flowker_local.functions import HTTP_FUNCTIONS
from tests.openapi import FORMATS, conforms, operations

EVERYWHERE = {
    FlowkerError,
    errors.Unauthorized,
    errors.Forbidden,
    errors.TokenRefused,
    errors.StoreUnavailable,
}
NOBODYS = {
    errors.MethodNotAllowed,
    errors.InjectedTimeout,
    errors.InjectedUnavailability,
    errors.TicketUsed,
}
"""Answered by the frame around the operations, and to the handshakes of sockets."""

FACES = (V1, API_V1)
DOCUMENTS = {face.name: document(face) for face in FACES}
each_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


def test_every_route_is_of_a_face() -> None:
    assert {route.face for route in ROUTES} == {face.name for face in FACES}


@each_face
def test_every_route_has_one_operation_and_every_operation_a_route(face: Face) -> None:
    routed = {(method, route.path) for route in face.routes for method in route.methods}
    assert {*face.operations} == routed


@each_face
def test_what_is_routed_is_in_the_document(face: Face) -> None:
    told = {(method, path_of(route)) for route in face.routes for method in route.methods}
    assert {(method, path) for method, path, _ in operations(face.name)} == told


@each_face
def test_the_document_is_openapi_3_1(face: Face) -> None:
    assert DOCUMENTS[face.name]["openapi"] == "3.1.0"
    validate(DOCUMENTS[face.name])


@each_face
def test_every_operation_introduces_itself(face: Face) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(face.name)]
    assert len(ids) == len({*ids})
    for _, path, operation in operations(face.name):
        assert operation["summary"], path
        assert operation["tags"][0] in [tag["name"] for tag in DOCUMENTS[face.name]["tags"]]
        named = [given["name"] for given in operation.get("parameters", ()) if given["in"] == "path"]
        assert named == re.findall(r"\{(\w+)\}", path)


@each_face
def test_only_the_public_operations_need_neither_key_nor_token(face: Face) -> None:
    public = {path_of(route): route.public for route in face.routes}
    for _, path, operation in operations(face.name):
        assert (operation.get("security") == []) is public[path]
        assert "401" in operation["responses"] or public[path]


def test_every_error_is_one_that_some_operation_answers() -> None:
    """A class without a code of its own is a special case of the one that it inherits the code from."""
    told = [operation for face in FACES for operation in face.operations.values()]
    named = {error for operation in told for error in operation.refusals} | EVERYWHERE
    silent = [
        error.__name__
        for error in concrete_errors()
        if "code" in vars(error) and error not in named | NOBODYS
    ]
    assert silent == []
    assert named & NOBODYS == set()


def test_the_codes_of_an_operation_stand_under_their_statuses() -> None:
    for method, path, operation in operations():
        for status, response in operation["responses"].items():
            if "$ref" not in response and int(status) >= 400 and "code" in json.dumps(response):
                schema = response["content"]["application/json"]["schema"]
                told = set(re.findall(r"`([A-Z0-9-]+)`", response["description"]))
                assert set(schema["properties"]["code"]["enum"]) <= told, (method, path, status)


def test_the_second_face_answers_one_code_under_each_status() -> None:
    for method, path, operation in operations(API_V1.name):
        told = API_V1.operations[method, path].refusals
        for error in told:
            status, code = api_v1_answer(error(""))
            response = operation["responses"][str(int(status))]
            assert "$ref" in response or f'"{code}"' in json.dumps(response), (method, path, status)


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _schemas(item)


@pytest.mark.parametrize(("face", "name"), [(face, name) for face in FACES for name in face.schemas])
def test_a_schema_is_one_and_its_examples_satisfy_it(face: Face, name: str) -> None:
    published = DOCUMENTS[face.name]
    schema = published["components"]["schemas"][name]
    Draft202012Validator.check_schema(schema)
    components = {"components": published["components"]}
    for part in _schemas(schema):
        examples = part.get("examples", ())
        for example in examples if isinstance(examples, list) else ():
            Draft202012Validator({**components, **part}, format_checker=FORMATS).validate(example)


@each_face
def test_every_schema_is_used(face: Face) -> None:
    told = json.dumps(DOCUMENTS[face.name])
    assert [name for name in face.schemas if f'"#/components/schemas/{name}"' not in told] == []


@pytest.mark.parametrize(("face", "name"), [(V1, "openapi.json"), (API_V1, "openapi-api-v1.json")])
def test_the_committed_document_is_up_to_date(face: Face, name: str) -> None:
    assert (REFERENCE / name).read_text() == openapi_page(face), "run `make docs`"


def test_functions_that_answer_requests_do_not_load_it() -> None:
    """They would start later for nothing."""
    ordinary = [name for name in HTTP_FUNCTIONS if name != "api_docs"]
    assert FALLBACK in ordinary
    code = (
        "import sys; from flowker_local.functions import handler\n"
        f"for name in {ordinary}: handler(name)\n"
        "sys.exit(any(name.startswith('flowker.http.openapi') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def answered(method: str, path: str, status: int, body: Any = None, **headers: str) -> httpx.Response:
    """An answer as a client would hold it."""
    request = httpx.Request(method, f"http://flowker.test{path}")
    named = {"X-Request-ID": "r", **{name.replace("_", "-"): text for name, text in headers.items()}}
    if body is None:
        return httpx.Response(status, headers=named, request=request)
    return httpx.Response(status, headers=named, json=body, request=request)


UNKNOWN = "00000000-0000-4000-8000-000000000000"
CREATED = {
    "workflowId": UNKNOWN,
    "version": "1.0.0",
    "status": "draft",
    "createdAt": "2026-03-01T10:00:00.000Z",
}
PROBLEM = {"code": "FLK-0100", "title": "Not Found", "message": "the workflow does not exist"}
WORKFLOW = f"/v1/workflows/{UNKNOWN}"


ACCOUNT = "/api/v1/accounts/me"
REFUSED = {"code": "not_found", "message": "there is no such account", "request_id": "r"}


def test_documented_answers_of_the_second_face_conform() -> None:
    conforms(answered("GET", ACCOUNT, 404, {"error": REFUSED}))
    conforms(answered("GET", "/api/v1/nothing", 404, {"error": REFUSED}))
    conforms(
        answered(
            "GET", ACCOUNT, 401, {"error": {**REFUSED, "code": "unauthorized"}}, WWW_Authenticate="Bearer"
        )
    )


def test_documented_answers_conform() -> None:
    conforms(answered("POST", "/v1/workflows", 201, CREATED))
    conforms(answered("DELETE", WORKFLOW, 204))
    conforms(answered("GET", WORKFLOW, 404, PROBLEM))
    conforms(answered("GET", "/v1/nothing", 404, {**PROBLEM, "code": "FLK-0400"}))
    conforms(
        answered(
            "GET", "/v1/workflows/from-template", 400, {**PROBLEM, "code": "FLK-0002", "title": "Bad Request"}
        )
    )


@pytest.mark.parametrize(
    "answer",
    [
        answered("POST", "/v1/workflows", 200, CREATED),
        answered("POST", "/v1/workflows", 201, {**CREATED, "extra": 1}),
        answered("POST", "/v1/workflows", 201, {**CREATED, "createdAt": "2026-03-01T10:00:00Z"}),
        answered("POST", "/v1/workflows", 201, {**CREATED, "workflowId": "1"}),
        answered("POST", "/v1/workflows", 201, {name: CREATED[name] for name in ("workflowId", "status")}),
        answered("POST", "/v1/workflows", 201, CREATED, Content_Type="text/plain"),
        answered("POST", "/v1/workflows", 201),
        answered("DELETE", WORKFLOW, 204, {}),
        answered("GET", WORKFLOW, 404, {**PROBLEM, "code": "FLK-0500"}),
        answered("GET", WORKFLOW, 404, {**PROBLEM, "title": "Missing"}),
        answered("GET", WORKFLOW, 404, {**PROBLEM, "detail": "x"}),
        answered("GET", WORKFLOW, 404, {"code": "FLK-0100"}),
        answered("GET", WORKFLOW, 503, {**PROBLEM, "code": "FLK-0801", "title": "Service Unavailable"}),
        answered("GET", WORKFLOW, 502, PROBLEM),
        answered("GET", WORKFLOW, 500, {**PROBLEM, "code": "FLK-9999", "title": "Internal Server Error"}),
        answered(
            "DELETE", "/v1/workflows", 405, {**PROBLEM, "code": "FLK-0302", "title": "Method Not Allowed"}
        ),
        answered("GET", "/v1/nothing", 404, PROBLEM),
        answered("GET", "/v1/nothing", 200, {}),
        answered("POST", "/v1/webhooks/payments/in", 201, {**CREATED}),
        answered("GET", ACCOUNT, 404, PROBLEM),
        answered("GET", ACCOUNT, 404, {"error": {**REFUSED, "code": "conflict"}}),
        answered("GET", ACCOUNT, 404, {"error": {"code": "not_found", "message": "m"}}),
        answered("GET", ACCOUNT, 401, {"error": {**REFUSED, "code": "unauthorized"}}),
        answered("GET", "/api/v1/nothing", 404, {"error": {**REFUSED, "code": "conflict"}}),
    ],
)
def test_anything_else_is_found(answer: httpx.Response) -> None:
    with pytest.raises(AssertionError):
        conforms(answer)
