"""`email.send` and `email.receive`: their params, the message, SES, and mails of all kinds (FlowRunner spec d.9)."""

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.model import exact_json
from flowker.model.mail import Envelope, FetchedMail, MailQuery, MailServer, RefusedRecipient
from flowker.nodes.flow.email_reading import told
from tests.flow_nodes import World, problems, response

SEND = {
    "smtp_host": "smtp.example.com",
    "username": "desk@example.com",
    "password": "hunter22",
    "to": "ann@example.org",
    "subject": "Hello",
    "body": "Hi",
}
SES = {
    "ses": True,
    "region": "eu-west-1",
    "access_key": "AKIA1",
    "secret_key": "s3cret-key",
    "from": "Desk <desk@example.com>",
    "to": ["ann@example.org"],
    "bcc": "hidden@example.org",
    "subject": "Hello",
    "body": "Hi",
}
RECEIVE = {"imap_host": "imap.example.com", "username": "desk", "password": "hunter22"}
LINE = "must not contain line breaks or control characters"


class Post:
    """A mail port that remembers."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Envelope, MailServer]] = []
        self.asked: list[tuple[MailServer, MailQuery]] = []

    def submit(self, message: bytes, envelope: Envelope, server: MailServer) -> Sequence[RefusedRecipient]:
        self.sent.append((message, envelope, server))
        return []

    def fetch(self, server: MailServer, query: MailQuery) -> Sequence[FetchedMail]:
        self.asked.append((server, query))
        return []

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.sent[-1][0], policy=default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.mark.parametrize(
    ("params", "found"),
    [
        (SEND, []),
        (
            {
                **SEND,
                "smtp_port": 465,
                "cc": ["a@b.c"],
                "attachments": [{"filename": "a", "content": "AA=="}],
            },
            [],
        ),
        ({**SEND, "smtp_port": 25}, [("unsupported", "smtp_port")]),
        ({**SEND, "to": "nobody"}, [("invalid_param", "to")]),
        ({**SEND, "to": "${input.to}", "cc": ["${input.cc}"]}, []),
        ({**SEND, "to": 7}, [("invalid_param", "to"), ("invalid_param", "to")]),
        ({**SEND, "headers": {"Bcc": "x@y.z"}}, [("invalid_param", "headers")]),
        ({**SEND, "headers": {"X-A": "a\nBcc: x@y.z"}}, [("invalid_param", "headers")]),
        ({**SEND, "attachments": [{"filename": "a"}]}, [("invalid_param", "attachments.0.content")]),
        (
            {name: value for name, value in SEND.items() if name != "password"},
            [("missing_param", "password")],
        ),
        ({name: value for name, value in SEND.items() if name != "body"}, [("missing_param", "body")]),
        (SES, []),
        ({**SES, "smtp_host": "x"}, [("invalid_param", "ses")]),
        ({**SES, "secret_key": None}, [("missing_param", "secret_key")]),
        ({**SES, "access_key": None}, [("missing_param", "access_key")]),
        ({**SES, "role_arn": "arn:aws:iam::1:role/x"}, [("missing_param", "external_id")]),
        ({**SES, "region": "evil.example.com/"}, [("invalid_param", "region")]),
    ],
)
def test_literals_of_send_are_judged_when_a_flow_is_saved(
    params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("email.send", params) == found


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, []),
        ({"limit": 51}, [("invalid_param", "limit")]),
        ({"since": "2026-01-01"}, [("invalid_param", "since")]),
        ({"body_preview": 0}, [("invalid_param", "body_preview")]),
        ({"password": None}, [("missing_param", "password")]),
    ],
)
def test_literals_of_receive_are_judged_when_a_flow_is_saved(
    more: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("email.receive", {**RECEIVE, **more}) == found


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"smtp_port": 25}, 'param "smtp_port" 25 cannot be reached from here; use 587 or 465'),
        ({"subject": "a\r\nBcc: x@y.z"}, f'param "subject" {LINE}'),
        ({"to": "a@b.c\nBcc: x@y.z"}, f'param "to" {LINE}'),
        ({"to": ["a@b.c", "<x@y.z>\r\nDATA"]}, f'param "to" {LINE}'),
        ({"from": "a@b.c\r\n"}, f'param "from" {LINE}'),
        ({"from": "a@b.c, d@e.f"}, 'param "from" must be one address'),
        ({"headers": {"X-A\r\nBcc": "x"}}, 'param "headers" has a name that no header can have'),
        ({"headers": {"X-A": "x\ny"}}, f'param "headers" {LINE}'),
        ({"headers": {"content-type": "x"}}, 'param "headers" must not set content-type'),
        ({"headers": {"X-A": "1", "x-a": "2"}}, 'param "headers" has a name twice'),
        ({"attachments": [{"filename": "a\r\nb", "content": ""}]}, f'param "attachments" {LINE}'),
        ({"attachments": [{"filename": "a", "content": "?"}]}, "has content that is not base64 in number 0"),
        ({"attachments": [{"filename": "a", "content": "", "content_type": "multipart/x"}]}, "no usable content_type"),
        ({"username": "a\r\nb", "from": "a@b.c"}, f'param "username" {LINE}'),
        ({"subject": "\ud800"}, 'param "subject" must be Unicode text'),
        ({"body": "\ud800"}, 'param "body" must be Unicode text'),
        ({"body": None}, 'param "body" or html is required'),
        ({"to": []}, 'param "to" must not be empty'),
        ({"to": [f"a{n}@b.c" for n in range(101)]}, "must not have more than 100 addresses"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused(more: dict[str, Any], message: str) -> None:
    post = Post()
    found = World(mail=post).failure("email.send", {**SEND, **more})
    assert message in found.message
    assert (found.retryable, post.sent) == (False, [])


@pytest.mark.parametrize(
    ("more", "implicit", "port"),
    [({}, False, 587), ({"smtp_port": 465}, True, 465), ({"smtp_port": 465, "tls": "starttls"}, False, 465)],
)
def test_the_port_tells_when_tls_begins(more: dict[str, Any], implicit: bool, port: int) -> None:
    post = Post()
    World(mail=post, timeout=7).done("email.send", {**SEND, **more})
    server = post.sent[0][2]
    assert (server.port, server.implicit_tls, server.timeout) == (port, implicit, 7)
    assert "hunter22" not in repr(server)


def test_the_sender_is_the_user_unless_told() -> None:
    post = Post()
    World(mail=post).done("email.send", SEND)
    assert post.sent[0][1] == Envelope("desk@example.com", ["ann@example.org"])


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    subject=NAMES,
    name=NAMES,
    filename=NAMES.filter(str.strip),
    body=st.text(st.characters(exclude_categories=["C"])),
)
def test_whatever_is_said_arrives(subject: str, name: str, filename: str, body: str) -> None:
    post = Post()
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    attachments = [{"filename": filename, "content": "AA=="}]
    to = f'"{quoted}" <ann@example.org>'
    World(mail=post).done(
        "email.send", {**SEND, "subject": subject, "to": to, "body": body, "attachments": attachments}
    )
    content, message = post.sent[0][0], post.message
    assert content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert [address.addr_spec for address in message["to"].addresses] == ["ann@example.org"]
    plain = message.get_body(["plain"])
    assert plain is not None
    assert plain.get_content().rstrip("\r\n") == body
    assert message["bcc"] is None
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
    }


def test_ses_gets_a_signed_request_with_keys_of_the_flow() -> None:
    world = World(answer=response(200, b'{"MessageId": "ses-1"}'))
    done = world.done("email.send", SES)
    value: Any = done.value
    assert (value["message_id"], value["bcc"]) == ("ses-1", ["hidden@example.org"])
    request = world.sent[0]
    assert request.url == "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails"
    assert request.auth == {
        "type": "aws_sigv4",
        "config": {
            "service": "ses", "region": "eu-west-1", "access_key_id": "AKIA1", "secret_access_key": "s3cret-key"
        },
    }  # fmt: skip
    body = json.loads(request.body or b"")
    assert body["Destination"] == {"BccAddresses": ["ann@example.org", "hidden@example.org"]}
    raw = b64decode(body["Content"]["Raw"]["Data"])
    assert b"hidden" not in raw
    assert b"To: ann@example.org\r\n" in raw


@pytest.mark.parametrize(
    ("status", "handle", "retryable"), [(403, "client_error", False), (503, "server_error", True)]
)
def test_ses_that_refuses_is_a_failure_without_secrets(status: int, handle: str, retryable: bool) -> None:
    world = World(answer=response(status, b'{"message": "no s3cret-key"}'))
    found = world.failure("email.send", SES)
    assert found.message == f"mail refused: SES answers with status {status}: no ***"
    assert (found.handle, found.retryable, found.details) == (handle, retryable, {"status_code": status})


@pytest.mark.parametrize("body", [b"[]", b"x", b"{}", b'{"MessageId": 7}'])
def test_ses_that_says_nothing_known_is_a_failure(body: bytes) -> None:
    found = World(answer=response(200, body)).failure("email.send", SES)
    assert found.message == "mail failed: the answer of SES has no message id"


def test_what_is_asked_of_the_mailbox() -> None:
    post = Post()
    World(mail=post).done(
        "email.receive", {**RECEIVE, "since": "2026-01-01T00:00:00Z", "from": "", "unseen": True}
    )
    server, query = post.asked[0]
    assert (server.port, server.implicit_tls) == (993, True)
    assert query == MailQuery("INBOX", 10, {}, True, datetime(2026, 1, 1, tzinfo=UTC), None, 0, False)


def mail(content: bytes, **more: Any) -> FetchedMail:
    fields: dict[str, Any] = {
        "uid": 1,
        "sequence": 1,
        "size": len(content),
        "flags": [],
        "arrived": None,
        "cut": False,
    }
    return FetchedMail(content=content, **{**fields, **more})


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        (b"From: broken <\r\n\r\n", "body", ""),
        (b"Subject: raw \xc3\xbc\r\n\r\n", "subject", "raw ü"),
        (b"Subject: raw \xfc\r\n\r\n", "subject", "raw \ufffd"),
        (b"Subject: =?nope?q?x?=\r\n\r\n", "subject", "=?nope?q?x?="),
        (b"Subject: a\r\n b\r\n\r\n", "subject", "a b"),
        (b"Date: never\r\n\r\n", "date", None),
        (b"Date: Mon, 05 Jan 2026 13:00:00\r\n\r\n", "date", "2026-01-05T13:00:00Z"),
        (b"Content-Type: text/plain; charset=nope\r\n\r\nh\xc3\xbc", "body", "hü"),
        (b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800", "body", "\\ud800"),
        (b"Content-Transfer-Encoding: base64\r\n\r\n!!!", "body", ""),
        (b"", "subject", ""),
    ],
)
def test_mails_that_are_not_well_formed(content: bytes, name: str, value: object) -> None:
    result = told(mail(content), True, None)
    assert result[name] == value
    exact_json.dumps(result)


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Content-Type: ", b"multipart/mixed; boundary=a", b"--a", b"\r\n",
             b"=?utf-8?b?", b"?=", b"<", b'"', b"(", b"@", b",", b";", b"charset=", b"utf-16", b"\xff", b"text/html", b" "]
        ),
        max_size=40,
    ).map(b"".join)
)  # fmt: skip
def test_no_mail_makes_the_node_fail(content: bytes) -> None:
    exact_json.dumps(told(mail(content), True, 10))
