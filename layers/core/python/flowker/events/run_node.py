"""The task of every state machine: run one node (architecture §5). This edge may catch everything: it logs once."""

from functools import partial
from typing import Any

from flowker import wiring
from flowker.errors import NodeError, Unavailable
from flowker.model.telemetry import Metric, measure
from flowker.observability import logger, observed
from flowker.usecases.flow_worker.task import FlowTask, Phase
from flowker.usecases.node_runs import Route, Task
from flowker.wiring.worker import flow_steps

Event = dict[str, Any]


def handle(event: Event, context: object) -> dict[str, Any]:
    """Of a workflow: `{executionId, revision, entry, node, attempt, members?, finishUnless?}` in, the live edges out. Of a
    flow: `{executionId, revision, at: {step}, node, attempt, phase?, lane?, quick?, leaves?, branches?, item?, token?}` in,
    and out a
    `flow_task.Answer`.

    Raises `ProviderUnavailable`, `NodeRetry` and `NodeFailed`, which the state machine knows by name.
    """
    run = partial(flow_steps().run, _flow_task(event)) if "at" in event else partial(_run_node, event)
    with observed(wiring.home().settings, execution_id=event["executionId"], node_id=event["node"]):
        try:
            route = run()
        except (NodeError, Unavailable) as error:
            logger().info("node did not complete", extra={"error": type(error).__name__})
            raise
        except Exception:
            logger().exception("node failed unexpectedly")
            measure(Metric.NODES_BROKE)
            raise
        logger().debug("node ran", extra={"attempt": event.get("attempt", 0), "route": sorted(route)})
        return dict(route)


def _run_node(event: Event) -> Route:
    return wiring.node_runs().run(
        Task(
            execution_id=event["executionId"],
            revision=event["revision"],
            entry=event["entry"],
            node=event["node"],
            attempt=event.get("attempt", 0),
            members=event.get("members"),
            finish_unless=event.get("finishUnless"),
        )
    )


def _flow_task(event: Event) -> FlowTask:
    phase = event.get("phase")
    return FlowTask(
        execution_id=event["executionId"],
        revision=event["revision"],
        at=event["at"]["step"],
        node=event["node"],
        attempt=event.get("attempt", 0),
        phase=phase and Phase(phase),
        lane=event.get("lane"),
        quick=frozenset(event.get("quick", ())),
        leaves=frozenset(event.get("leaves", ())),
        branches=[end["step"] for end in event.get("branches", ())],
        item=event.get("item"),
        token=event.get("token"),
    )
