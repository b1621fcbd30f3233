"""`email.send` through the real adapter, to real mail servers (FlowRunner spec d.9)."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowker.nodes.flow.base import Done, FlowFailure
from statemachines.stand_ins.mail import PASSWORD, USER, Received, smtp_server
from statemachines.stand_ins.ports import free_port
from tests.flow_nodes import World
from tests.integration.outbound.mail_servers import (
    HOST,
    Certificates,
    certificates,
    mail,
    scripted,
)

CLEAR = "mail failed: the mail server offers no TLS, and credentials are not sent in clear"


@pytest.fixture
def tls(tmp_path: Path) -> Certificates:
    return certificates(tmp_path)


@pytest.fixture
def server(tls: Certificates) -> Iterator[Received]:
    with smtp_server(starttls=tls.server) as received:
        yield received


def letter(port: int, **more: Any) -> dict[str, Any]:
    return {
        "smtp_host": HOST,
        "smtp_port": port,
        "username": USER,
        "password": PASSWORD,
        "to": "ann@example.org",
        "subject": "Hello",
        "body": "Hi\n",
        "timeout": 5,
        **more,
    }


def sent(tls: Certificates, params: dict[str, Any]) -> Done:
    return World(mail=mail(tls.trust)).done("email.send", params)


def failure(tls: Certificates, params: dict[str, Any], **client: Any) -> FlowFailure:
    found = World(mail=mail(tls.trust, **client)).failure("email.send", params)
    assert PASSWORD not in found.message
    assert PASSWORD not in repr(found.details)
    return found


def test_everything_that_was_asked_for_arrives_over_starttls(tls: Certificates, server: Received) -> None:
    done = sent(
        tls,
        letter(
            server.port,
            **{"from": '"Jörg, Desk" <desk@example.com>'},
            to=["Ann Lee <ann@example.org>", "bob@example.org"],
            cc="Änne <cc@exämple.org>",
            bcc="hidden@example.org",
            subject="Bestätigung ✓ " + "lang " * 40,
            body="Grüße\n.\nEnde\n",
            html="<p>Grüße</p>",
            headers={"Reply-To": "reply@example.com", "X-Order": 7},
            attachments=[
                {"filename": "Übersicht.csv", "content": b64encode(b"a;b\n1;2\n").decode()},
                {"filename": "x.bin", "content_type": "application/x-odd", "content": "AP8="},
            ],
        ),
    )
    value: Any = done.value
    assert (value["status"], value["from"], value["to"]) == (
        "sent", "desk@example.com", ["ann@example.org", "bob@example.org"]
    )  # fmt: skip
    assert (value["cc"], value["bcc"]) == (["cc@xn--exmple-cua.org"], ["hidden@example.org"])
    assert server.encrypted == [True]
    envelope, message = server.envelopes[0], server.messages[0]
    assert envelope.mail_from == "desk@example.com"
    assert envelope.rcpt_tos == [
        "ann@example.org",
        "bob@example.org",
        "cc@xn--exmple-cua.org",
        "hidden@example.org",
    ]
    assert b"hidden@example.org" not in server.content(0)
    assert server.content(0).isascii()
    assert message["subject"] == ("Bestätigung ✓ " + "lang " * 40)
    assert message["from"].addresses[0].display_name == "Jörg, Desk"
    assert message["message-id"] == value["message_id"]
    assert (message["reply-to"], message["x-order"]) == ("reply@example.com", "7")
    plain, html = message.get_body(["plain"]), message.get_body(["html"])
    assert plain is not None
    assert html is not None
    assert (plain.get_content(), html.get_content()) == ("Grüße\r\n.\r\nEnde\r\n", "<p>Grüße</p>\r\n")
    table, odd = message.iter_attachments()
    assert (table.get_filename(), table.get_content_type()) == ("Übersicht.csv", "text/csv")
    assert (odd.get_content_type(), odd.get_content()) == ("application/x-odd", b"\x00\xff")
    assert [line.message for line in done.logs] == ["Email sent"]
    assert done.shared["email_result"] == value


def test_tls_from_the_first_byte(tls: Certificates) -> None:
    with smtp_server(implicit=tls.server) as received:
        sent(tls, letter(received.port, tls="implicit"))
        assert received.encrypted == [True]


def test_a_server_on_this_machine_may_speak_in_clear(tls: Certificates) -> None:
    with smtp_server() as received:
        sent(tls, letter(received.port))
        assert len(received.envelopes) == 1


def test_attempts_of_a_step_share_their_message_id(tls: Certificates, server: Received) -> None:
    first, again = sent(tls, letter(server.port)), sent(tls, letter(server.port))
    other = sent(tls, letter(server.port, subject="Other"))
    ids = [done.value["message_id"] for done in (first, again, other) if isinstance(done.value, dict)]
    assert ids[0] == ids[1] != ids[2]


def test_some_recipients_refused_is_sent_and_said(tls: Certificates, server: Received) -> None:
    server.refuses["bob@example.org"] = "550 unknown"
    done = sent(tls, letter(server.port, to="ann@example.org, bob@example.org"))
    value: Any = done.value
    assert value["refused"] == [{"address": "bob@example.org", "status_code": 550}]
    assert [line.message for line in done.logs] == ["Email sent", "Some recipients were refused"]


@pytest.mark.parametrize(("reply", "retryable"), [("550 unknown", False), ("451 later", True)])
def test_all_recipients_refused_is_a_failure(
    tls: Certificates, server: Received, reply: str, retryable: bool
) -> None:
    server.refuses["ann@example.org"] = reply
    found = failure(tls, letter(server.port))
    status = int(reply[:3])
    assert found.message == f"mail refused: all recipients, with status {status}"
    assert (found.details, found.retryable, found.handle) == ({"status_code": status}, retryable, None)


def test_bad_credentials_are_a_failure_that_is_not_tried_again(tls: Certificates, server: Received) -> None:
    found = World(mail=mail(tls.trust)).failure("email.send", letter(server.port, password="wr0ng-word"))
    assert found.message == "mail refused: the credentials, with status 535"
    assert (found.details, found.retryable) == ({"status_code": 535}, False)


def test_an_unknown_authority_is_not_trusted(tls: Certificates, server: Received) -> None:
    stranger = Certificates(tls.server, ssl.create_default_context())
    found = failure(stranger, letter(server.port))
    assert found.message.startswith("mail failed: the server's certificate is not trusted")
    assert server.envelopes == []


def test_a_certificate_for_another_name_is_not_trusted(tls: Certificates, server: Received) -> None:
    found = failure(tls, letter(server.port, smtp_host="other.example.test"))
    assert "not trusted" in found.message


def test_private_destinations_are_refused(tls: Certificates, server: Received) -> None:
    found = failure(tls, letter(server.port), allow_private=False)
    assert (found.message, found.retryable) == (
        f'destination blocked: "{HOST}" is not a public address',
        False,
    )


def test_nobody_listening_is_a_failure_for_now(tls: Certificates) -> None:
    found = failure(tls, letter(free_port()))
    assert (found.message, found.retryable) == ("mail failed: Connection refused", True)


@pytest.mark.parametrize("answers", [(), (b"220 hi\r\n",), (b"220 hi\r\n", b"250-x\r\n"), (b"2",)])
def test_a_silent_server_is_a_timeout(tls: Certificates, answers: tuple[bytes, ...]) -> None:
    with scripted(*answers, hold=5) as (port, _):
        found = failure(tls, letter(port, timeout=0.3))
    assert (found.message, found.handle, found.retryable) == (
        "mail failed: timed out after 0.3 s",
        "timeout",
        True,
    )


def test_a_handshake_that_never_ends_is_a_timeout(tls: Certificates) -> None:
    with scripted(b"", hold=5) as (port, _):
        found = failure(tls, letter(port, timeout=0.3, tls="implicit"))
    assert found.handle == "timeout"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "mail failed: the server's answer is not valid SMTP or ended early"),
        ((b"220 hi\r\n", b"\0\xff\xfe\r\n"), "mail failed: the server's answer is not valid SMTP or ended early"),
        ((b"220 hi\r\n",), "mail failed: the server's answer is not valid SMTP or ended early"),
        ((b"220 " + b"x" * 100_000,), "mail failed: the server's answer is too large"),
        ((b"220-x\r\n" * 100_000,), "mail failed: the server's answer is too large"),
        ((b"554 go away\r\n", b"221 x\r\n"), "mail refused: status 554: go away"),
        ((b"220 hi\r\n", b"250 x\r\n", b"221 x\r\n"), "mail failed: the server offers no way to log in that is known here"),
        (
            (b"220 hi\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"235 in\r\n",
             f"550 you said {PASSWORD}\r\n".encode(), b"250 x\r\n"),
            "mail refused: status 550: you said ***",
        ),
    ],
)  # fmt: skip
def test_what_no_mail_server_should_say(tls: Certificates, answers: tuple[bytes, ...], message: str) -> None:
    with scripted(*answers) as (port, _):
        assert failure(tls, letter(port)).message == message


def test_starttls_that_is_refused_sends_no_credentials(tls: Certificates) -> None:
    answers = (
        b"220 hi\r\n",
        b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
        b"454 not now\r\n",
        b"221 x\r\n",
    )
    with scripted(*answers) as (port, told):
        found = failure(tls, letter(port))
    assert (found.message, found.retryable) == ("mail refused: status 454: not now", True)
    assert not any(line.startswith(b"AUTH") for line in told)


def test_megabytes_arrive_and_more_than_ten_are_refused(tls: Certificates, server: Received) -> None:
    content = b64encode(bytes(2 * 1024 * 1024)).decode()
    sent(tls, letter(server.port, timeout=30, attachments=[{"filename": "a.bin", "content": content}]))
    assert len(server.content(0)) > 2 * 1024 * 1024
    twice = [{"filename": "a.bin", "content": content}] * 5
    found = failure(tls, letter(server.port, attachments=twice))
    assert found.message == 'param "attachments" make a message of more than 10485760 bytes'
