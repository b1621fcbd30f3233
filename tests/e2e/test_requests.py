"""What every route does with a request before it looks at its meaning: key, route, identifier, body (Flowker spec a.1)."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing

import pytest

from flowker.http.routes import PUBLIC, ROUTES, Route
from tests.accounts import refused
from tests.samples import create_configuration, create_workflow, unique
from tests.servers import Api, expect

MIB = 1_048_576
UNKNOWN = "00000000-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.skip_moto


@pytest.fixture
def nobody(target: str) -> Iterator[Api]:
    """A caller without a key."""
    with closing(Api(target, None)) as client:
        yield client


def _requests(routes: Iterable[Route]) -> list[tuple[str, str]]:
    """Method and path of these routes, with an identifier that nothing has."""
    return [
        (method, re.sub(r"\{\w+\+?\}", UNKNOWN, route.path)) for route in routes for method in route.methods
    ]


def test_every_route_but_the_public_ones_asks_for_the_key(target: str, nobody: Api) -> None:
    with closing(Api(target, "wrong")) as stranger:
        for method, path in _requests(route for route in ROUTES if not route.public):
            for client in (nobody, stranger):
                answer = client.request(method, path)
                if path.startswith("/api/v1/"):
                    refused(answer, 401, "unauthorized")
                else:
                    expect(answer, 401, "UNAUTHORIZED")


def test_the_public_routes_answer_without_a_key(nobody: Api) -> None:
    for method, path in _requests(route for route in ROUTES if route.function in PUBLIC):
        assert nobody.request(method, path).status_code in (200, 302, 404)


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/v1/workflows", b"{"),
        ("POST", "/v1/workflows", b"x" * (MIB + 1)),
        ("PUT", "/v1/workflows/not-a-uuid", b""),
        ("GET", "/v1/provider-configurations?limit=none", b""),
        ("POST", f"/v1/workflows/{UNKNOWN}/executions", b"x" * (MIB + 1)),
        ("POST", "/v1/webhooks/unknown", b"x" * (MIB + 1)),
        ("DELETE", "/v1/catalog/executors", b""),
        ("GET", "/v1/nothing-here", b""),
        ("GET", "/", b""),
    ],
)
def test_the_key_is_checked_before_anything_else(nobody: Api, method: str, path: str, content: bytes) -> None:
    expect(nobody.request(method, path, content=content), 401, "UNAUTHORIZED")


def test_a_key_that_is_not_ascii_is_just_wrong(nobody: Api) -> None:
    answer = nobody.get("/v1/workflows", headers={"X-API-Key": "clé".encode("latin-1")})
    expect(answer, 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing-here", "/v1/workflows/", "/v2/workflows", "/v1/webhooks"]
)
def test_an_unknown_route_is_404(api: Api, path: str) -> None:
    expect(api.get(path), 404, "FLK-0400")
    expect(api.post(path, {}), 404, "FLK-0400")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", f"/v1/workflows/{UNKNOWN}", "DELETE, GET, PUT"),
        ("DELETE", "/v1/workflows", "GET, POST"),
        ("GET", f"/v1/workflows/{UNKNOWN}/activate", "POST"),
        ("PUT", f"/v1/provider-configurations/{UNKNOWN}", "DELETE, GET, PATCH"),
        ("POST", "/v1/catalog/providers", "GET"),
        ("POST", "/health", "GET"),
        ("HEAD", "/v1/workflows", "GET, POST"),
        ("HEAD", "/health", "GET"),
        ("OPTIONS", f"/v1/workflows/{UNKNOWN}", "DELETE, GET, PUT"),
        ("TRACE", "/v1/catalog/providers", "GET"),
    ],
)
def test_a_method_that_a_route_does_not_have_is_405_and_says_which_it_has(
    api: Api, method: str, path: str, allowed: str
) -> None:
    answer = api.request(method, path)
    assert answer.headers["Allow"] == allowed
    if method == "HEAD":
        assert (answer.status_code, answer.content) == (405, b"")
    else:
        expect(answer, 405, "FLK-0302")


def _spellings(text: str) -> list[str]:
    return [text, text.upper(), text.replace("-", ""), text.replace("-", "").upper()]


def test_a_uuid_may_be_canonical_or_32_digits_in_any_letter_case(api: Api) -> None:
    workflow_id = create_workflow(api, {"name": unique()})
    configuration_id = create_configuration(api, "http://provider.test")
    for collection, known in (("workflows", workflow_id), ("provider-configurations", configuration_id)):
        assert known == known.lower()
        for spelling in _spellings(known):
            assert expect(api.get(f"/v1/{collection}/{spelling}"), 200)["id"] == known


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1",
        f"urn:uuid:{UNKNOWN}",
        f"%7B{UNKNOWN}%7D",
        UNKNOWN[:-1],
        f"{UNKNOWN}0",
        "-" * 36,
        "%22",
        "a%2Fb",
    ],
)
def test_anything_else_is_no_uuid(api: Api, text: str) -> None:
    for method, path in (
        ("GET", f"/v1/workflows/{text}"),
        ("PUT", f"/v1/workflows/{text}"),
        ("DELETE", f"/v1/workflows/{text}"),
        ("POST", f"/v1/workflows/{text}/clone"),
        ("POST", f"/v1/workflows/{text}/activate"),
        ("GET", f"/v1/provider-configurations/{text}"),
        ("PATCH", f"/v1/provider-configurations/{text}"),
        ("POST", f"/v1/provider-configurations/{text}/disable"),
    ):
        # The identifier is checked before the body, which is wrong too.
        assert expect(api.request(method, path, content=b"{", headers=JSON), 400, "FLK-0002")["fields"] == {
            "id": "must be a UUID"
        }


BODY_ROUTES = [
    ("POST", "/v1/workflows"),
    ("PUT", f"/v1/workflows/{UNKNOWN}"),
    ("POST", f"/v1/workflows/{UNKNOWN}/clone"),
    ("POST", "/v1/provider-configurations"),
    ("PATCH", f"/v1/provider-configurations/{UNKNOWN}"),
    ("POST", "/v1/catalog/executors/http/validate"),
]


def test_a_number_with_too_many_digits_is_refused_without_telling_internals(api: Api) -> None:
    content = b'{"name":' + b"9" * 5000 + b"}"
    problem = expect(api.request("POST", "/v1/workflows", content=content, headers=JSON), 400, "FLK-0001")
    assert problem["message"] == "the body is not JSON: a number is out of range"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"{",
        b'{"name":}',
        b'{"name":"x",}',
        b"{'name':'x'}",
        b'{"name":"x"} {}',
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b'{"name":NaN}',
        b'{"name":-Infinity}',
        b'{"name":1e99999999999999999999}',
        b'{"name":"\xff"}',
        b'{"name":"\xed\xa0\x80"}',
        rb'{"name":"\ud800"}',
        rb'{"name":"\udfff x"}',
        rb'{"metadata":{"\udc00":1}}',
        b'{"metadata":' + b"[" * 101 + b"]" * 101 + b"}",
        b'{"metadata":' + b'{"a":' * 700 + b"1" + b"}" * 700 + b"}",
        b'{"metadata":' + b"[" * 500_000,
        b"\x00",
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(api: Api, content: bytes) -> None:
    for method, path in BODY_ROUTES:
        expect(api.request(method, path, content=content, headers=JSON), 400, "FLK-0001")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "x"]
)
def test_a_body_of_another_media_type_is_refused(api: Api, media_type: str) -> None:
    for method, path in BODY_ROUTES:
        answer = api.request(method, path, content=b'{"name":"x"}', headers={"Content-Type": media_type})
        assert "Content-Type" in expect(answer, 400, "FLK-0001")["fields"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "application/json; charset=utf-8"}, {"Content-Type": "APPLICATION/JSON"}],
)
def test_json_is_accepted_with_a_charset_in_any_letter_case_and_by_default(
    api: Api, headers: dict[str, str]
) -> None:
    content = json.dumps({"name": unique()}).encode()
    expect(api.request("POST", "/v1/workflows", content=content, headers=headers), 201)


def test_unknown_fields_are_ignored(api: Api) -> None:
    expect(api.post("/v1/workflows", {"name": unique(), "id": "mine", "status": "active", "other": 1}), 201)


def _padded(size: int) -> bytes:
    """The body of a workflow that has exactly this many bytes."""
    empty = json.dumps({"name": unique(), "metadata": {"padding": ""}})
    content = empty.replace('""', f'"{"x" * (size - len(empty))}"').encode()
    assert len(content) == size
    return content


def test_a_body_of_one_mib_is_accepted(api: Api) -> None:
    created = api.request("POST", "/v1/workflows", content=_padded(MIB), headers=JSON)
    expect(api.delete(f"/v1/workflows/{expect(created, 201)['workflowId']}"), 204)


def _in_chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


def test_one_byte_more_is_too_large_on_every_route(api: Api) -> None:
    content = _padded(MIB + 1)
    for method, path in BODY_ROUTES:
        expect(api.request(method, path, content=content, headers=JSON), 413, "FLK-0506")
    # Without a Content-Length, and far above the limit.
    answer = api.request("POST", "/v1/workflows", content=_in_chunks(content * 3), headers=JSON)
    expect(answer, 413, "FLK-0506")


def test_bytes_that_are_no_text_are_measured_exactly(api: Api) -> None:
    """They travel as Base64, which is longer."""
    for size, status, code in ((MIB, 400, "FLK-0001"), (MIB + 1, 413, "FLK-0506")):
        expect(api.request("POST", "/v1/workflows", content=b"\xff" * size, headers=JSON), status, code)


def test_routes_without_a_body_ignore_one(api: Api) -> None:
    workflow_id = create_workflow(api, {"name": unique()})
    path = f"/v1/workflows/{workflow_id}"
    for content in (b"{", b"\xff" * 10, b"x" * (MIB + 1)):
        expect(api.request("POST", f"{path}/deactivate", content=content), 422, "FLK-0102")
        expect(api.request("GET", path, content=content), 200)
    expect(api.request("DELETE", path, content=b"{"), 204)
