"""What every node kind offers, and what it may use while it runs."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Any, Protocol
from uuid import UUID

from flowker.expressions.operations.base import Surroundings
from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration

Context = Mapping[str, Any]
"""What a node sees: `workflow` (the input), the outputs of its ancestors by node id, `output` (Flowker spec d.2)."""

EVERYTHING = None
"""As a node's references: the whole context."""


LONGEST_MESSAGE = 2000
"""Characters of an error message: paths and ids in one may be long, and it is stored beside other things."""


class Failure(Exception):
    """A node failed. `reason` goes into the execution's error message, `detail` into the step's.

    `transient` failures are worth another attempt, not before what the provider's `Retry-After` asks for; `code` is one
    of the FLK codes of failing nodes.
    """

    def __init__(
        self,
        reason: str,
        *,
        detail: str | None = None,
        code: str = "FLK-0504",
        transient: bool = False,
        status_code: int | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = _cut(reason)
        self.detail = _cut(detail or reason)
        self.code = code
        self.transient = transient
        self.status_code = status_code
        self.retry_after = retry_after


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"


class CallFailure(Failure):
    """The call to the provider failed; the number of attempts is part of the execution's error message."""


@dataclass(frozen=True, slots=True)
class Result:
    """A node's step output, and the status code where a provider answered."""

    output: Json
    status_code: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an executor configuration sends a call, and how. `timeout` in seconds; `auth` is `{type, config}` or nothing.

    What the node itself says wins over path, method and timeout; `base_url`, and `auth` of a type other than `none`,
    stand in for the provider's.
    """

    base_url: str
    path: str
    method: str
    timeout: float
    auth: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """The circumstances of one attempt. `idempotency_key` is the same for all attempts of a step; calls are made and
    judged inside `guard`, which may refuse them and learns from the failures it sees. `endpoint` is there if the node
    names an executor configuration."""

    context: Context
    provider: ProviderConfiguration | None
    idempotency_key: str
    send: Callable[[OutboundRequest], OutboundResponse]
    guard: Callable[[], AbstractContextManager[None]] = nullcontext
    endpoint: Endpoint | None = None
    now: datetime = field(default_factory=partial(datetime.now, UTC))

    def surroundings(self, purpose: str) -> Surroundings:
        """For the operations of one list. Random to everybody, its UUIDs are the same on each attempt of a step: the
        provider is promised that a repeated idempotency key is a repeated request."""
        numbers = count()

        def random_uuid() -> UUID:
            seed = f"{self.idempotency_key}/{purpose}/{next(numbers)}"
            return UUID(bytes=sha256(seed.encode()).digest()[:16], version=4)

        return Surroundings(self.now, random_uuid)


class NodeType(Protocol):
    """One kind of node. Instances hold no state."""

    def references(self, node: Node) -> frozenset[str] | None:
        """The top-level names of the context that running it needs; `EVERYTHING` for all of it."""
        ...

    def run(self, node: Node, run: Run) -> Result:
        """Do the node's work. Raises `Failure`."""
        ...

    def contribute(self, node: Node, output: Json, context: dict[str, Any]) -> None:
        """Add what the recorded output means to the context of the nodes after it."""
        ...

    def contributes(self, node: Node) -> frozenset[str]:
        """The top-level names of the context that `contribute` may write."""
        ...
