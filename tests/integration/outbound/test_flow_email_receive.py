"""`email.receive` through the real adapter, from a real mail server (FlowRunner spec d.9)."""

from collections.abc import Iterator
from typing import Any

import pytest

from flowker.nodes.flow.base import FlowFailure
from statemachines.stand_ins.mail import PASSWORD, USER, Mailbox, Stored, imap_server
from tests.flow_nodes import World
from tests.integration.outbound.mail_servers import (
    HOST,
    Certificates,
    at,
    certificates,
    mail,
    scripted,
)

MULTIPART = b"""\
From: =?utf-8?q?J=C3=B6rg=2C_Desk?= <joerg@example.com>\r
To: Ann <ann@example.org>, bob@example.org\r
Cc: carl@example.org\r
Subject: =?utf-8?b?QmVzdGVsbHVuZyDinJM=?=\r
Date: Mon, 05 Jan 2026 13:00:00 +0100\r
Message-ID: <five@example.com>\r
Received: from a\r
Received: from b\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=B\r
\r
--B\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
Gr=FC=DFe\r
  aus   B.\r
--B\r
Content-Type: text/html; charset=utf-8\r
\r
<p>Hi</p>\r
--B\r
Content-Type: text/plain\r
Content-Disposition: attachment; filename=a.txt\r
\r
not this\r
--B--\r
"""
BROKEN = (
    b"From: broken\r\nSubject: =?utf-8?b?!!?= raw \xfc\r\nDate: never\r\n"
    b"Content-Type: multipart/x; charset=odd\r\n\r\n\xff\r\n"
)


def simple(subject: str, sender: str = "a@x.org", body: str = "text") -> bytes:
    return f"From: {sender}\r\nTo: desk@example.com\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


MAILS = [
    Stored(simple('order "1" \\ a'), at(1), [b"\\Seen"]),
    Stored(simple("order 2", "b@y.org"), at(2)),
    Stored(simple("Straße"), at(3), [b"\\Flagged"]),
    Stored(BROKEN, at(4)),
    Stored(MULTIPART, at(5), [b"\\Seen", b"\\Answered"]),
    Stored(simple("large", body="x" * 1_100_000), at(6)),
]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def box(tls: Certificates) -> Iterator[Mailbox]:
    """Of which no test changes anything."""
    with imap_server(MAILS, tls.server) as mailbox:
        yield mailbox


def params(port: int, **more: Any) -> dict[str, Any]:
    connection = {"imap_host": HOST, "imap_port": port, "username": USER, "password": PASSWORD}
    return {**connection, "timeout": 10, **more}


def received(tls: Certificates, given: dict[str, Any]) -> list[Any]:
    value: Any = World(mail=mail(tls.trust)).done("email.receive", given).value
    return list(value)


def failure(tls: Certificates, given: dict[str, Any], **client: Any) -> FlowFailure:
    found = World(mail=mail(tls.trust, **client)).failure("email.receive", given)
    assert PASSWORD not in found.message
    return found


def days(mails: list[Any]) -> list[int]:
    return [int(each["metadata"]["date"][8:10]) for each in mails]


