"""Calls to providers over real sockets (Flowker spec c.3, d.7, g.5, h)."""

import gzip
import logging
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Any

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import MAX_BODY, OutboundHttp
from flowker.model.outbound import CallFailed, OutboundRequest
from tests.integration.outbound.calls import (
    BEARER,
    QUERY_KEY,
    client,
    fails_for_good,
    fails_for_now,
    get,
    post,
    resolve,
    seen,
)
from tests.integration.outbound.provider_server import Call, ProviderServer, never_reads, sips

# --- one exchange ----------------------------------------------------------------------------------------------------


def test_a_call_brings_back_what_the_provider_answered(provider: ProviderServer, http: OutboundHttp) -> None:
    def behaviour(call: Call) -> None:
        call.answer(201, b"caf\xc3\xa9", {"x-request-ID": "7", "Warning": "a", "content-type": "text/plain"})

    provider.behaviours["/orders"] = behaviour
    response = http.send(post(provider.url("/orders?x=1#top"), b'{"a":1}'))
    assert (response.status, response.reason) == (201, "Created")
    assert response.url == provider.url("/orders?x=1")
    assert response.body == "café".encode()
    assert response.headers["X-Request-Id"] == "7"
    assert response.headers["Content-Type"] == "text/plain"
    assert provider.received[0].body == b'{"a":1}'


@pytest.mark.parametrize("status", [204, 304, 400, 404, 429, 500, 503, 599])
def test_any_status_is_an_answer(provider: ProviderServer, http: OutboundHttp, status: int) -> None:
    provider.behaviours["/"] = lambda call: call.answer(status)
    assert http.send(get(provider.url("/"))).status == status


def test_several_values_of_a_header_are_joined(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.raw(
        b"HTTP/1.1 200 \r\nVary: a\r\nX-Name: Jos\xe9\r\nvary: b\r\nContent-Length: 0\r\n\r\n"
    )
    response = http.send(get(provider.url("/")))
    assert response.headers["Vary"] == "a, b"
    assert response.headers["X-Name"] == "José"
    assert response.reason == "OK"


def test_defaults_are_filled_in_and_can_be_overridden_in_any_case(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    headers = seen(http.send(post(provider.url("/"))))["headers"]
    assert headers["user-agent"] == "flowker/1.2"
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{provider.port}"
    assert "content-type" not in seen(http.send(get(provider.url("/"))))["headers"]
    given = {"USER-AGENT": "mine", "Content-Type": "text/csv", "content-type": "text/plain"}
    headers = seen(http.send(post(provider.url("/"), headers=given)))["headers"]
    assert (headers["user-agent"], headers["content-type"]) == ("mine", "text/plain")


def test_query_parameters_are_merged_over_those_of_the_url(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    response = http.send(get(provider.url("/s?a=1&b=2"), query={"b": "3 &", "c": "é"}))
    assert seen(response)["target"] == "/s?a=1&b=3+%26&c=%C3%A9"
    assert response.url == provider.url("/s?a=1&b=3+%26&c=%C3%A9")


def test_callers_cannot_frame_the_message(provider: ProviderServer, http: OutboundHttp) -> None:
    given = {"Host": "x", "Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "close"}
    received = seen(http.send(post(provider.url("/"), b"four", headers=given)))
    assert received["body"] == "four"
    assert received["headers"]["content-length"] == "4"
    assert received["headers"]["host"] == f"127.0.0.1:{provider.port}"
    assert not received["headers"].keys() & {"transfer-encoding", "connection"}


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X-A": "s3cret\r\nX-B: 1"}},
        {"headers": {"X A": "s3cret"}},
        {"headers": {"X-A": "s3cret\ud800"}},
        {"auth": {"type": "bearer", "config": {"token": "s3cret\n"}}},
        {"auth": {"type": "basic", "config": {"username": "u", "password": "s3cret\ud800"}}},
        {"query": {"a": "s3cret\ud800"}},
    ],
)
def test_impossible_headers_fail_for_good_without_quoting_them(
    provider: ProviderServer, http: OutboundHttp, fields: dict[str, Any]
) -> None:
    text = fails_for_good(http, get(provider.url("/"), **fields))
    assert text.startswith("request failed: ")
    assert "s3cret" not in text
    assert provider.received == []


def test_authentication_reaches_the_provider(provider: ProviderServer, http: OutboundHttp) -> None:
    url = provider.url("/")
    assert seen(http.send(get(url, auth=BEARER)))["headers"]["authorization"] == "Bearer s3cret"
    given = {"authorization": "Basic old"}
    assert (
        seen(http.send(get(url, auth=BEARER, headers=given)))["headers"]["authorization"] == "Bearer s3cret"
    )
    assert fails_for_good(http, get(url, auth={"type": "bearer"})).startswith(
        "failed to create auth provider: "
    )


def test_a_query_parameter_of_authentication_is_sent_but_not_reported(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    response = http.send(get(provider.url("/s?a=1&api_key=s3cret"), auth=QUERY_KEY, query={"b": "2"}))
    assert seen(response)["target"] == "/s?a=1&b=2&api_key=s3cret"
    assert response.url == provider.url("/s?a=1&b=2")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "url is required"),
        ("ftp://127.0.0.1/x", "unsupported url: the scheme must be http or https"),
        ("/relative", "unsupported url: the scheme must be http or https"),
        ("http://localhost:1/", 'destination blocked: host name "localhost" is not allowed'),
        ("http://169.254.169.254/", 'destination blocked: host name "169.254.169.254" is not allowed'),
        (
            "http://[::ffff:169.254.169.254]/",
            'destination blocked: "::ffff:169.254.169.254" is not a public address',
        ),
    ],
)
def test_forbidden_urls_fail_for_good(http: OutboundHttp, url: str, text: str) -> None:
    assert fails_for_good(http, get(url)) == text


