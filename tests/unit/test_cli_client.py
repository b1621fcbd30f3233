"""The client of the command line: what it repeats, what it never sends, how it tells what went wrong."""

import time
from pathlib import Path

import pytest

from tests.servers import free_port
from tests.terminal import Answer, Terminal, canned

FLOW = b'{"id":"flow-1","name":"F","tags":[],"amount":0.10}'
STARTED = (
    b'{"execution_id":"exec-1","flow_id":"flow-1","status":"running","created_at":"2026-01-01T00:00:00.000Z"}'
)
DONE = b'{"message":"Flow deleted successfully"}'
BUSY = (
    503,
    {"Retry-After": "1"},
    b'{"error":{"code":"internal_error","message":"try again","request_id":"1"}}',
)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, FLOWKER_TOKEN="t0ken", FLOWKER_API_KEY="k3y")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("flow", "get", "flow-1"), FLOW),
        (("flow", "update", "flow-1", "--name", "F"), FLOW),
        (("flow", "delete", "flow-1", "--force"), DONE),
    ],
)
def test_what_is_idempotent_is_repeated_as_late_as_the_server_asks_for(
    arguments: tuple[str, ...], answer: bytes, terminal: Terminal
) -> None:
    with canned(BUSY, (200, {}, answer)) as server:
        started = time.monotonic()
        terminal.run("--server", server.url, *arguments)
        assert time.monotonic() - started >= 1
    assert len(server.seen) == 2
    assert server.seen[0] == server.seen[1]


def test_a_start_is_repeated_with_its_key(terminal: Terminal) -> None:
    busy: Answer = (503, {}, b"")
    with canned(busy, busy, (201, {}, STARTED)) as server:
        terminal.run("--server", server.url, "flow", "run", "flow-1")
        keys = {headers["Idempotency-Key"] for _, _, headers, _ in server.seen}
        server.answers.append((201, {}, STARTED))
        terminal.run("--server", server.url, "flow", "run", "flow-1")
        server.answers.append((201, {}, STARTED))
        terminal.run("--server", server.url, "flow", "run", "flow-1", "--idempotency-key", "mine")
    assert len(keys) == 1
    assert server.seen[3][2]["Idempotency-Key"] not in keys
    assert server.seen[4][2]["Idempotency-Key"] == "mine"


def test_what_would_be_done_twice_is_not_repeated(terminal: Terminal) -> None:
    with canned(BUSY) as server:
        body = terminal.fails(
            "--server", server.url, "account", "create", "--name", "n", "--email", "e", "--password", "p"
        )
        assert "internal_error: try again" in body
    assert len(server.seen) == 1


def test_in_the_end_the_servers_own_reason_is_told(terminal: Terminal) -> None:
    now: Answer = (503, {}, BUSY[2])
    with canned(*[now] * 4) as server:
        assert "internal_error: try again" in terminal.fails("--server", server.url, "flow", "get", "flow-1")
    assert len(server.seen) == 4


def test_other_failures_are_not_repeated(terminal: Terminal) -> None:
    for status in (500, 502, 504, 429, 404):
        with canned((status, {"Retry-After": "1"}, b"<html>")) as server:
            assert f"answered {status}" in terminal.fails("--server", server.url, "flow", "get", "flow-1")


def test_credentials_do_not_follow_a_redirection(terminal: Terminal) -> None:
    with canned() as other, canned((307, {"Location": f"{other.url}/x"}, b"")) as server:
        assert "answered 307" in terminal.fails("--server", server.url, "flow", "get", "flow-1")
        assert other.seen == []


def test_a_server_that_is_not_there_is_told_at_once(terminal: Terminal) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    said = terminal.fails("--server", address, "flow", "list")
    assert time.monotonic() - started < 2
    assert said == f"flowker: cannot reach {address}: Connection refused\n"


@pytest.mark.parametrize("content", [b"<html>", b"\xff", b'{"a": NaN}', b"[]"])
def test_a_server_that_is_no_flowker_is_told(content: bytes, terminal: Terminal) -> None:
    with canned((200, {}, content)) as server:
        assert "is it Flowker?" in terminal.fails("--server", server.url, "flow", "get", "flow-1")


def test_every_mistake_of_a_definition_is_a_line_with_its_place(terminal: Terminal, tmp_path: Path) -> None:
    error = (
        b'{"error":{"code":"validation_error","message":"two mistakes","details":{"field":"a","reason":"x","errors":['
        b'{"field":"a","code":"X","reason":"x","line":3,"column":5},{"field":"b","code":"Y","reason":"y"}]}}}'
    )
    with canned((422, {}, error)) as server:
        said = terminal.fails("--server", server.url, "flow", "validate", "--file", "-", stdin="x: 1")
    assert said.splitlines() == [
        "flowker: validation_error: two mistakes",
        "  a (line 3, column 5): x",
        "  b: y",
    ]


def test_errors_of_v1_name_their_fields(terminal: Terminal) -> None:
    error = (
        b'{"code":"FLK-0110","title":"Bad Request","message":"name is required","fields":{"name":"required"}}'
    )
    with canned((400, {}, error)) as server:
        said = terminal.fails("--server", server.url, "workflow", "create", "--file", "-", stdin="{}")
    assert said == "flowker: FLK-0110: name is required\n  name: required\n"