def test_a_mail_is_told_as_it_is(tls: Certificates, box: Mailbox) -> None:
    (told,) = [each for each in received(tls, params(box.port, with_body=True, body_preview=9)) if each["cc"]]
    metadata = told.pop("metadata")
    headers = told.pop("headers")
    assert told == {
        "subject": "Bestellung ✓",
        "from": '"Jörg, Desk" <joerg@example.com>',
        "to": ["Ann <ann@example.org>", "bob@example.org"],
        "cc": ["carl@example.org"],
        "date": "2026-01-05T12:00:00Z",
        "body": "Grüße\n  aus   B.",
        "html": "<p>Hi</p>",
        "body_preview": "Grüße aus",
        "messageId": "<five@example.com>",
    }
    assert headers["Received"] == ["from a", "from b"]
    assert set(metadata.pop("flags")) >= {"\\Seen", "\\Answered"}
    assert (metadata.pop("uid") > 0, metadata.pop("recent") in (True, False)) == (True, True)
    assert metadata == {
        "date": "2026-01-05T12:00:00Z",
        "sequence": 5,
        "size": len(MULTIPART),
        "answered": True,
        "deleted": False,
        "draft": False,
        "flagged": False,
        "seen": True,
    }


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [6, 5]),
        ({"unseen": True}, [6, 4, 3, 2]),
        ({"unseen": True, "limit": 1}, [6]),
        ({"subject": "order"}, [2, 1]),
        ({"subject": 'order "1" \\ a'}, [1]),
        ({"subject": "Straße"}, [3]),
        ({"subject": "Straße", "unseen": True, "from": "a@x.org"}, [3]),
        ({"subject": "Straße", "from": "b@y.org"}, []),
        ({"from": "b@y.org"}, [2]),
        ({"to": "desk@"}, [6, 3, 2, 1]),
        ({"since": "2026-01-03T12:00:00Z"}, [6, 5, 4, 3]),
        ({"since": "2026-01-03T12:00:01Z", "before": "2026-01-05T12:00:00Z"}, [4]),
        ({"before": "2026-01-02T14:00:00+02:00"}, [1]),
        ({"since": "0001-01-01T00:00:00Z", "before": "9999-12-31T23:59:59Z", "limit": 1}, [6]),
        ({"subject": "nothing like it"}, []),
    ],
)
def test_filters_give_the_newest_first(
    tls: Certificates, box: Mailbox, filters: dict[str, Any], found: list[int]
) -> None:
    assert days(received(tls, params(box.port, **filters))) == found


def test_headers_alone_without_body(tls: Certificates, box: Mailbox) -> None:
    (told,) = received(tls, params(box.port, **{"from": "b@y.org"}))
    assert (told["subject"], told["body"], told["html"]) == ("order 2", "", "")
    assert "body_preview" not in told
    assert "note" not in told


def test_a_preview_needs_no_body(tls: Certificates, box: Mailbox) -> None:
    (told,) = received(tls, params(box.port, subject="order 2", body_preview=3))
    assert (told["body"], told["body_preview"]) == ("", "tex")


def test_a_mail_that_is_not_well_formed_is_told_with_a_note(tls: Certificates, box: Mailbox) -> None:
    told = received(tls, params(box.port, with_body=True))[2]
    assert told["note"].startswith("the mail is not well formed: ")
    assert "raw" in told["subject"]
    assert told["date"] == "2026-01-04T12:00:00Z"


def test_a_large_mail_is_cut(tls: Certificates, box: Mailbox) -> None:
    told = received(tls, params(box.port, with_body=True, subject="large"))[0]
    assert told["truncated"] is True
    assert 1_000_000 < len(told["body"]) <= 1024 * 1024


def test_nothing_is_marked_unless_asked_for(tls: Certificates) -> None:
    with imap_server(MAILS[:3], tls.server) as box:
        received(tls, params(box.port, with_body=True))
        assert "\\Seen" not in box.flags_of(1)
        (told,) = received(tls, params(box.port, with_body=True, subject="order 2", mark_as_read=True))
        assert told["metadata"]["seen"] is False
        assert "\\Seen" in box.flags_of(1)
        assert "\\Seen" not in box.flags_of(2)


def test_an_empty_mailbox_gives_an_empty_list(tls: Certificates) -> None:
    with imap_server([], tls.server) as mailbox:
        done = World(mail=mail(tls.trust)).done("email.receive", params(mailbox.port, unseen=True))
    assert (done.value, done.action) == ([], "default")
    assert [(line.message, line.data) for line in done.logs] == [
        ("Emails received", {"folder": "INBOX", "count": 0})
    ]