def test_userinfo_in_the_url_is_refused_without_repeating_it(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    text = fails_for_good(http, get(f"http://user:s3cret@127.0.0.1:{provider.port}/"))
    assert text.startswith("unsupported url: ")
    assert "s3cret" not in text


def test_private_addresses_are_blocked_unless_allowed(provider: ProviderServer) -> None:
    named, literal = OutboundHttp(Destinations(False, resolve)), OutboundHttp(Destinations(False))
    assert fails_for_good(named, get(provider.url(host="api.example.test"))).startswith(
        "destination blocked: "
    )
    for host in ("127.0.0.1", "2130706433", "0x7f.1", "[::1]"):  # as the system's resolver understands them
        with pytest.raises(CallFailed, match=r"^destination blocked: |cannot resolve"):
            literal.send(get(provider.url(host=host)))
    assert provider.connections == 0


def test_connect_is_not_a_method_for_providers(provider: ProviderServer, http: OutboundHttp) -> None:
    assert fails_for_good(http, OutboundRequest("connect", provider.url("/"))) == "unsupported method CONNECT"


# --- failures of the network -----------------------------------------------------------------------------------------


def test_a_refused_connection_fails_for_now(http: OutboundHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    text = fails_for_now(http, get(f"http://127.0.0.1:{port}/?k=s3cret", auth=QUERY_KEY))
    assert text.startswith("request failed: ")
    assert "refused" in text
    assert "s3cret" not in text


def test_an_unresolvable_host_fails_for_now(http: OutboundHttp) -> None:
    assert fails_for_now(http, get("http://gone.example.test/")).startswith("request failed: cannot resolve")


def reset(call: Call) -> None:
    call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    "behaviour",
    [
        reset,
        lambda call: call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        lambda call: call.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
        lambda call: call.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\nhalf"),
        lambda call: call.raw(b"SSH-2.0-OpenSSH s3cret\r\n"),
        lambda call: call.raw(b"HTTP/1.1 200 OK\r\nX: " + b"s3cret" * 50_000 + b"\r\n\r\n"),
        lambda call: call.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: s3cret\r\n\r\n"),
        lambda call: call.raw(b""),
    ],
    ids=["reset", "short", "short chunk", "bad chunk", "not HTTP", "endless header", "upgrade", "nothing"],
)
def test_a_broken_answer_fails_for_now(
    provider: ProviderServer, http: OutboundHttp, behaviour: Callable[[Call], None]
) -> None:
    provider.behaviours["/"] = behaviour
    text = fails_for_now(http, get(provider.url("/")))
    assert text.startswith("request failed: ")
    assert "s3cret" not in text
    assert http.send(get(provider.url("/fine"))).status == 200


def test_the_next_address_is_tried_when_one_does_not_answer(provider: ProviderServer) -> None:
    http = OutboundHttp(Destinations(True, lambda host, port: ["127.0.0.3", "127.0.0.1"]))
    assert http.send(get(provider.url("/", "api.example.test"))).status == 200
    http.close()


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda call: call.server.stopping.wait(10),
        lambda call: call.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000),
        lambda call: call.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.01),
        lambda call: (call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), call.drip(b"x" * 1000)),
        lambda call: (
            call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Encoding: gzip\r\n\r\n"),
            call.drip(gzip.compress(b"", mtime=0)[:10] + b"\x00\x00\x00\xff\xff" * 100),
        ),
    ],
    ids=["silent", "dripping header", "endless informational answers", "dripping body", "empty gzip blocks"],
)
def test_the_timeout_covers_the_whole_exchange(
    provider: ProviderServer, http: OutboundHttp, behaviour: Callable[[Call], None]
) -> None:
    provider.behaviours["/"] = behaviour
    started = monotonic()
    assert fails_for_now(http, get(provider.url("/"), timeout=0.3)) == "request failed: timed out after 0.3 s"
    assert monotonic() - started < 1.5


