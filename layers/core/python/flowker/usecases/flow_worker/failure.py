"""A node that has failed for good, as those after it see it (FlowRunner spec c.4)."""

from collections.abc import Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.nodes.flow.base import FlowFailure
from flowker.usecases.flow_plans import type_name

GENERAL = "error"
"""The `type` of a failure without a handle."""


class Failed(Exception):
    """All attempts are used up, or another one makes no sense. `final` ones follow no error route. `known` is the error
    object of a node within this one, which made it fail."""

    def __init__(
        self,
        failure: FlowFailure,
        attempts: int,
        *,
        final: bool = False,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.attempts = attempts
        self.final = final
        self.known = known

    @classmethod
    def again(cls, error: Mapping[str, Any], **more: Json) -> "Failed":
        """What failed in a branch or for an item fails what is around it."""
        failure = FlowFailure(str(error["message"]), retryable=False)
        return cls(failure, 1, known={**error, **more})

    @property
    def has_response(self) -> bool:
        """Whether somebody outside has answered, so that the error object is a result as well."""
        return "status_code" in self.failure.details

    def document(self, node: Node) -> dict[str, Any]:
        """The error object."""
        if self.known is not None:
            return dict(self.known)
        return {
            **self.failure.details,
            "message": self.failure.message,
            "type": self.failure.handle or GENERAL,
            "node_id": node.id,
            "node_type": type_name(node),
            "attempts": self.attempts,
        }
