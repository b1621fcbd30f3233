"""The contract of `ports.sockets.Sockets`: the fake, the sockets of one machine, and an API Gateway over HTTP."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.config import Config

from flowker.adapters.sockets import ApiGatewaySockets
from flowker.errors import StoreUnavailable
from flowker.ports.sockets import Posted, Sockets
from flowker_local.sockets import MOST_WAITING, LocalSockets
from tests.fakes import RecordingSockets

OPEN, OTHER = "open+/=", "other="
GONE = "gone="


@dataclass
class Gateway:
    """What the connections behind a gateway have seen."""

    sockets: Sockets
    sent: Callable[[str], list[str]]
    closed: Callable[[], set[str]]


@dataclass
class Service:
    """API Gateway's management API, as far as it is used here. `status` is what it answers for some connections."""

    sent: dict[str, list[str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    status: dict[str, tuple[int, str]] = field(default_factory=lambda: {GONE: (410, "GoneException")})

    def handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(lambda name: service.sent.setdefault(name, []).append(text))

            def do_DELETE(self) -> None:
                self._answer(service.closed.add)

            def _answer(self, note: Callable[[str], object]) -> None:
                stage, _, name = unquote(self.path).removeprefix("/").partition("/@connections/")
                assert stage == "live"
                status, error = service.status.get(name, (200, ""))
                if status == 200:
                    note(name)
                self.send_response(status)
                if error:
                    self.send_header("x-amzn-errortype", error)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler

    @contextmanager
    def gateway(self) -> Iterator[ApiGatewaySockets]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        thread = Thread(target=server.serve_forever)
        thread.start()
        client = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-central-1"
        ).client(
            "apigatewaymanagementapi",
            endpoint_url=f"http://127.0.0.1:{server.server_address[1]}/live",
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )
        try:
            yield ApiGatewaySockets(client)
        finally:
            client.close()
            server.shutdown()
            server.server_close()
            thread.join()


@contextmanager
def fake() -> Iterator[Gateway]:
    sockets = RecordingSockets()
    sockets.left.add(GONE)
    yield Gateway(sockets, lambda name: sockets.sent.get(name, []), lambda: set(sockets.closed))


@contextmanager
def api_gateway() -> Iterator[Gateway]:
    service = Service()
    with service.gateway() as sockets:
        yield Gateway(sockets, lambda name: service.sent.get(name, []), lambda: service.closed)


@contextmanager
def local() -> Iterator[Gateway]:
    loop = asyncio.new_event_loop()
    sockets = LocalSockets(loop)
    sent: dict[str, list[str]] = {OPEN: [], OTHER: []}
    closed: set[str] = set()
    tasks = []

    def settle() -> None:
        loop.run_until_complete(asyncio.sleep(0.01))

    for name in sent:

        async def note(message: Any, name: str = name) -> None:
            if message["type"] == "websocket.send":
                sent[name].append(message["text"])
            else:
                assert message == {"type": "websocket.close", "code": 1000}
                closed.add(name)

        sockets.open(name, "exec-1")
        tasks.append(loop.create_task(sockets.send(name, note)))

    def seen(name: str) -> list[str]:
        settle()
        return sent.get(name, [])

    def over() -> set[str]:
        settle()
        return closed

    yield Gateway(sockets, seen, over)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()


@pytest.fixture(params=[fake, local, api_gateway])
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    with request.param() as found:
        yield found


def test_each_connection_gets_its_messages_in_order(gateway: Gateway) -> None:
    first, second = [f"a{n} ü" for n in range(20)], ["b"]
    assert gateway.sockets.post({OPEN: first, OTHER: second}) == Posted()
    assert (gateway.sent(OPEN), gateway.sent(OTHER)) == (first, second)
    assert gateway.sockets.post({OPEN: ["more"]}) == Posted()
    assert gateway.sent(OPEN) == [*first, "more"]


def test_one_that_has_left_is_told_and_holds_up_nobody(gateway: Gateway) -> None:
    assert gateway.sockets.post({GONE: ["a"], OPEN: ["b"]}) == Posted(gone=frozenset([GONE]))
    assert (gateway.sent(GONE), gateway.sent(OPEN)) == ([], ["b"])


def test_closing_comes_after_what_was_posted_and_is_harmless_for_those_that_have_left(
    gateway: Gateway,
) -> None:
    gateway.sockets.post({OPEN: ["last"]})
    gateway.sockets.close([OPEN, GONE])
    assert (gateway.closed(), gateway.sent(OPEN)) == ({OPEN}, ["last"])


# --- API Gateway -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [(429, "LimitExceededException"), (500, "InternalServerError")])
def test_a_gateway_that_is_overloaded_makes_connections_late(status: tuple[int, str]) -> None:
    service = Service()
    service.status[OPEN] = status
    with service.gateway() as sockets:
        assert sockets.post({OPEN: ["a"], OTHER: ["b"]}) == Posted(late=frozenset([OPEN]))
        assert service.sent == {OTHER: ["b"]}


def test_a_gateway_that_is_away_makes_all_late_and_cannot_close() -> None:
    with Service().gateway() as sockets:
        pass
    client = boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-central-1"
    ).client(
        "apigatewaymanagementapi",
        endpoint_url="http://127.0.0.1:9/live",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    sockets = ApiGatewaySockets(client)
    assert sockets.post({OPEN: ["a"]}) == Posted(late=frozenset([OPEN]))
    with pytest.raises(StoreUnavailable):
        sockets.close([OPEN])


def test_a_mistake_of_our_own_is_not_hidden() -> None:
    service = Service()
    service.status[OPEN] = (403, "ForbiddenException")
    with service.gateway() as sockets, pytest.raises(Exception, match="Forbidden"):
        sockets.post({OPEN: ["a"]})


# --- one machine -----------------------------------------------------------------------------------------------------


def test_what_is_posted_before_a_socket_is_accepted_waits_for_it() -> None:
    async def scenario() -> list[Any]:
        sockets, sent = LocalSockets(asyncio.get_running_loop()), []
        sockets.open("a", "exec-1")
        assert sockets.post({"a": ["1", "2"]}) == Posted()
        sockets.close(["a"])
        assert sockets.post({"a": ["3"]}).gone == {"a"}

        async def send(message: Any) -> None:
            sent.append(message.get("text") or message["code"])

        await sockets.send("a", send)
        sockets.forget("a")
        return sent

    assert asyncio.run(scenario()) == ["1", "2", 1000]


def test_a_socket_that_takes_nothing_is_full_after_a_while_and_keeps_what_it_was_given() -> None:
    async def scenario() -> None:
        sockets = LocalSockets(asyncio.get_running_loop())
        sockets.open("slow", "exec-1")
        assert sockets.follows("exec-1")
        rounds = 0
        while sockets.post({"slow": ["x" * 100] * 50}) == Posted():
            rounds += 1
        assert rounds == MOST_WAITING // 50
        assert sockets.post({"slow": ["x"] * 50}).late == {"slow"}
        sockets.forget("slow")
        assert not sockets.follows("exec-1")
        assert sockets.post({"slow": ["x"]}).gone == {"slow"}

    asyncio.run(scenario())


def test_a_delivery_that_is_larger_than_what_may_wait_is_taken_by_itself() -> None:
    async def scenario() -> None:
        sockets = LocalSockets(asyncio.get_running_loop())
        sockets.open("a", "exec-1")
        assert sockets.post({"a": ["x" * 100_000] * 50}) == Posted()
        assert sockets.post({"a": ["x"]}).late == {"a"}

    asyncio.run(scenario())