def test_the_timeout_covers_all_redirects_together(provider: ProviderServer, http: OutboundHttp) -> None:
    def behaviour(call: Call) -> None:
        call.server.stopping.wait(0.15)
        call.redirect("/")

    provider.behaviours["/"] = behaviour
    started = monotonic()
    assert "timed out after 0.4 s" in fails_for_now(http, get(provider.url("/"), timeout=0.4))
    assert monotonic() - started < 1.5


@pytest.mark.parametrize("behaviour", [never_reads, sips])
def test_the_timeout_covers_a_server_that_hardly_reads(
    provider: ProviderServer, http: OutboundHttp, behaviour: Callable[[Call], None]
) -> None:
    provider.behaviours["/"] = behaviour
    started = monotonic()
    assert "timed out" in fails_for_now(http, post(provider.url("/"), b"x" * 40_000_000, timeout=0.3))
    assert monotonic() - started < 1.5


def test_the_timeout_covers_a_server_that_does_not_shake_hands() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, client() as http:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/"
        assert "timed out after 0.4 s" in fails_for_now(http, get(url, timeout=0.4))


def test_the_timeout_covers_a_resolver_that_does_not_answer() -> None:
    done = Event()

    def slow(host: str, port: int) -> Sequence[str]:
        done.wait(10)
        return ["127.0.0.1"]

    http = OutboundHttp(Destinations(True, slow))
    try:
        assert fails_for_now(http, get("http://slow.example.test/", timeout=0.1)) == (
            "request failed: timed out after 0.1 s"
        )
    finally:
        done.set()
        http.close()


# --- size ------------------------------------------------------------------------------------------------------------

TOO_LARGE = "response too large: more than 1048576 bytes"


def test_an_answer_of_exactly_the_limit_is_accepted(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.answer(200, b"x" * MAX_BODY)
    assert len(http.send(get(provider.url("/"))).body) == MAX_BODY
    provider.behaviours["/"] = lambda call: call.answer(200, b"x" * (MAX_BODY + 1))
    assert fails_for_good(http, get(provider.url("/"))) == TOO_LARGE


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda call: call.answer(200, b"x" * 20_000_000),
        lambda call: call.raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 20_000_000),
        lambda call: call.answer(200, gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"}),
        lambda call: call.answer(200, zlib.compress(bytes(50_000_000)), {"Content-Encoding": "deflate"}),
    ],
    ids=["20 MB", "20 MB without a length", "gzip bomb", "deflate bomb"],
)
def test_large_answers_are_cut_off_early(
    provider: ProviderServer, http: OutboundHttp, behaviour: Callable[[Call], None]
) -> None:
    provider.behaviours["/"] = behaviour
    assert fails_for_good(http, get(provider.url("/"))) == TOO_LARGE


