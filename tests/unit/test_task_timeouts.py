"""How long a state machine waits for a task."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.compiler.compile import compile_graph
from flowker.model.graph import Graph
from tests.samples import edge, executor, set_output, trigger


def seconds(node: dict[str, Any]) -> int:
    graph = Graph.model_validate({"nodes": [trigger("start"), node], "edges": [edge("start", node["id"])]})
    found: int = compile_graph(graph, "start").definition["States"][node["id"]]["TimeoutSeconds"]
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"timeout": 10}, 40),
        ({"timeout": Decimal("1.5")}, 32),
        ({"timeout_seconds": 90}, 120),
        ({"timeout": 10, "timeout_seconds": 90}, 40),
        ({"timeout": 1000}, 300),
        ({"timeout": 10**400}, 300),
        ({"timeout": Decimal("1e999")}, 300),
        ({"timeout": -100}, 300),
        ({}, 300),
    ],
)
def test_a_call_has_the_time_its_node_allows_and_some_slack(data: dict[str, Any], expected: int) -> None:
    assert seconds(executor("call", "11111111-1111-4111-8111-111111111111", **data)) == expected


def test_an_action_has_the_slack_only() -> None:
    assert seconds(set_output("done", a=1)) == 30
