"""Mail to submit and mail to fetch, the servers that do it, and how they refuse (FlowRunner spec d.9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flowker.model.outbound import CallFailed


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and as whom. TLS begins at once or, where it is not `implicit_tls`, with STARTTLS. `timeout` in seconds, for
    everything that is asked of the server."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    implicit_tls: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bare addresses; those of hidden recipients are here and nowhere else."""

    sender: str
    recipients: Sequence[str]


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    address: str
    status: int
    """The server's reply code."""


@dataclass(frozen=True, slots=True)
class MailQuery:
    """The newest `limit` mails of a folder. `texts` are what headers must contain: `from`, `to`, `subject`. `since` (inclusive)
    and `before` (exclusive) judge when a mail arrived. Of each, `most_bytes` are fetched; 0 means its header only."""

    folder: str
    limit: int
    texts: Mapping[str, str] = field(default_factory=dict)
    unseen: bool = False
    since: datetime | None = None
    before: datetime | None = None
    most_bytes: int = 0
    mark_as_read: bool = False


@dataclass(frozen=True, slots=True)
class FetchedMail:
    """`content` is the mail as it is stored, or its beginning where it is `cut`. `flags` are as before it was fetched."""

    uid: int
    sequence: int
    size: int
    flags: Sequence[str]
    arrived: datetime | None
    content: bytes
    cut: bool


class MailRefused(CallFailed):
    """A mail server said no. `status` is its reply code, where its protocol has one; `for_now` that it may say yes later."""

    def __init__(self, message: str, status: int | None = None, *, for_now: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.for_now = for_now
