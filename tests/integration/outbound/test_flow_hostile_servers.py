"""Whatever a server does, a node fails in time, by its route and without a secret (FlowRunner spec c.3, c.5, d)."""

import re
import socket
import ssl
import struct
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import quote

import pytest

from flowker.nodes.flow.base import FlowFailure
from tests.flow_bench import FlowBench
from tests.flow_nodes import World
from tests.flow_samples import flow
from tests.integration.outbound.hostile_servers import (
    INTEGRATIONS,
    OVER_HTTP,
    SECRET,
    Integration,
    Talk,
    hostile,
    told,
    world,
)
from tests.integration.outbound.mail_servers import Certificates, certificates

SHORT, ENOUGH, GRACE = 0.15, 2.0, 3.0
"""Seconds: what a node is given where time must run out and where it must not, and how late it may be."""
_SECRETS = re.compile("s3cret|t0ken|AKIDEXAMPLE")

every = pytest.mark.parametrize("node", INTEGRATIONS, ids=lambda node: node.name)
encrypted = pytest.mark.parametrize(
    "node", [node for node in INTEGRATIONS if node.tls in ("url", "at once")], ids=lambda node: node.name
)

in_clear = pytest.mark.parametrize(
    "node",
    [node for node in INTEGRATIONS if node.tls != "at once" and node.opening != b"S"],
    ids=lambda node: node.name,
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def here(tls: Certificates) -> Iterator[World]:
    with world(tls.trust) as found:
        yield found


def failure(here: World, node: Integration, port: int, timeout: float = ENOUGH, **more: Any) -> FlowFailure:
    """Of the node, which takes no more time than it is given."""
    began = monotonic()
    found = here.failure(node.kind, node.at(port, timeout=timeout, **more))
    assert monotonic() - began < timeout + GRACE
    assert not _SECRETS.search(told(found))
    return found


def silent(connection: socket.socket, over: Event) -> None:
    over.wait(5)


def nonsense(connection: socket.socket, over: Event) -> None:
    connection.recv(65536)
    connection.sendall(b"\0\xff*\r\n{}\r\n\r\n" * 20)


def dripping(node: Integration) -> Talk:
    """The beginning of an answer, byte by byte and never its end; whoever waits anew for each byte waits for ever."""
    after = {"http": b"X: ", "smtp": b"250-x\r\n", "imap": b"* X ", "sql": b"N\0\0\x04\0"}[_protocol(node)]

    def talk(connection: socket.socket, over: Event) -> None:
        for byte in node.opening + after + b"x" * 1000:
            connection.sendall(bytes([byte]))
            if over.wait(0.03):
                return

    return talk


def endless(node: Integration) -> Talk:
    """As fast as it can."""
    line = {"http": b"X: y\r\n", "smtp": b"250-x\r\n", "imap": b"* 1 EXISTS\r\n", "sql": b"N\0\0\0\x05x"}[
        _protocol(node)
    ]

    def talk(connection: socket.socket, over: Event) -> None:
        opening = b"" if node.opening == b"S" else node.opening
        connection.sendall(opening)
        while not over.is_set():
            connection.sendall(line * 10_000)

    return talk


def _protocol(node: Integration) -> str:
    return {"email.receive": "imap", "postgres": "sql"}.get(
        node.kind, "http" if node.tls == "url" else "smtp"
    )


# --- no connection ---------------------------------------------------------------------------------------------------


@every
def test_nobody_listening_fails_for_now(here: World, node: Integration) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = failure(here, node, bound.getsockname()[1])
    assert found.message.endswith(("Connection refused", "refused")), found.message
    assert (found.handle, found.retryable) == (None, True)


@every
def test_a_host_that_cannot_be_found_fails_for_now(here: World, node: Integration) -> None:
    found = failure(here, node, 1, host="gone.example.test")
    assert "cannot resolve" in found.message
    assert (found.handle, found.retryable) == (None, True)


@every
def test_a_private_address_is_refused_for_good(tls: Certificates, node: Integration) -> None:
    with world(tls.trust, allow_private=False) as here:
        found = failure(here, node, 1)
    assert "destination blocked" in found.message
    assert (found.handle, found.retryable) == (None, False)


# --- no answer, or no end of it --------------------------------------------------------------------------------------


@every
def test_a_silent_server_is_a_timeout(here: World, node: Integration) -> None:
    with hostile(silent) as port:
        found = failure(here, node, port, SHORT)
    assert (found.handle, found.retryable) == ("timeout", True)
    assert "timed out after 0.1" in found.message


@in_clear
def test_a_server_that_never_comes_to_an_end_is_a_timeout(here: World, node: Integration) -> None:
    with hostile(dripping(node)) as port:
        found = failure(here, node, port, SHORT)
    assert (found.handle, found.retryable) == ("timeout", True)
    assert "timed out after 0.1" in found.message


@every
def test_an_endless_answer_has_an_end(here: World, node: Integration) -> None:
    with hostile(endless(node)) as port:
        found = failure(here, node, port, SHORT)
    assert found.message


# --- no protocol -----------------------------------------------------------------------------------------------------


@every
def test_an_answer_that_breaks_off_fails_for_now(here: World, node: Integration) -> None:
    half = node.opening + b"Content-Length: 99\r\n\r\n{" if node.tls == "url" else node.opening[:-1]
    with hostile(lambda connection, over: connection.sendall(half)) as port:
        found = failure(here, node, port)
    assert (found.handle, found.retryable) == (None, True)


@every
def test_nonsense_is_a_failure(here: World, node: Integration) -> None:
    with hostile(nonsense) as port:
        found = failure(here, node, port, SHORT)
    assert found.message


@encrypted
def test_a_server_that_speaks_in_clear_where_tls_is_expected_fails(here: World, node: Integration) -> None:
    with hostile(lambda connection, over: connection.sendall(node.opening * 5)) as port:
        found = failure(here, node, port, encrypted=True)
    assert (found.handle, found.retryable) == (None, True)


@in_clear
def test_a_server_that_speaks_tls_where_clear_words_are_expected_fails(
    tls: Certificates, here: World, node: Integration
) -> None:
    with hostile(silent, tls.server) as port:
        found = failure(here, node, port, SHORT)
    assert found.retryable


@encrypted
def test_a_certificate_that_nobody_trusts_is_refused(tls: Certificates, node: Integration) -> None:
    with world(ssl.create_default_context()) as here, hostile(silent, tls.server) as port:
        found = failure(here, node, port, encrypted=True)
    assert re.search("CERTIFICATE_VERIFY_FAILED|not trusted|not valid", found.message)


# --- HTTP ------------------------------------------------------------------------------------------------------------


def answering(*parts: bytes, rest: bytes = b"") -> Talk:
    def talk(connection: socket.socket, over: Event) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
        while rest and not over.is_set():
            connection.sendall(rest)

    return talk


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNK = b"1000\r\n" + b"{" * 4096 + b"\r\n"
_LARGE = "too large|larger than 1 MiB|no answer in JSON-RPC|no message id"
_CIRCLE = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("node", OVER_HTTP, ids=lambda node: node.name)
@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (answering(_OK + b"Transfer-Encoding: chunked\r\n\r\n", rest=_CHUNK), _LARGE),
        (answering(_OK + b"\r\n", rest=b'{"a":' * 5000), _LARGE),
        (answering(_OK + b"Content-Length: 99999999999999999999999\r\n\r\n{}"), "not valid HTTP"),
        (answering(_CIRCLE), "redirects|status 302|no message id|not DynamoDB's"),
    ],
    ids=["endless chunks", "endless body", "absurd length", "redirects in circles"],
)
def test_http_without_measure(here: World, node: Integration, talk: Talk, said: str) -> None:
    with hostile(talk) as port:
        if node.kind in ("http.request", "webhook") and said is _LARGE:
            done = here.done(node.kind, node.at(port, timeout=ENOUGH))
            assert (done.value["truncated"], len(done.value["raw_body"])) == (True, 1024 * 1024)
        else:
            assert re.search(said, failure(here, node, port).message)


