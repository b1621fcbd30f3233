"""What every node type of a flow offers, and what it may use while it runs (FlowRunner spec c.3, c.4, d).

A node of a flow is a `Node` of the one graph whose `op` is `fr.<type>` and whose `data` is

    {type, params, next: {action: target id or "END"}, retry?: {max_retries, wait, backoff, max_wait?}, batch?: {strategy,
     max_parallel?, items?, on_item_error}, hooks?: {prep?, exec?, post?}, timeout?}

with all durations in seconds. Its edges are named `<node>:<action>`, carry the action as `source_handle`, and leave out END.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from flowker.model.exact_json import Json
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.run import Level


class Shape(StrEnum):
    """How a node type lowers to states; the compiler knows nothing else of it.

    PLAIN is one task. WAITING is a task that may answer `seconds`: then the state machine waits and asks again, with phase
    `resume`, until it does not. SPLIT runs its targets in parallel, and is asked again with phase `join`. SIGNAL waits for
    somebody outside (phases `listen`, then `resume` or `timeout`).
    """

    PLAIN = "plain"
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
    """A node succeeded. `passes` means that its result is its input; `shared` are entries to add, such as `http_result`."""

    value: Json = None
    action: str = "default"
    passes: bool = False
    logs: Sequence[Line] = ()
    shared: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """A node of shape WAITING wants to be asked again in so many seconds, and then to see `state`."""

    seconds: float
    state: Json = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """One attempt at one node. `params` are evaluated (but for what the type declares as `raw`). `evaluate(code, mode)` runs a
    script with all names of spec e.2 in scope, `mode` is `expression` or `body`; it raises `FlowFailure`. `state` is what the
    node's last `Pause` kept, None at first. `idempotency_key` is the same for all attempts of a step."""

    params: Mapping[str, Json]
    input: Json
    evaluate: Callable[[str, str], Json]
    send: Callable[[OutboundRequest], OutboundResponse]
    sleep: Callable[[float], None]
    now: datetime
    idempotency_key: str
    timeout: float
    state: Json = None
    store: Any = None
    """The account's key/value store, see `nodes.flow.store`."""
    runs: Any = None
    """Runs of other flows, see `nodes.flow.flow`."""


class FlowNodeType(Protocol):
    """One type of node. Instances hold no state."""

    name: str
    """As in `type:`."""
    raw: frozenset[str]
    """Params whose text is a script or an expression itself, so that `${}` in it means nothing."""

    def shape(self, params: Mapping[str, Any]) -> Shape: ...

    def check(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        """What is wrong with literal params: (code, path below params, reason), with the codes `missing_param`,
        `invalid_param`, `invalid_duration`, `unsupported` (spec c.8). A text with `${` in it may become anything."""
        ...

    def scripts(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        """The scripts in it, for the syntax check: (path below params, code, mode `expression` or `body`)."""
        ...

    def run(self, around: Circumstances) -> Done | Pause:
        """Raises `FlowFailure`."""
        ...
