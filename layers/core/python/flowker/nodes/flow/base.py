"""What every node type of a flow offers, and what it may use while it runs (FlowRunner spec c.3, c.4, d).

A node of a flow is a `Node` of the one graph whose `op` is `fr.<type>` and whose `data` is

    {type, params, next: {action: target id or "END"}, retry?: {max_retries, wait, backoff, max_wait?}, batch?: {strategy,
     max_parallel?, items?, on_item_error}, hooks?: {prep?, exec?, post?}, timeout?}

with all durations in seconds. Its edges are named `<node>:<action>`, carry the action as `source_handle`, and leave out END.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from flowker.model.exact_json import Json
from flowker.model.mail import Envelope, FetchedMail, MailQuery, MailServer, RefusedRecipient
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.redaction import Redactor
from flowker.model.run import Entry, EntryChange, Level, RunStatus
from flowker.model.schedule import Fired, Schedule
from flowker.model.sql import SqlResult, SqlServer, SqlStatement


class Shape(StrEnum):
    """How a node type lowers to states; the compiler knows nothing else of it.

    PLAIN is one task. QUICK is work that is over at once and has no effect outside, so it may be repeated: it runs in the task
    before it where it can, else in one of its own. WAITING is a task that may answer `seconds`: then the state machine waits
    and asks again, with phase `resume`, until it does not. SPLIT runs its targets in parallel, and is asked again with phase
    `join`. SIGNAL waits for somebody outside, at most for its literal `timeout` (phases `listen`, then `resume` or `timeout`).
    """

    PLAIN = "plain"
    QUICK = "quick"
    WAITING = "waiting"
    SPLIT = "split"
    SIGNAL = "signal"


class FlowFailure(Exception):
    """A node failed. `handle` is tried before `error` (client_error, server_error, timeout); `details` join the error object.
    What is not `retryable` is not tried again: configuration errors, and 4xx but 408, 425 and 429."""

    def __init__(
        self,
        message: str,
        *,
        handle: str | None = None,
        details: Mapping[str, Json] | None = None,
        retryable: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.handle = handle
        self.details = dict(details or {})
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Line:
    """A log entry of a node."""

    level: Level
    message: str
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A node succeeded. `passes` means that its result is its input; `shared` are entries to add, such as `http_result`;
    `changes` go into the transaction that records the step. `EntryChanged` there: run the node again."""

    value: Json = None
    action: str = "default"
    passes: bool = False
    logs: Sequence[Line] = ()
    shared: Mapping[str, Json] = field(default_factory=dict)
    changes: Sequence[EntryChange] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """A node of shape WAITING wants to be asked again in so many seconds, and then to see `state`."""

    seconds: float
    state: Json = None


@dataclass(frozen=True, slots=True)
class Listen:
    """A node of shape SIGNAL waits for this key. It is asked again with `state` {"signal": <what came>} or
    {"timeout": true}."""

    key: str


class Entries(Protocol):
    """The account's key/value store, as it is now; what is to change is part of `Done`."""

    def get(self, key: str) -> Entry | None:
        """None also for one that has expired: what takes its place is recorded as a first version."""
        ...

    def all(self, *, values: bool = True) -> Iterator[Entry]:
        """Those that live, by key, read as far as they are asked for; without `values` all of theirs are null."""
        ...


class Runs(Protocol):
    """Runs of other flows of the account."""

    def start(self, flow_id: str, data: Mapping[str, Json]) -> str:
        """The id of the run; repeating it for the same step and attempt starts nothing new. Raises `FlowFailure`."""
        ...

    def outcome(self, run_id: str) -> tuple[RunStatus, Json, str | None]:
        """How far it is, its result, and what made it fail."""
        ...


class Schedules(Protocol):
    """Schedules of the account."""

    def schedule(
        self, schedule_id: str, cron: str, timezone: str, flow_id: str | None, payload: Mapping[str, Json]
    ) -> Schedule:
        """Make one, or replace that of this id; it runs this flow unless told another one. Raises `FlowFailure`."""
        ...

    def all(self) -> Sequence[Schedule]:
        """By id."""
        ...

    def get(self, schedule_id: str) -> tuple[Schedule, Sequence[tuple[Fired, RunStatus]]] | None:
        """With its latest runs, the newest first."""
        ...

    def delete(self, schedule_id: str) -> bool:
        """False if there was none."""
        ...


class Sql(Protocol):
    """PostgreSQL servers, wherever calls may go."""

    def run(
        self, server: SqlServer, statements: Sequence[SqlStatement], timeout: float
    ) -> Sequence[SqlResult]:
        """All statements in one transaction, within so many seconds; what each one gives. Raises `CallFailed`."""
        ...


class Mail(Protocol):
    """Mail servers of the user's own, with TLS. Both raise `MailRefused`, `CallFailed`, `CallFailedForNow`, `CallTimedOut`, in
    whose texts no credentials show."""

    def submit(self, message: bytes, envelope: Envelope, server: MailServer) -> Sequence[RefusedRecipient]:
        """Hand over a message; whom the server does not take while it takes others."""
        ...

    def fetch(self, server: MailServer, query: MailQuery) -> Sequence[FetchedMail]:
        """The newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    """One attempt at one node. `params` are evaluated (but for what the type declares as `raw`). `evaluate(code, mode)` runs a
    script with all names of spec e.2 in scope, `mode` is `expression` or `body`; it raises `FlowFailure`. `state` is what the
    node's last `Pause` kept, None at first. `idempotency_key` is the same for all attempts of a step.
    `evaluate_params(value, names)` fills in the placeholders of a structure that is among the `raw` params, with these names
    in scope as well; it raises `FlowFailure`. `account_id` is the owner of the run. `redactor` hides the secrets that the node
    knows: all that a node gives is redacted afterwards, but half a secret is not recognized, so a text is redacted before it
    is cut."""

    params: Mapping[str, Json]
    input: Json
    evaluate: Callable[[str, str], Json]
    evaluate_params: Callable[[Json, Mapping[str, Json]], Json]
    send: Callable[[OutboundRequest], OutboundResponse]
    sleep: Callable[[float], None]
    now: datetime
    idempotency_key: str
    timeout: float
    state: Json = None
    store: Entries | None = None
    runs: Runs | None = None
    schedules: Schedules | None = None
    sql: Sql | None = None
    mail: Mail | None = None
    account_id: str = ""
    redactor: Redactor = field(default_factory=lambda: Redactor(()))


class FlowNodeType(Protocol):
    """One type of node. Instances hold no state."""

    name: str
    """As in `type:`."""

    @property
    def raw(self) -> frozenset[str]:
        """Params whose text is a script or an expression itself, so that `${}` in it means nothing."""
        ...

    @property
    def known(self) -> frozenset[str]:
        """The names of its params, in all spellings."""
        ...

    def shape(self, params: Mapping[str, Any]) -> Shape: ...

    def check(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        """What is wrong with literal params: (code, path below params, reason), with the codes `missing_param`,
        `invalid_param`, `invalid_duration`, `unsupported` (spec c.8). A text with `${` in it may become anything."""
        ...

    def scripts(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        """The scripts in it, for the syntax check: (path below params, code, mode `expression` or `body`)."""
        ...

    def run(self, around: Circumstances) -> Done | Pause | Listen:
        """At phase `join` a node of shape SPLIT finds the results of its branches in `state`. Raises `FlowFailure`."""
        ...