def test_a_bomb_never_unfolds_in_memory(provider: ProviderServer, http: OutboundHttp) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)
    provider.behaviours["/"] = lambda call: call.answer(200, bomb, {"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        assert fails_for_good(http, get(provider.url("/"))) == TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"hello " * 9, mtime=0)),
        ("GZIP", gzip.compress(b"hello " * 9, mtime=0)),
        ("x-gzip", gzip.compress(b"hello " * 4, mtime=0) + gzip.compress(b"hello " * 5, mtime=0)),
        ("deflate", zlib.compress(b"hello " * 9)),
        ("identity", b"hello " * 9),
    ],
)
def test_compressed_answers_are_unfolded(
    provider: ProviderServer, http: OutboundHttp, coding: str, data: bytes
) -> None:
    provider.behaviours["/"] = lambda call: call.answer(200, data, {"Content-Encoding": coding})
    response = http.send(get(provider.url("/")))
    assert response.body == b"hello " * 9
    assert response.headers.get("Content-Length", "54") == "54"
    assert response.headers.get("Content-Encoding", "identity") == "identity"


@pytest.mark.parametrize(
    "data",
    [gzip.compress(b"hello " * 9, mtime=0)[:-9], b"no gzip", gzip.compress(b"hello", mtime=0) + b"tail"],
)
def test_damaged_compression_fails_for_now(provider: ProviderServer, http: OutboundHttp, data: bytes) -> None:
    provider.behaviours["/"] = lambda call: call.answer(200, data, {"Content-Encoding": "gzip"})
    assert fails_for_now(http, get(provider.url("/"))) == "request failed: the compressed answer is damaged"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_compression_that_was_not_asked_for_fails_for_good(
    provider: ProviderServer, http: OutboundHttp, coding: str
) -> None:
    provider.behaviours["/"] = lambda call: call.answer(200, b"\x00", {"Content-Encoding": coding})
    assert "compressed" in fails_for_good(http, get(provider.url("/")))
    assert http.send(OutboundRequest("HEAD", provider.url("/"))).status == 200


# --- connections -----------------------------------------------------------------------------------------------------


def test_connections_are_kept_alive(provider: ProviderServer, http: OutboundHttp) -> None:
    for number in range(10):
        assert seen(http.send(post(provider.url("/"), str(number).encode())))["body"] == str(number)
    assert provider.connections == 1


def test_a_kept_connection_that_the_server_closed_is_replaced(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    closing = Event()

    def behaviour(call: Call) -> None:
        call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        closing.set()

    provider.behaviours["/"] = behaviour
    for _ in range(3):
        assert http.send(get(provider.url("/"))).body == b"ok"
        assert closing.wait(5)
        Event().wait(0.1)  # until the server's farewell has arrived
    assert provider.connections == 3


def test_connections_are_not_shared_between_host_names(provider: ProviderServer, http: OutboundHttp) -> None:
    for _ in range(3):
        for host in ("api.example.test", "other.example.test", "127.0.0.1"):
            assert (
                seen(http.send(get(provider.url("/", host))))["headers"]["host"] == f"{host}:{provider.port}"
            )
    assert provider.connections == 3


def test_cookies_are_not_kept(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/login"] = lambda call: call.answer(200, b"", {"Set-Cookie": "session=s3cret"})
    http.send(get(provider.url("/login")))
    assert "cookie" not in seen(http.send(get(provider.url("/"))))["headers"]


def test_many_threads_share_one_client(
    provider: ProviderServer, other: ProviderServer, http: OutboundHttp
) -> None:
    def call(number: int) -> bool:
        server = (provider, other)[number % 2]
        sent = post(server.url(f"/{number}"), str(number).encode(), timeout=20)
        if number % 7 == 0:
            sent = replace(sent, auth={"type": "bearer", "config": {"token": str(number)}})
        received = seen(http.send(sent))
        token = f"Bearer {number}" if number % 7 == 0 else None
        return (received["target"], received["body"], received["headers"].get("authorization")) == (
            f"/{number}",
            str(number),
            token,
        )

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(call, range(320)))
    assert provider.connections + other.connections < 160


def test_nothing_that_is_sent_or_answered_is_logged(
    provider: ProviderServer, http: OutboundHttp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.behaviours["/"] = lambda call: call.answer(200, b"s3cret", {"Set-Cookie": "s3cret"})
    http.send(post(provider.url("/"), b"s3cret", auth=BEARER))
    assert "s3cret" not in caplog.text
