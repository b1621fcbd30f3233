"""What every node kind offers, and what it may use while it runs."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration

Context = Mapping[str, Any]
"""What a node sees: `workflow` (the input), the outputs of its ancestors by node id, `output` (Flowker spec d.2)."""

EVERYTHING = None
"""As a node's references: the whole context."""


class Failure(Exception):
    """A node failed. `reason` goes into the execution's error message, `detail` into the step's.

    `transient` failures are worth another attempt; `code` is one of the FLK codes of failing nodes.
    """

    def __init__(
        self,
        reason: str,
        *,
        detail: str | None = None,
        code: str = "FLK-0504",
        transient: bool = False,
        status_code: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail or reason
        self.code = code
        self.transient = transient
        self.status_code = status_code


class CallFailure(Failure):
    """The call to the provider failed; the number of attempts is part of the execution's error message."""


@dataclass(frozen=True, slots=True)
class Result:
    """A node's step output, and the status code where a provider answered."""

    output: Json
    status_code: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """The circumstances of one attempt. `idempotency_key` is the same for all attempts of a step; calls are made and
    judged inside `guard`, which may refuse them and learns from the failures it sees."""

    context: Context
    provider: ProviderConfiguration | None
    idempotency_key: str
    send: Callable[[OutboundRequest], OutboundResponse]
    guard: Callable[[], AbstractContextManager[None]] = nullcontext


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
