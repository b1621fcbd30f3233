"""Random graphs mean the same to the reference interpreter and to compiler, engine and worker together."""

from typing import Any

from hypothesis import given, settings

from flowker.compiler.topology import resolve
from flowker.expressions.conditions import parse
from flowker.expressions.problems import EvaluationError
from flowker.model import exact_json
from flowker.model.graph import Graph, Node
from tests.harness import CONFIGURATION, Bench
from tests.reference import Story, interpret
from tests.strategies import FACTS, graphs, nested_graphs


def perform(node: Node, context: dict[str, Any]) -> Any:
    """What each kind of node does, written down once more."""
    if node.type == "executor":
        return {
            "status": 200,
            "status_text": "200 OK",
            "url": "http://provider.test",
            "headers": {"Content-Type": "application/json"},
            "body": {"saw": exact_json.digest(context)},
        }
    if node.type == "conditional":
        result = parse(node.settings["condition"]).evaluate(context)
        return {
            "condition": node.settings["condition"],
            "result": result,
            "branchTaken": "true" if result else "false",
        }
    return dict(node.settings)


def told(graph: Graph) -> Story:
    return interpret(graph, "start", FACTS, perform)


def connected(graph: Graph) -> Graph:
    """The same graph, its executors bound to the bench's provider."""
    return Graph.model_validate_json(
        exact_json.dumps(graph.document()).replace(
            '"executorId":"http"', f'"executorId":"http","providerConfigId":"{CONFIGURATION}"'
        )
    )


BENCH = Bench()


@settings(max_examples=200, deadline=None)
@given(graphs() | nested_graphs())
def test_compiled_graphs_do_what_the_reference_interpreter_does(graph: Graph) -> None:
    graph = connected(graph)
    story = told(graph)
    ran = BENCH.run(graph, "start", FACTS)
    assert ran.status == story.status == "completed"
    assert ran.steps == story.steps
    final = story.context["output"] if isinstance(story.context.get("output"), dict) else story.context
    assert ran.results.final_output == final
    assert ran.end.status == "SUCCEEDED"


@settings(max_examples=100, deadline=None)
@given(graphs(failing=True))
def test_failing_graphs_fail_where_the_reference_interpreter_may_fail(graph: Graph) -> None:
    graph = connected(graph)
    story = told(graph)
    ran = BENCH.run(graph, "start", FACTS)
    assert ran.status == story.status
    outcome = ran.results.execution.outcome
    assert outcome is not None
    if story.failed is None:
        assert ran.steps == story.steps
        return
    failing = {node.id for node in graph.nodes if _fails(node)}
    assert outcome.failed_node_id in failing
    topology = resolve(graph, "start")
    assert topology is not None
    recorded = [node_id for node_id, _ in ran.steps]
    assert recorded == sorted(recorded, key=topology.rank.__getitem__)
    before_failure = dict(story.steps)
    assert all(output == before_failure[node] for node, output in ran.steps if node in before_failure)


def _fails(node: Node) -> bool:
    if node.type != "conditional":
        return False
    try:
        parse(node.settings["condition"]).evaluate({"workflow": FACTS})
    except EvaluationError:
        return True
    return False
