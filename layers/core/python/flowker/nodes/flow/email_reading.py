"""What a mail says, as well as it can be told: many are not well formed (FlowRunner spec d.9)."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, TypeVar

from flowker.model.exact_json import Json
from flowker.model.mail import FetchedMail
from flowker.nodes.flow.charsets import codec, decoded

T = TypeVar("T")

_FLAGS = ("answered", "deleted", "draft", "flagged", "recent", "seen")
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MessageError)
"""What the parser of the standard library raises for what it does not expect."""
_SPECIAL = re.compile(r'[,;:<>@()"\\\[\]]')
"""What a name may only hold between quotes."""
MOST_LINES = 100_000
MOST_PARTS = 5_000
MOST_NESTED = 50
_ABOUT_PARTS = re.compile(rb"^content-[a-z-]+:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_MOST_ABOUT_PARTS = 8 * 1024
_MOST_HEADER = 64 * 1024
"""Beyond these a mail is written to keep its readers busy: the parser would take minutes."""
_NOTE = "the mail is not well formed: "


class _Reading:
    """One mail. `notes` are the parts that could not be read as they should."""

    def __init__(self, content: bytes) -> None:
        self.notes: list[str] = []
        found = self.tried("structure", lambda: _parsed(content), None)
        if found is None:  # not the same as false: one without a header is that as well
            found = self.tried("structure", lambda: _header(content), Message())
        self.message: Message = found

    def tried(self, part: str, read: Callable[[], T], otherwise: T) -> T:
        """What `read` gives, or a note and `otherwise`."""
        try:
            return read()
        except _MALFORMED:
            if part not in self.notes:
                self.notes.append(part)
            return otherwise

    def header(self, name: str) -> str:
        return next((self.decoded(name, value) for value in self._values(name)), "")

    def decoded(self, name: str, value: str) -> str:
        """Encoded words as what they mean, in one line."""
        raw = _text(value)
        text = self.tried(name.lower(), lambda: _words(raw), raw)
        return _text("".join(text.splitlines()).replace("\t", " ")).strip()

    def addresses(self, name: str) -> list[str]:
        values = [_text(value) for value in self._values(name)]
        none: list[tuple[str, str]] = []
        # Taken apart first: a decoded name may hold a comma.
        pairs = self.tried(name.lower(), lambda: getaddresses(_short(values)), none)
        return [self._address(name, label, bare) for label, bare in pairs if label or bare]

    def _address(self, name: str, label: str, bare: str) -> str:
        label = self.decoded(name, label)
        if _SPECIAL.search(label):
            escaped = re.sub(r'(["\\])', r"\\\1", label)
            label = f'"{escaped}"'
        return f"{label} <{bare}>" if label else bare

    def _values(self, name: str) -> list[str]:
        """As they were written; the parser's own view of them has lost what is no ASCII."""
        return [value for key, value in self._items() if key.lower() == name.lower()]

    def _items(self) -> list[tuple[str, str]]:
        none: list[tuple[str, str]] = []
        return self.tried("structure", lambda: list(self.message.raw_items()), none)

    def texts(self) -> tuple[str, str]:
        """The first plain text and the first HTML that are no attachments."""
        found = {"text/plain": "", "text/html": ""}
        for part in self._parts():
            kind = self.tried("content type", part.get_content_type, "")
            attached = self.tried("content type", part.get_content_disposition, None) == "attachment"
            if kind in found and not found[kind] and not part.is_multipart() and not attached:
                found[kind] = self._content(part)
        return found["text/plain"], found["text/html"]

    def _parts(self) -> list[Message]:
        none: list[Message] = []
        return self.tried("structure", lambda: list(self.message.walk()), none)

    def _content(self, part: Message) -> str:
        nothing: Any = b""
        payload = self.tried("body", lambda: part.get_payload(decode=True), nothing)
        charset = self.tried("body", part.get_content_charset, None)
        content = payload if isinstance(payload, bytes) else b""
        return _text(decoded(content, charset)).replace("\r\n", "\n")

    def date(self) -> datetime | None:
        written = self.header("Date")
        found = self.tried("date", lambda: parsedate_to_datetime(written), None) if written else None
        if found is None:
            return None
        return self.tried(
            "date", lambda: (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC), None
        )

    def headers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self._items():
            found.setdefault(_text(name), []).append(self.decoded(name, value))
        return found

    def defects(self) -> Iterator[str]:
        for part in self._parts():
            yield from (type(defect).__name__ for defect in part.defects)


def _parsed(content: bytes) -> Message:
    """Raises what the parser raises, `ValueError` for what it had better not see."""
    lines = max(content.count(b"\n"), content.count(b"\r"))
    nested = len(re.findall(b"boundary", content, re.IGNORECASE))
    if lines > MOST_LINES or nested > MOST_NESTED or content.count(b"\n--") > MOST_PARTS:
        raise ValueError("too many parts")
    if any(len(found.group()) > _MOST_ABOUT_PARTS for found in _ABOUT_PARTS.finditer(content)):
        raise ValueError("too long")
    return message_from_bytes(content)


def _header(content: bytes) -> Message:
    """The header alone, without what it says of parts."""
    header = _END_OF_HEADER.split(content[:_MOST_HEADER], maxsplit=1)[0]
    return message_from_bytes(_ABOUT_PARTS.sub(b"", header))


def _words(header: str) -> str:
    """With its encoded words decoded. Raises `ValueError`, `LookupError`, `MessageError`."""
    parts = decode_header(*_short([header]))
    return "".join(
        part
        if isinstance(part, str)
        else part.decode(codec(charset) if charset else "raw-unicode-escape", "replace")
        for part, charset in parts
    )


def _short(headers: list[str]) -> list[str]:
    """The same. Raises `ValueError`."""
    if sum(map(len, headers)) > _MOST_HEADER:
        raise ValueError("too long")
    return headers


def told(mail: FetchedMail, with_body: bool, preview: int | None) -> dict[str, Json]:
    """The mail as a result of `email.receive`. Never raises for what is in it."""
    reading = _Reading(mail.content)
    body, html = reading.texts() if with_body or preview else ("", "")
    date = reading.date() or mail.arrived
    result: dict[str, Any] = {
        "subject": reading.header("Subject"),
        "from": next(iter(reading.addresses("From")), ""),
        "to": reading.addresses("To"),
        "cc": reading.addresses("Cc"),
        "date": _instant(date),
        "body": body if with_body else "",
        "html": html if with_body else "",
        "headers": reading.headers(),
        "messageId": reading.header("Message-ID"),
        "metadata": _metadata(mail),
    }
    if preview is not None:
        result["body_preview"] = " ".join(body.split())[:preview]
    if mail.cut:
        result["truncated"] = True
    # The header alone, or the beginning alone, always lacks an end.
    complete = with_body and not mail.cut
    wrong = [*reading.notes, *(reading.defects() if complete else ())]
    if wrong:
        result["note"] = _NOTE + ", ".join(dict.fromkeys(wrong))
    return result


def _metadata(mail: FetchedMail) -> dict[str, Json]:
    names = {flag.lower() for flag in mail.flags}
    return {
        "uid": mail.uid,
        "flags": list(mail.flags),
        "date": _instant(mail.arrived),
        "sequence": mail.sequence,
        "size": mail.size,
        **{name: f"\\{name}" in names for name in _FLAGS},
    }


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(text: str) -> str:
    """Bytes that a header must not have are read as UTF-8; what is no text becomes replacement characters."""
    try:
        return text.encode(errors="surrogateescape").decode(errors="replace")
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