def test_tls_from_the_first_byte(tls: Certificates) -> None:
    with imap_server(MAILS[:1], tls.server, implicit=True) as mailbox:
        assert days(received(tls, params(mailbox.port, tls="implicit"))) == [1]


def test_a_server_on_this_machine_may_speak_in_clear(tls: Certificates) -> None:
    with imap_server(MAILS[:1]) as mailbox:
        assert days(received(tls, params(mailbox.port))) == [1]


def test_bad_credentials_are_a_failure_that_is_not_tried_again(tls: Certificates, box: Mailbox) -> None:
    found = failure(tls, params(box.port, password="wr0ng-word"))
    assert (found.message, found.retryable) == ("mail refused: the credentials", False)


def test_a_folder_that_does_not_exist_is_a_failure(tls: Certificates, box: Mailbox) -> None:
    found = failure(tls, params(box.port, folder="Büro & Co"))
    assert found.message.startswith("mail refused: ")
    assert found.retryable is False


def test_a_certificate_for_another_name_is_not_trusted(tls: Certificates, box: Mailbox) -> None:
    assert "not trusted" in failure(tls, params(box.port, imap_host="other.example.test")).message


def test_private_destinations_are_refused(tls: Certificates, box: Mailbox) -> None:
    assert failure(tls, params(box.port), allow_private=False).message.startswith("destination blocked")


GREETING = b"* OK hi\r\n"
NO_PLAIN = b"* CAPABILITY IMAP4rev1\r\nTAG OK x\r\n"
ENDED = "mail failed: the server's answer is not valid IMAP or ended early"
LARGE = "mail failed: the server's answer is too large"
IN = b"TAG OK in\r\n"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), ENDED),
        ((GREETING,), ENDED),
        ((GREETING, b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK x\r\n"),
         "mail failed: the server offers no way to log in that is known here"),
        ((GREETING, NO_PLAIN), "mail failed: the server takes no credentials beyond ASCII"),
        ((b"* OK " + b"x" * 2_000_000,), LARGE),
        ((b"* OK hi {999999999999}\r\n" * 3,), LARGE),
        ((GREETING, b"* X {99999999}\r\n"), LARGE),
    ],
)  # fmt: skip
def test_what_no_mail_server_should_say(tls: Certificates, answers: tuple[bytes, ...], message: str) -> None:
    with scripted(*answers) as (port, _):
        assert failure(tls, params(port, timeout=5)).message == message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"TAG NO no such thing hunter22\r\n", "mail refused: no such thing ***"),
        (b"* ten EXISTS\r\nTAG OK x\r\n", None),
        (b"TAG BAD what\r\n", None),
        (b"* 1 EXISTS\r\n* BYE\r\n", ENDED),
    ],
)
def test_strange_answers_after_the_login(tls: Certificates, answer: bytes, message: str | None) -> None:
    with scripted(GREETING, NO_PLAIN, IN, answer) as (port, told):
        found = World(mail=mail(tls.trust)).failure(
            "email.receive", params(port, password="hunter22", timeout=5)
        )
    assert told[1].endswith(b' LOGIN "desk@example.com" "hunter22"\r\n')
    assert "hunter22" not in found.message
    assert message in (None, found.message)


@pytest.mark.parametrize("answers", [(), (GREETING,), (GREETING, NO_PLAIN[:10])])
def test_a_silent_server_is_a_timeout(tls: Certificates, answers: tuple[bytes, ...]) -> None:
    with scripted(*answers, hold=5) as (port, _):
        found = failure(tls, params(port, timeout=0.3))
    assert (found.message, found.handle) == ("mail failed: timed out after 0.3 s", "timeout")


def test_a_filter_cannot_smuggle_a_command(tls: Certificates, box: Mailbox) -> None:
    found = failure(tls, params(box.port, subject="x\r\nA1 DELETE INBOX"))
    assert found.message == 'param "subject" must not contain line breaks or control characters'
