"""The message that `email.send` sends, from texts that may be anything (FlowRunner spec d.9; RFC 5322, RFC 2045).

Functions raise `ValueError` with what is wrong; the text repeats no value, because it may be a secret.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from mimetypes import MimeTypes
from typing import Any

from flowker.model.exact_json import Json
from flowker.nodes.flow.email_server import control
from flowker.nodes.flow.http_exchange import text_of

MOST_BYTES = 10 * 1024 * 1024
MOST_RECIPIENTS = 100
_POLICY = SMTP.clone(cte_type="7bit")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_HEADER = re.compile(r"[!-9;-~]{1,76}")
_MEDIA_TYPE = re.compile(r'([\w.+-]+)/([\w.+-]+)(?:\s*;\s*charset="?([\w.:-]+)"?)?', re.ASCII)
_OWN = frozenset({"from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "return-path"})
_OWN_PREFIXES = ("content-", "resent-")
_TYPES = MimeTypes()


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    content: bytes
    main: str
    sub: str
    charset: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said, and to whom."""

    sender: Address
    to: Sequence[Address]
    cc: Sequence[Address]
    bcc: Sequence[Address]
    subject: str
    body: str | None
    html: str | None
    headers: Mapping[str, str]
    attachments: Sequence[Attachment]

    @property
    def recipients(self) -> list[str]:
        return list(dict.fromkeys(address.addr_spec for address in (*self.to, *self.cc, *self.bcc)))


def composed(letter: Letter, message_id: str, now: datetime) -> bytes:
    """In seven bits; hidden recipients are not in it."""
    message = EmailMessage(_POLICY)
    message["From"] = letter.sender
    message["To"] = tuple(letter.to)
    if letter.cc:
        message["Cc"] = tuple(letter.cc)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    for name, value in letter.headers.items():
        message[name] = value
    if letter.body is not None:
        message.set_content(letter.body)
    if letter.html is not None:
        if letter.body is None:
            message.set_content(letter.html, subtype="html")
        else:
            message.add_alternative(letter.html, subtype="html")
    for part in letter.attachments:
        message.add_attachment(
            part.content,
            maintype=part.main,
            subtype=part.sub,
            filename=part.filename,
            params={"charset": part.charset} if part.charset else None,
        )
    return message.as_bytes()


def addresses(value: Any) -> list[Address]:
    """From one text or several, each with one address or several, such as `Ann Lee <ann@example.com>`."""
    texts = [line(text) for text in (value if isinstance(value, list) else [value])]
    found = [_address(name, bare) for name, bare in getaddresses([text for text in texts if text.strip()])]
    if len(found) > MOST_RECIPIENTS:
        raise ValueError(f"must not have more than {MOST_RECIPIENTS} addresses")
    return found


def address(value: Any) -> Address:
    found = addresses(value)
    if len(found) != 1:
        raise ValueError("must be one address")
    return found[0]


def headers(given: Mapping[str, Json]) -> dict[str, str]:
    """Those of the flow, as texts."""
    texts = {str(name): line(text_of(value)) for name, value in given.items() if value is not None}
    for name in texts:
        if not _HEADER.fullmatch(name):
            raise ValueError("has a name that no header can have")
        if name.lower() in _OWN or name.lower().startswith(_OWN_PREFIXES):
            raise ValueError(f"must not set {name}")
    if len({name.lower() for name in texts}) != len(texts):
        raise ValueError("has a name twice")
    return texts


def attachments(given: Sequence[Mapping[str, Any]]) -> list[Attachment]:
    return [_attachment(index, entry) for index, entry in enumerate(given)]


def attachment_problems(given: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What is wrong with literal ones: (path, reason)."""
    for index, entry in enumerate(given):
        for name in ("filename", "content"):
            if not isinstance(entry.get(name), str):
                yield f"{index}.{name}", "must be a text"


def line(text: Any) -> str:
    """A text for one line of a header."""
    return checked(text, one_line=True)


def checked(text: Any, *, one_line: bool = False) -> str:
    if not isinstance(text, str):
        raise ValueError("must be a text")
    if one_line and (found := control(text)):
        raise ValueError(found)
    if "\0" in text:
        raise ValueError("must not contain the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be Unicode text") from None
    return text


def _address(name: str, bare: str) -> Address:
    user, at, domain = bare.rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        at = ""
    if not at or not _LOCAL.fullmatch(user) or not _DOMAIN.fullmatch(domain) or len(user) > 64:
        raise ValueError("must be e-mail addresses such as ann@example.com or Ann Lee <ann@example.com>")
    return Address(name, username=user, domain=domain)


def _attachment(index: int, entry: Mapping[str, Any]) -> Attachment:
    filename, content = entry.get("filename"), entry.get("content")
    if not isinstance(filename, str) or not filename.strip() or not isinstance(content, str):
        raise ValueError(f"needs a filename and content in number {index}")
    line(filename)
    given = entry.get("content_type") or _TYPES.guess_type(filename)[0] or "application/octet-stream"
    kind = _MEDIA_TYPE.fullmatch(given) if isinstance(given, str) else None
    if kind is None or kind[1].lower() in ("multipart", "message"):
        raise ValueError(f"has no usable content_type in number {index}")
    try:
        data = b64decode("".join(content.split()), validate=True)
    except ValueError:
        raise ValueError(f"has content that is not base64 in number {index}") from None
    return Attachment(filename, data, kind[1].lower(), kind[2].lower(), kind[3])
