"""What is told about a node while a flow runs (FlowRunner spec h, i.2)."""

from collections.abc import Sequence

from flowker.model.graph import Node
from flowker.model.instant import Instant
from flowker.model.run import EventKind, Level, RunEvent, RunStatus
from flowker.nodes.flow.base import Line
from flowker.usecases.flow_plans import type_name


def execution_started(node: Node, at: Instant) -> RunEvent:
    """A run begins with this node."""
    return _log(node, at, Line(Level.INFO, "Execution started"))


def started(node: Node, at: Instant) -> Sequence[RunEvent]:
    """A node is next."""
    update = RunEvent(
        kind=EventKind.UPDATE, at=at, status=RunStatus.RUNNING, node_id=node.id, node_type=type_name(node)
    )
    return [update, _log(node, at, Line(Level.DEBUG, "Node started"))]


def logged(node: Node, at: Instant, lines: Sequence[Line]) -> Sequence[RunEvent]:
    return [_log(node, at, line) for line in lines]


def completed(node: Node, at: Instant, value_of: str) -> RunEvent:
    """A node succeeded; its result is the value of that step."""
    return RunEvent(
        kind=EventKind.NODE_COMPLETED, at=at, node_id=node.id, node_type=type_name(node), value_of=value_of
    )


def _log(node: Node, at: Instant, line: Line) -> RunEvent:
    return RunEvent(
        kind=EventKind.LOG,
        at=at,
        node_id=node.id,
        node_type=type_name(node),
        level=line.level,
        message=line.message,
        data=line.data or None,
    )
