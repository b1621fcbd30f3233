"""`email.send`: a message over SMTP or SES (FlowRunner spec d.9)."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

from flowker.model import exact_json
from flowker.model.mail import Envelope
from flowker.model.run import Level
from flowker.nodes.flow import email_message, email_ses
from flowker.nodes.flow.base import Circumstances, Done, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.email_message import MOST_BYTES, MOST_RECIPIENTS, Letter
from flowker.nodes.flow.email_server import HANDLES, TIMEOUT, TLS, mail_of, node_failures, server_of
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import (
    INVALID,
    MISSING,
    UNSUPPORTED,
    Kind,
    Param,
    Problem,
    is_number,
    open_,
    wrong,
)

T = TypeVar("T")

_CLOSED_PORT = 25
_NO_PORT = "25 cannot be reached from here; use 587 or 465"
_SMTP = ("smtp_host", "username", "password")
_ADDRESSES = ("from", "to", "cc", "bcc")


class EmailSend(NodeType):
    name = "email.send"
    table = (
        Param("smtp_host", Kind.TEXT, "The mail server; required unless `ses`", least=1),
        Param("smtp_port", Kind.COUNT, "587 begins with STARTTLS, 465 is TLS at once, 25 is refused", default=587, least=1,
              most=65535),
        TLS,
        Param("username", Kind.TEXT, "For the mail server; required unless `ses`", least=1),
        Param("password", Kind.TEXT, "For the mail server; required unless `ses`", least=1),
        Param("from", Kind.TEXT, "One address, `ann@example.com` or `Ann Lee <ann@example.com>`; `username` unless given",
              least=1),
        Param("to", Kind.TEXTS, f"One or several addresses; with `cc` and `bcc` at most {MOST_RECIPIENTS}", required=True,
              least=1),
        Param("cc", Kind.TEXTS, "Who gets a copy"),
        Param("bcc", Kind.TEXTS, "Who gets a copy that the others do not know of"),
        Param("subject", Kind.TEXT, "One line", required=True),
        Param("body", Kind.TEXT, "The message as plain text; this or `html` is required"),
        Param("html", Kind.TEXT, "The message as HTML; with `body` readers show one of the two"),
        Param("attachments", Kind.MAPS, "Each `{filename, content, content_type?}` with `content` in base64. The whole message "
              f"has at most {MOST_BYTES // 1024 // 1024} MiB"),
        Param("headers", Kind.MAP, "Further headers, such as `Reply-To`"),
        TIMEOUT,
        *email_ses.PARAMS,
    )  # fmt: skip
    page = Page(
        summary="Sends an e-mail over the SMTP server of your own, or over SES. Attempts and redeliveries of the same step "
        "carry the same `Message-ID`, so that a message which was sent twice after a timeout can be recognised; SES gives "
        "every message an id of its own. A server that takes some recipients and refuses others has sent the message.",
        example="""\
type: email.send
params:
  smtp_host: smtp.example.com
  username: shop@example.com
  password: "${secrets.MAIL}"
  to: "${input.customer}"
  subject: "Order ${input.id}"
  body: "It is on its way."
