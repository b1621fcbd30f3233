"""The task of every state machine: run one node (architecture §5). This edge may catch everything: it logs once."""

from typing import Any

from flowker import wiring
from flowker.errors import NodeError, Unavailable
from flowker.observability import logger
from flowker.usecases.node_runs import Route, Task

Event = dict[str, Any]


def handle(event: Event, context: object) -> Route:
    """`{executionId, revision, entry, node, attempt, finishUnless?}` in, the live edges out.

    Raises `ProviderUnavailable` and `NodeFailed`, which the state machine knows by name.
    """
    task = Task(
        execution_id=event["executionId"],
        revision=event["revision"],
        entry=event["entry"],
        node=event["node"],
        attempt=event.get("attempt", 0),
        finish_unless=event.get("finishUnless"),
    )
    try:
        return wiring.node_runs().run(task)
    except (NodeError, Unavailable) as error:
        logger().info(
            "node did not complete",
            extra={"execution_id": task.execution_id, "node_id": task.node, "error": type(error).__name__},
        )
        raise
    except Exception:
        logger().exception(
            "node failed unexpectedly", extra={"execution_id": task.execution_id, "node_id": task.node}
        )
        raise
