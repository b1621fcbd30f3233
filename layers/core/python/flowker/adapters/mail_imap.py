"""Mail is fetched over IMAP, with TLS and credentials (RFC 3501; FlowRunner spec d.9).

Nothing is marked as read unless that is asked for, and then all at the end, when everything has been fetched.
"""

import imaplib
import re
import socket
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from flowker.adapters.destinations import Destinations
from flowker.adapters.mail_connection import CLEAR, AnswerTooLarge, Link, Tls, ended, link, name_of, said
from flowker.model.mail import FetchedMail, MailQuery, MailRefused, MailServer
from flowker.model.outbound import CallFailed

_MOST_HEADER = 256 * 1024
_MOST_BESIDES = 4 * 1024 * 1024
"""Bytes of a session that are no mail: greetings, numbers, flags."""
_AT_ONCE = 100
"""Mails whose time of arrival is asked for in one command."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KEYS = {"from": "FROM", "to": "TO", "subject": "SUBJECT"}
_DAY = timedelta(days=1)
_OLDEST, _LATEST = 1970, 9999
"""Years between which a limit leaves anything out."""


def fetch(
    destinations: Destinations, tls: Tls, server: MailServer, query: MailQuery
) -> Sequence[FetchedMail]:
    """As of the port `Mail`."""
    with link(destinations, tls, server) as open_link:
        try:
            return _fetched(open_link, tls, query)
        except imaplib.IMAP4.abort:
            raise ended(open_link.late, server, "IMAP") from None
        except _Refused as refused:
            raise MailRefused(f"mail refused: {said(server, refused.words)}") from None
        except imaplib.IMAP4.error as error:
            if open_link.late.is_set():
                raise ended(open_link.late, server, "IMAP") from None
            if "got more than" in str(error):
                raise AnswerTooLarge from None
            # Its text quotes the server in a way of its own, in which secrets would not be recognized.
            raise MailRefused("mail refused: the server does not accept what is asked") from None
        except OSError:
            raise  # a certificate that is not trusted is a ValueError too
        except ValueError:
            raise ended(open_link.late, server, "IMAP") from None


def _fetched(open_link: Link, tls: Tls, query: MailQuery) -> list[FetchedMail]:
    session = _Session(open_link, query)
    try:
        _secure(session, open_link, tls)
        _log_in(session, open_link.server)
        total = _selected(session, query)
        uids = _newest(session, query, total) if total else []
        mails = [mail for uid in uids for mail in _one(session, uid, query.most_bytes)]
        if query.mark_as_read and mails:
            numbers = ",".join(str(mail.uid) for mail in mails)
            _answered(session.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Seen)"))
        _leave(session)
        return mails
    finally:
        _close(session)


class _Refused(Exception):
    """The server said no."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class _Session(imaplib.IMAP4):
    """A session over a connection that is there, with answers of bounded length."""

    def __init__(self, open_link: Link, query: MailQuery) -> None:
        self._socket = open_link.socket
        self._left = _MOST_BESIDES + query.limit * max(query.most_bytes, _MOST_HEADER)
        super().__init__(name_of(open_link.server), open_link.server.port)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._socket

    def read(self, size: int) -> bytes:
        self._take(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise AnswerTooLarge


def _secure(session: _Session, open_link: Link, tls: Tls) -> None:
    if open_link.server.implicit_tls:
        return
    if "STARTTLS" in session.capabilities:
        session.starttls(tls())
    elif not open_link.loopback:
        raise CallFailed(f"mail failed: {CLEAR}")


def _log_in(session: _Session, server: MailServer) -> None:
    if "AUTH=PLAIN" not in session.capabilities and "LOGINDISABLED" in session.capabilities:
        raise CallFailed("mail failed: the server offers no way to log in that is known here")
    try:
        if "AUTH=PLAIN" in session.capabilities:
            pair = f"\0{server.username}\0{server.password}".encode()
            session.authenticate("PLAIN", lambda _: pair)
        else:
            session.login(_quoted(server.username), server.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        raise MailRefused("mail refused: the credentials") from None
    except UnicodeEncodeError:
        raise CallFailed("mail failed: the server takes no credentials beyond ASCII") from None


def _selected(session: _Session, query: MailQuery) -> int:
    """How many mails the folder has."""
    # Without the wish to mark, not even the flag for recent mail is touched.
    answer = session.select(_quoted(_folder(query.folder)), readonly=not query.mark_as_read)
    return int(_text(_answered(answer)))


def _newest(session: _Session, query: MailQuery, total: int) -> list[int]:
    """The newest first."""
    keys = ["UNSEEN"] if query.unseen else []
    foreign: list[tuple[str, str]] = []
    for name, text in query.texts.items():
        if text.isascii():
            keys += [_KEYS[name], _quoted(text)]
        else:
            foreign.append((_KEYS[name], text))
    # The server compares days, and by its own clock: it may only leave out what is far from the limits.
    if query.since is not None and query.since.year >= _OLDEST:
        keys += ["SINCE", _day(query.since - _DAY)]
    if query.before is not None and query.before.year < _LATEST:
        keys += ["BEFORE", _day(query.before + 2 * _DAY)]
    newest_only = not keys and not foreign
    found = _search(session, [f"{max(1, total - query.limit + 1)}:*"] if newest_only else keys or ["ALL"])
    for key, text in foreign:
        # One at a time: imaplib sends one literal per command.
        session.literal = text.encode()  # type: ignore[assignment]  # bytes are what it sends
        found &= _search(session, ["CHARSET", "UTF-8", key])
    ordered = sorted(found, reverse=True)
    if query.since is None and query.before is None:
        return ordered[: query.limit]
    return _in_time(session, ordered, query)


def _in_time(session: _Session, uids: Sequence[int], query: MailQuery) -> list[int]:
    kept: list[int] = []
    for start in range(0, len(uids), _AT_ONCE):
        some = uids[start : start + _AT_ONCE]
        numbers = ",".join(map(str, some))
        answer = _answered(session.uid("FETCH", numbers, "(UID INTERNALDATE)"))
        arrived = {_number(about, b"UID"): _arrived(about) for about, _ in _groups(answer)}
        kept += [uid for uid in some if _within(arrived.get(uid), query)]
        if len(kept) >= query.limit:
            break
    return kept[: query.limit]


def _within(arrived: datetime | None, query: MailQuery) -> bool:
    if arrived is None:
        return False
    return (query.since is None or query.since <= arrived) and (
        query.before is None or arrived < query.before
    )


def _search(session: _Session, keys: Sequence[str]) -> set[int]:
    answer = _answered(session.uid("SEARCH", *keys))
    return {int(number) for part in answer if isinstance(part, bytes) for number in part.split()}


def _one(session: _Session, uid: int, most: int) -> Iterator[FetchedMail]:
    """The mail, or nothing if somebody has deleted it meanwhile."""
    what = f"BODY.PEEK[]<0.{most}>" if most else f"BODY.PEEK[HEADER]<0.{_MOST_HEADER}>"
    answer = session.uid("FETCH", str(uid), f"(UID FLAGS INTERNALDATE RFC822.SIZE {what})")
    for about, literal in _groups(_answered(answer)):
        content = literal if literal is not None else _quoted_content(about)
        if _number(about, b"UID") != uid or content is None:
            continue  # told unasked, of another mail
        flags = re.search(rb"FLAGS \(([^()]*)\)", about)
        size = _number(about, b"RFC822.SIZE") or len(content)
        yield FetchedMail(
            uid=uid,
            sequence=int(about.split(b" ", 1)[0]),
            size=size,
            flags=flags.group(1).decode(errors="replace").split() if flags else [],
            arrived=_arrived(about),
            content=content[: most or _MOST_HEADER],
            cut=bool(most) and size > most,
        )
        return


def _groups(answer: Sequence[object]) -> Iterator[tuple[bytes, bytes | None]]:
    """What a FETCH says of each mail, and the literal in it."""
    about: list[bytes] = []
    literal: bytes | None = None
    for part in answer:
        if isinstance(part, tuple):
            about.append(part[0])
            literal = part[1]
        elif isinstance(part, bytes):
            yield b"".join((*about, part)), literal
            about, literal = [], None


def _quoted_content(about: bytes) -> bytes | None:
    """Short content may come as a quoted text, or not at all."""
    found = re.search(rb'BODY\[[A-Z]*\](?:<0>)? (?:NIL|"((?:[^"\\]|\\.)*)")', about)
    return re.sub(rb"\\(.)", rb"\1", found.group(1) or b"") if found else None


def _number(about: bytes, name: bytes) -> int | None:
    found = re.search(rb"[( ]" + re.escape(name) + rb" (\d+)", about)
    return int(found.group(1)) if found else None


def _arrived(about: bytes) -> datetime | None:
    found = re.search(rb'INTERNALDATE "([^"]*)"', about)
    if found is None:
        return None
    day, month, rest = found.group(1).decode("ascii").strip().split("-", 2)
    text = f"{day} {_MONTHS.index(month.title()) + 1} {rest}"
    return datetime.strptime(text, "%d %m %Y %H:%M:%S %z").astimezone(UTC)


def _answered(answer: tuple[str, Sequence[object]]) -> Sequence[object]:
    """Raises `_Refused`."""
    kind, parts = answer
    if kind != "OK":
        raise _Refused(_text(parts))
    return parts


def _text(parts: Sequence[object]) -> str:
    return " ".join(part.decode(errors="replace") for part in parts if isinstance(part, bytes))


def _leave(session: _Session) -> None:
    try:
        session.logout()
    except (imaplib.IMAP4.error, OSError, AnswerTooLarge):
        return  # everything is here: how the server takes leave does not matter


def _close(session: _Session) -> None:
    try:
        session.shutdown()
    except OSError:
        return  # closed already


def _day(moment: datetime) -> str:
    """As IMAP writes it, whatever language the machine speaks."""
    utc = moment.astimezone(UTC)
    return f"{utc.day:02}-{_MONTHS[utc.month - 1]}-{utc.year:04}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _folder(name: str) -> str:
    """In the modified UTF-7 of RFC 3501, 5.1.3."""

    def encoded(found: "re.Match[str]") -> str:
        if found.group() == "&":
            return "&-"
        code = b64encode(found.group().encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{code}-"

    return re.sub(r"&|[^\x20-\x7e]+", encoded, name)