retry: { max_retries: 2, wait: 30s, backoff: exponential }
next: { default: done, error: alarm }""",
        results={
            "status": "`sent`",
            "from": "the sender's address",
            "to, cc, bcc": "lists of addresses",
            "subject": "as sent",
            "message_id": "the `Message-ID`; with `ses` the id that SES has given",
            "refused": "list of `{address, status_code}`: recipients that the server did not take; else not there",
        },
        actions={"default": "the message is accepted for at least one recipient"},
        handles={**HANDLES, **email_ses.HANDLES},
        logs={
            "Email sent": "info, data `{message_id, recipients}` with their number",
            "Some recipients were refused": "warn, data `{refused}` with their number",
        },
    )  # fmt: skip

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        yield from _connection_problems(params)
        if params.get("body") is None and params.get("html") is None:
            yield MISSING, "body", "or html is required"
        for name in _ADDRESSES:
            yield from _literal(name, params.get(name), email_message.addresses)
        if isinstance(params.get("headers"), Mapping):
            yield from _literal("headers", params["headers"], email_message.headers)
        given = params.get("attachments")
        if isinstance(given, list) and all(isinstance(entry, Mapping) for entry in given):
            for path, reason in email_message.attachment_problems(given):
                yield INVALID, f"attachments.{path}", reason

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        for code, name, reason in _connection_problems(around.params):
            raise wrong(name, reason if code != MISSING else "is required")
        letter = _letter(values)
        message_id = _message_id(around, letter)
        message = email_message.composed(letter, message_id, around.now)
        if len(message) > MOST_BYTES:
            raise wrong("attachments", f"make a message of more than {MOST_BYTES} bytes")
        result = {
            "status": "sent",
            "from": letter.sender.addr_spec,
            "to": [address.addr_spec for address in letter.to],
            "cc": [address.addr_spec for address in letter.cc],
            "bcc": [address.addr_spec for address in letter.bcc],
            "subject": letter.subject,
        }
        envelope = Envelope(letter.sender.addr_spec, letter.recipients)
        if values["ses"]:
            return _done(
                {**result, "message_id": email_ses.sent(around, values, message, envelope)}, envelope
            )
        server = server_of(around, values, "smtp")
        with node_failures():
            refused = mail_of(around).submit(message, envelope, server)
        told = [{"address": one.address, "status_code": one.status} for one in refused]
        return _done({**result, "message_id": message_id, **({"refused": told} if told else {})}, envelope)


def _done(result: Mapping[str, Any], envelope: Envelope) -> Done:
    refused = result.get("refused", [])
    data = {"message_id": result["message_id"], "recipients": len(envelope.recipients) - len(refused)}
    lines = [Line(Level.INFO, "Email sent", data)]
    if refused:
        lines.append(Line(Level.WARN, "Some recipients were refused", {"refused": len(refused)}))
    return Done(result, logs=lines, shared=remembered("email", result))


def _connection_problems(params: Mapping[str, Any]) -> Iterator[Problem]:
    port = params.get("smtp_port")
    if is_number(port) and port == _CLOSED_PORT:
        yield UNSUPPORTED, "smtp_port", _NO_PORT
    ses = params.get("ses")
    if open_(ses):
        return
    if ses is True:
        if params.get("smtp_host") is not None:
            yield INVALID, "ses", "cannot go with smtp_host"
        yield from email_ses.problems(params)
        return
    for name in _SMTP:
        if params.get(name) is None:
            yield MISSING, name, "is required"


def _literal(name: str, value: Any, judge: Callable[[Any], object]) -> Iterator[Problem]:
    """What evaluation cannot change is judged when the flow is saved."""
    if value is None or "${" in exact_json.readable(value):
        return
    try:
        judge(value)
    except ValueError as error:
        yield INVALID, name, str(error)


def _letter(values: Mapping[str, Any]) -> Letter:
    """Raises `FlowFailure`."""
    if values["body"] is None and values["html"] is None:
        raise wrong("body", "or html is required")
    sender = values["from"] or values["username"]
    if sender is None:
        raise wrong("from", "is required")
    letter = Letter(
        sender=_judged("from", sender, email_message.address),
        to=_judged("to", values["to"], email_message.addresses),
        cc=_judged("cc", values["cc"] or [], email_message.addresses),
        bcc=_judged("bcc", values["bcc"] or [], email_message.addresses),
        subject=_judged("subject", values["subject"], email_message.line),
        body=_judged("body", values["body"], _optional),
        html=_judged("html", values["html"], _optional),
        headers=_judged("headers", values["headers"] or {}, email_message.headers),
        attachments=_judged("attachments", values["attachments"] or [], email_message.attachments),
    )
    if not letter.to:
        raise wrong("to", "must not be empty")
    if len(letter.recipients) > MOST_RECIPIENTS:
        raise wrong("to", f"with cc and bcc must not have more than {MOST_RECIPIENTS} addresses")
    return letter


def _judged(name: str, value: Any, judge: Callable[[Any], T]) -> T:
    try:
        return judge(value)
    except ValueError as error:
        raise wrong(name, str(error)) from None


def _optional(text: str | None) -> str | None:
    return None if text is None else email_message.checked(text)


def _message_id(around: Circumstances, letter: Letter) -> str:
    """Of the step and what is sent: an agent may send several messages in one step."""
    digest = sha256(repr(letter).encode()).hexdigest()
    return f"<{uuid5(NAMESPACE_OID, f'{around.idempotency_key}/{digest}')}@{letter.sender.domain}>"