def _telling(opening: bytes, *answers: bytes) -> Talk:
    """One answer for each line that comes, or for each message of those who wait for no opening."""

    def talk(connection: socket.socket, over: Event) -> None:
        connection.sendall(opening)
        tag = b""
        for answer in answers:
            heard = part = connection.recv(65536)
            while opening and part and not part.endswith(b"\n"):
                part = connection.recv(65536)
                heard += part
            words = heard.split(b" ")
            tag = words[0] if len(words) > 1 else tag
            connection.sendall(answer.replace(b"TAG", tag))

    return talk


# --- PostgreSQL and mail ---------------------------------------------------------------------------------------------

_SQL = next(node for node in INTEGRATIONS if node.name == "postgres in clear")
_SMTP = next(node for node in INTEGRATIONS if node.name == "email.send 587")
_IMAP = next(node for node in INTEGRATIONS if node.name == "email.receive 143")
_IN = (b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK x\r\n", b"+ \r\n", b"TAG OK x\r\n")
_LOGGED_IN = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
_BEGUN = b"C\0\0\0\x0aBEGIN\0Z\0\0\0\x05T"


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


def _column(name: bytes, kind: int) -> bytes:
    return _message(b"T", struct.pack("!H", 1) + name + b"\0" + struct.pack("!ihihih", 0, 0, kind, 0, 0, 0))


def _row(text: bytes) -> bytes:
    return _message(b"D", struct.pack("!Hi", 1, len(text)) + text)


def _selected(name: bytes, kind: int, *rows: bytes) -> tuple[bytes, ...]:
    described = _message(b"1", b"") + _message(b"t", struct.pack("!H", 0)) + _column(name, kind)
    found = _message(b"2", b"") + b"".join(map(_row, rows)) + _message(b"C", b"SELECT 1\0")
    ready = b"Z\0\0\0\x05T"
    return _LOGGED_IN, _BEGUN, described + ready, found + ready, b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I"


def test_a_server_cannot_have_a_password_hashed_for_hours(here: World) -> None:
    def talk(connection: socket.socket, over: Event) -> None:
        connection.recv(65536)
        connection.sendall(_message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"))
        nonce = connection.recv(65536).rpartition(b"r=")[2]
        many = b"r=%bx,s=%b,i=2000000000" % (nonce, b64encode(b"salt" * 4))
        connection.sendall(_message(b"R", struct.pack("!i", 11) + many))
        over.wait(5)

    with hostile(talk) as port:
        found = failure(here, _SQL, port)
    assert found.message == "PostgreSQL: the server wants the password hashed more than 1000000 times"


@pytest.mark.parametrize("text", [b"{" * 200_000, b"{" * 7 + b"}" * 7, b"no array"])
def test_an_array_that_is_none_is_a_failure(here: World, text: bytes) -> None:
    with hostile(_telling(b"", *_selected(b"a", 1009, text))) as port:
        assert "protocol" in failure(here, _SQL, port).message


def test_a_long_name_of_a_column_counts_in_each_row(here: World) -> None:
    with hostile(_telling(b"", *_selected(b"n" * 60_000, 25, *[b"x"] * 1000))) as port:
        done = here.done(_SQL.kind, _SQL.at(port, timeout=ENOUGH))
    assert (len(done.value), [line.message for line in done.logs]) == (17, ["Result cut short"])


@pytest.mark.parametrize(
    ("challenge", "said"),
    [(b"334 A\r\n", "not valid SMTP"), (b"334 VXNlcm5hbWU6\r\n" * 9, "beyond ASCII")],
)
def test_a_login_that_cannot_be_made_is_a_failure(here: World, challenge: bytes, said: str) -> None:
    talk = _telling(b"220 hi\r\n", b"250-x\r\n250 AUTH LOGIN\r\n", challenge, b"334 UGFzc3dvcmQ6\r\n")
    with hostile(talk) as port:
        assert said in failure(here, _SMTP, port).message


@pytest.mark.parametrize("said", ["x" * 300, f"{'x' * 190} {SECRET}"])
def test_words_of_a_server_are_not_cut(here: World, said: str) -> None:
    with hostile(_telling(f"554 {said}\r\n".encode(), b"221 x\r\n")) as port:
        found = failure(here, _SMTP, port)
    assert found.message == "mail refused: status 554: for a reason too long to be repeated"


@pytest.mark.parametrize(
    "told_of_mail",
    [b"FLAGS (" * 130_000 + b")", b"X {0}\r\n" * 250_000 + b")", b'BODY[] "\\"' * 90_000 + b")", b"9" * 9000],
    ids=["flags", "literals", "quoted", "number"],
)
def test_what_a_mail_server_says_to_keep_its_readers_busy_does_not(here: World, told_of_mail: bytes) -> None:
    found = (b"* 1 EXISTS\r\nTAG OK x\r\n", b"* SEARCH 1\r\nTAG OK x\r\n")
    fetched = b"* 1 FETCH (UID 1 " + told_of_mail + b"\r\nTAG OK x\r\n"
    with hostile(_telling(b"* OK hi\r\n", *_IN, *found, fetched, b"TAG OK x\r\n")) as port:
        here.run(_IMAP.kind, _IMAP.at(port, timeout=60))  # it takes a second, or much more than a minute


# --- secrets ---------------------------------------------------------------------------------------------------------

_SAID = f"you said {SECRET}, {quote(SECRET)} and {b64encode(SECRET.encode()).decode()}"
_QUOTED = {"error": {"message": _SAID}, "message": _SAID, "__type": f"x#{SECRET}", "body": [{SECRET: _SAID}]}


def _sql_error(text: str) -> bytes:
    said = b"SERROR\0C28000\0M" + text.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(said) + 4) + said


_TAKEN = (b"250-x\r\n250 AUTH PLAIN\r\n", b"235 in\r\n")
_TELLING = {
    "email.send 587": _telling(b"220 hi\r\n", *_TAKEN, b"550 " + _SAID.encode() + b"\r\n"),
    "email.receive 143": _telling(b"* OK hi\r\n", *_IN, b"TAG BAD " + _SAID.encode() + b"\r\n"),
    "postgres in clear": _telling(b"", _sql_error(_SAID)),
}


@pytest.mark.parametrize(
    "node",
    [node for node in INTEGRATIONS if node.tls == "url" or node.name in _TELLING],
    ids=lambda node: node.name,
)
def test_a_run_shows_no_secret_that_a_server_repeats(node: Integration) -> None:
    bench = FlowBench(lambda request: (400, _QUOTED), allow_private_destinations=True)
    bench.secret("KEY", SECRET)
    with hostile(_TELLING.get(node.name, silent)) as port:
        params = node.at(port, host="127.0.0.1", timeout=ENOUGH)
        given = {
            name: "${secrets.KEY}"
            if name in ("api_key", "secret_key", "password", "secret", "bearer_token")
            else value
            for name, value in params.items()
        }
        ran = bench.run(
            flow(
                {
                    "call": {
                        "type": node.kind,
                        "params": given,
                        "next": {"default": "done", "error": "alarm"},
                    },
                    "done": {"type": "base"},
                    "alarm": {"type": "transform", "params": {"script": "return {error, results, shared};"}},
                }
            )
        )
    assert ran.nodes == ["call", "alarm"]
    assert re.search("status|refused|400|not accept", ran.result["error"]["message"])
    assert ran.result["error"]["attempts"] == 1
    shown = repr((ran.result, ran.events, ran.ends, ran.view))
    for form in (SECRET, quote(SECRET), b64encode(SECRET.encode()).decode().rstrip("="), "of a tenant"):
        assert form not in shown
