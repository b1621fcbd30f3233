"""Random graphs mean the same when one execution is run twice at a time, as Express may do (decision 18)."""

from hypothesis import given, settings

from flowker.model.graph import Graph
from tests.harness import Bench
from tests.properties.test_semantics import connected, told
from tests.strategies import FACTS, graphs, nested_graphs

BENCH = Bench()


@settings(max_examples=60, deadline=None)
@given(graphs() | nested_graphs())
def test_two_runs_that_take_turns_record_every_step_once_and_end_once(graph: Graph) -> None:
    graph = connected(graph)
    story = told(graph)
    before = len(BENCH.http.calls)
    ran = BENCH.run(graph, "start", FACTS, runs=2)
    assert ran.status == story.status == "completed"
    assert ran.steps == story.steps
    assert [end.status for end in ran.ends] == ["SUCCEEDED", "SUCCEEDED"]
    called = sum(step.name.startswith("executor") or "saw" in str(step.output) for step in ran.results.steps)
    assert len(BENCH.http.calls) - before == called


@settings(max_examples=60, deadline=None)
@given(graphs(failing=True))
def test_two_runs_of_what_fails_end_it_once(graph: Graph) -> None:
    graph = connected(graph)
    story = told(graph)
    ran = BENCH.run(graph, "start", FACTS, runs=2)
    assert ran.status == story.status
    assert len(ran.ends) == 2
