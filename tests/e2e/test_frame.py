"""What settings add around every route: cross-origin requests, faults on request; and the id of each request (spec a.1)."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.servers import Api, Server, expect

PAGE = "https://console.example"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "idempotency-key,x-api-key",
}
ROUTES = ["/v1/workflows", "/health", "/v1/webhooks/any/path", "/v1/nothing-here"]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that one page may call, and that fails on request."""
    folder = tmp_path_factory.mktemp("frame") / "data"
    with Server(folder, "local", "--cors-origin", PAGE, "--fault-injection") as server:
        yield server


@pytest.fixture
def open_api(open_server: Server) -> Iterator[Api]:
    with closing(Api(open_server.url)) as client:
        yield client


@pytest.mark.parametrize("path", ROUTES)
def test_a_preflight_needs_no_key_and_grants_what_the_console_sends(open_server: Server, path: str) -> None:
    with closing(Api(open_server.url, None)) as nobody:
        answer = nobody.request("OPTIONS", path, headers=PREFLIGHT)
    assert answer.status_code == 204
    assert not answer.content
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Max-Age"] == "3600"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    methods = answer.headers["Access-Control-Allow-Methods"].split(",")
    assert methods == ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {
        "origin", "content-type", "accept", "authorization", "x-request-id", "x-api-key", "idempotency-key",
        "x-webhook-token",
    }  # fmt: skip


def test_an_answer_can_be_read_by_the_page_even_if_it_is_an_error(open_api: Api) -> None:
    for path in ["/v1/workflows", "/v1/executions/nothing"]:
        answer = open_api.get(path, headers={"Origin": PAGE})
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Vary"] == "Origin"
        exposed = answer.headers["Access-Control-Expose-Headers"].split(",")
        assert {"X-Webhook-Workflow-ID", "X-Webhook-Execution-ID"} <= set(exposed)


def test_what_an_answer_varies_by_stays_known(open_api: Api) -> None:
    varies = open_api.get("/swagger/doc.json", headers={"Origin": PAGE}).headers["Vary"]
    assert varies == "Accept-Encoding, Origin"


def test_other_pages_are_granted_nothing(open_api: Api) -> None:
    other = {**PREFLIGHT, "Origin": "https://elsewhere.example"}
    for answer in [
        open_api.request("OPTIONS", "/v1/workflows", headers=other),
        open_api.get("/v1/workflows", headers={"Origin": "https://elsewhere.example"}),
    ]:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("fault", "status", "code"), [("timeout", 504, "FLK-0800"), ("unavailable", 503, "FLK-0801")]
)
def test_a_request_that_asks_to_fail_fails(
    open_server: Server, path: str, fault: str, status: int, code: str
) -> None:
    with httpx.Client() as client:
        answer = client.get(f"{open_server.url}{path}", headers={"X-Test-Fault-Injection": fault})
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["title"] == {504: "Gateway Timeout", 503: "Service Unavailable"}[status]


def test_an_unknown_fault_is_none(open_api: Api) -> None:
    expect(open_api.get("/v1/workflows", headers={"X-Test-Fault-Injection": "earthquake"}), 200)


@pytest.mark.skip_moto
def test_neither_is_on_unless_asked_for(api: Api) -> None:
    answer = api.get("/health", headers={"Origin": PAGE, "X-Test-Fault-Injection": "timeout"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    refused = api.request("OPTIONS", "/v1/workflows", headers=PREFLIGHT)
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.skip_moto
@pytest.mark.parametrize("path", [*ROUTES, "/swagger/doc.json"])
def test_every_answer_has_a_request_id(api: Api, path: str) -> None:
    own = {api.get(path).headers["X-Request-ID"] for _ in range(2)}
    assert len(own) == 2
    named = api.get(path, headers={"X-Request-ID": "console-42/7"})
    assert named.headers["X-Request-ID"] == "console-42/7"


@pytest.mark.skip_moto
@pytest.mark.parametrize("name", ["", "x" * 129, "with space", "tab\tin it", "<script>"])
def test_a_request_id_that_cannot_be_logged_is_replaced(api: Api, name: str) -> None:
    assert api.get("/health", headers={"X-Request-ID": name}).headers["X-Request-ID"] not in ("", name)