def test_whoever_is_not_known_is_told_what_to_do(terminal: Terminal) -> None:
    with canned((401, {}, b'{"error":{"code":"unauthorized","message":"expired"}}')) as server:
        assert "run `flowker login`" in terminal.fails("--server", server.url, "flow", "list")
    with canned((401, {}, b'{"code":"UNAUTHORIZED","message":"no key"}')) as server:
        assert "--api-key" in terminal.fails("--server", server.url, "workflow", "list")


def test_debug_tells_what_is_asked_but_no_credentials(terminal: Terminal) -> None:
    with canned((503, {}, b""), (200, {"X-Request-ID": "r-1"}, FLOW)) as server:
        done = terminal.run("--server", server.url, "--debug", "flow", "get", "flow-1")
    assert "GET /api/v1/flows/flow-1 -> 200" in done.stderr
    assert "2 attempts (request r-1)" in done.stderr
    assert "t0ken" not in done.output
    assert "k3y" not in done.output


def test_ids_cannot_lead_to_other_paths(terminal: Terminal) -> None:
    with canned((200, {}, FLOW)) as server:
        terminal.run("--server", server.url, "flow", "get", "../accounts/me?x=1")
        assert server.seen[0][1] == "/api/v1/flows/..%2Faccounts%2Fme%3Fx%3D1"
        assert "names nothing" in terminal.fails("--server", server.url, "flow", "get", "..")
        assert "names nothing" in terminal.fails("--server", server.url, "flow", "get", "")


def test_a_long_list_is_put_together_from_pages(terminal: Terminal) -> None:
    def page(first: int, count: int) -> tuple[int, dict[str, str], bytes]:
        rows = ",".join(f'{{"id":"flow-{number}"}}' for number in range(first, first + count))
        return 200, {}, f'{{"flows":[{rows}],"total":150,"limit":100,"offset":{first}}}'.encode()

    with canned(page(10, 100), page(110, 20)) as server:
        found = terminal.json("--server", server.url, "flow", "list", "--limit", 120, "--offset", 10)
    assert [seen[1] for seen in server.seen] == [
        "/api/v1/flows?limit=100&offset=10",
        "/api/v1/flows?limit=20&offset=110",
    ]
    assert [each["id"] for each in found["flows"]] == [f"flow-{number}" for number in range(10, 130)]
    assert {**found, "flows": 0} == {"flows": 0, "total": 150, "limit": 120, "offset": 10}


def test_a_list_with_cursors_is_put_together_too(terminal: Terminal) -> None:
    first = b'{"items":[{"id":"1"},{"id":"2"}],"nextCursor":"c","hasMore":true}'
    second = b'{"items":[{"id":"3"}],"nextCursor":"","hasMore":false}'
    with canned((200, {}, first), (200, {}, second)) as server:
        found = terminal.json("--server", server.url, "workflow", "list", "--status", "active")
    assert [seen[1] for seen in server.seen] == [
        "/v1/workflows?status=active&limit=20",
        "/v1/workflows?cursor=c&limit=18",
    ]
    assert found == {"items": [{"id": "1"}, {"id": "2"}, {"id": "3"}], "nextCursor": "", "hasMore": False}


@pytest.mark.parametrize("said", ["{", "[]", "1", '"x"'])
def test_an_input_that_is_no_object_is_not_sent(said: str, terminal: Terminal) -> None:
    with canned() as server:
        assert "the input is not" in terminal.misunderstands(
            "--server", server.url, "flow", "run", "f", "--input-json", said
        )
        assert server.seen == []


def test_numbers_of_an_input_stay_exact(terminal: Terminal) -> None:
    with canned((201, {}, STARTED)) as server:
        terminal.run(
            "--server",
            server.url,
            "flow",
            "run",
            "f",
            "--input",
            "-",
            stdin='{"a": 0.10, "b": 12345678901234567890}',
        )
    assert server.seen[0][3] == b'{"input":{"a":0.10,"b":12345678901234567890}}'


@pytest.mark.parametrize("value", ["hush\n", "hush\r\nX-Other: 1", "hush\u2026"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("FLOWKER_TOKEN", ("flow", "list")),
        ("FLOWKER_TOKEN", ("execution", "monitor", "exec-1")),
        ("FLOWKER_API_KEY", ("workflow", "list")),
    ],
)
def test_a_credential_that_cannot_be_sent_is_told_and_not_shown(
    name: str, arguments: tuple[str, ...], value: str, tmp_path: Path
) -> None:
    with canned() as server:
        said = Terminal(tmp_path, server.url, **{name: value}).fails(*arguments)
    assert "has a character that cannot be sent" in said
    assert "hush" not in said
    assert server.seen == []


def test_a_key_that_cannot_be_sent_is_told(terminal: Terminal) -> None:
    with canned() as server:
        said = terminal.fails("--server", server.url, "flow", "run", "flow-1", "--idempotency-key", "a\nb")
    assert "Idempotency-Key has a character that cannot be sent" in said
    assert server.seen == []
