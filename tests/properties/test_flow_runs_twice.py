"""Whatever is delivered again is answered as before, and happens once: flows with every kind of node, each task delivered
three times, and stores that others come to in between (FlowRunner spec k.4)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from flowker.model.outbound import OutboundRequest
from flowker.wiring.runs import run_store, runs
from tests.flow_bench import ACCOUNT, FlowBench, Ran
from tests.flow_samples import flow


def script(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "transform", "params": {"script": code}, **more}


def node(kind: str, name: str, following: str) -> dict[str, dict[str, Any]]:
    """One or some nodes that end in `following`."""
    on = {"next": {"default": following}}
    match kind:
        case "script":
            return {name: script("shared.n = (shared.n || 0) + 1; return {n: shared.n};", **on)}
        case "count":
            return {name: {"type": "store", "params": {"operation": "increment", "key": "k"}, **on}}
        case "call":
            return {name: {"type": "http.request", "params": {"url": f"https://x.example.net/{name}"}, **on}}
        case "broken":
            bad = {"type": "http.request", "params": {"url": "https://x.example.net/broken"}}
            return {name: {**bad, "next": {"default": following, "error": following}}}
        case "delay":
            return {name: {"type": "delay", "params": {"duration": "5s"}, **on}}
        case "batch":
            batch = {"strategy": "parallel", "items": [1, 2, 3]}
            return {name: {**script("shared['b' + item] = item; return item;"), "batch": batch, **on}}
        case _:
            left, right = f"{name}_l", f"{name}_r"
            branches = {"a": left, "b": right, "default": following}
            return {
                name: {"type": "split", "next": branches},
                left: script("shared.l = 1; return 'l';"),
                right: {"type": "store", "params": {"operation": "increment", "key": "k"}},
            }


def answer(request: OutboundRequest) -> tuple[int, Any]:
    return (500 if request.url.endswith("broken") else 200), {"url": request.url}


def story(kinds: list[str], deliveries: int) -> tuple[FlowBench, Ran]:
    nodes: dict[str, Any] = {}
    for position, kind in enumerate(kinds):
        nodes |= node(kind, f"n{position}", f"n{position + 1}")
    nodes[f"n{len(kinds)}"] = script("return {shared, results, last: input};")
    bench = FlowBench(answer, deliveries=deliveries)
    return bench, bench.run(flow(nodes), {"given": 1})


KINDS = some.sampled_from(["script", "count", "call", "broken", "delay", "batch", "split"])


@settings(max_examples=15, deadline=None)
@given(some.lists(KINDS, min_size=1, max_size=5))
def test_redelivered_tasks_change_and_repeat_nothing(kinds: list[str]) -> None:
    once, first = story(kinds, 1)
    again, second = story(kinds, 3)
    assert first.status == second.status == "completed", (first.error, second.error)
    assert without_times(second.result) == without_times(first.result)
    assert second.logs() == first.logs()
    assert [event.sequence for event in second.events] == list(range(1, len(second.events) + 1))
    assert len(again.http.calls) == len(once.http.calls)
    once.use()
    before = run_store().entries(ACCOUNT)
    again.use()
    assert run_store().entries(ACCOUNT) == before


def without_times(value: Any) -> Any:
    """What http nodes measure is different each time."""
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if "timing" not in name}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_flows_inside_flows_are_started_once() -> None:
    bench = FlowBench(deliveries=3)
    inner = bench.create(
        flow(
            {
                "one": script("return {n: input.n};"),
            }
        )
    )
    sub = {"type": "flow", "params": {"flow_id": inner, "input": {"n": 3}}}
    ran = bench.run(flow({"sub": sub}))
    assert ran.result == {"n": 3}
    assert runs().list(ACCOUNT, inner, None, 10, 0)[1] == 1


def test_a_signal_that_is_listened_for_again_is_taken_once() -> None:
    bench = FlowBench(deliveries=3)
    bench.at(30, lambda b: runs().signal(ACCOUNT, b.current, "go", {"x": 1}))
    wait = {"type": "wait", "params": {"key": "go", "timeout": "1h"}}
    assert bench.run(flow({"wait": wait})).result == {"x": 1}
