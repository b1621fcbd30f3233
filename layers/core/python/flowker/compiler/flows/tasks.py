"""The tasks of a flow's state machine: what the worker is told, how long it may take, and when it is asked again."""

from collections.abc import Mapping
from typing import Any

from flowker.compiler.flows.times import listening_seconds, retriers, task_seconds
from flowker.compiler.policy import RETRY, RUN_NODE
from flowker.model.graph import Node

State = dict[str, Any]

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
IDS = {"executionId.$": "$.executionId", "revision.$": "$.revision"}


def calling(node: Node, more: Mapping[str, Any], longest: int, quick: int = 0) -> State:
    """Calls the worker, whose answer is where the run is then; behind the node come so many quick ones. It leads nowhere
    yet."""
    return {
        "Type": "Task",
        "Resource": RUN_NODE,
        "Parameters": _told(node, more),
        "ResultPath": "$.at",
        "TimeoutSeconds": task_seconds(node, longest, quick),
        "Retry": retriers(node),
    }


def listening(node: Node, more: Mapping[str, Any], longest: int) -> State:
    """Gives the worker a token and waits for it; whoever sends it says where the run is then."""
    payload = {**_told(node, more), "token.$": "$$.Task.Token"}
    return {
        "Type": "Task",
        "Resource": CALLBACK,
        "Parameters": {"FunctionName": RUN_NODE, "Payload": payload},
        "ResultPath": "$.at",
        "TimeoutSeconds": listening_seconds(node, longest),
        "Retry": RETRY,
    }


def _told(node: Node, more: Mapping[str, Any]) -> State:
    return {**IDS, "at.$": "$.at", "node": node.id, "attempt.$": "$$.State.RetryCount", **more}
