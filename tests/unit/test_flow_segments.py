"""Quick nodes run in the task before them: what shares a task, and what is recorded of it (decision 26)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowker.adapters.items import Put, Write
from flowker.adapters.table_rules import MOST_BYTES, MOST_BYTES_TOGETHER, size_of
from flowker.compiler.flows.compile import compile_flow
from flowker.compiler.flows.segments import MOST_NODES
from flowker.compiler.policy import FUNCTION_SECONDS, NODE_SECONDS, QUICK_SECONDS, SLACK_SECONDS
from flowker.errors import StoreUnavailable
from flowker.expressions.scripts import quickjs_engine
from flowker.model.outbound import OutboundRequest
from flowker.wiring.runs import runs
from flowker_local.engine.definition import compile_machine
from tests.fakes import MemoryTable
from tests.flow_bench import ACCOUNT, FlowBench
from tests.flow_samples import flow as document
from tests.flow_strategies import flow
from tests.flow_worker import SHAPES

Nodes = Mapping[str, Mapping[str, Any]]


def tasks(nodes: Nodes) -> dict[str, list[str]]:
    """The quick nodes of each task, by the name of its state."""
    definition = compile_flow(flow(nodes), 86_400, SHAPES).definition
    compile_machine("machine", definition)
    return {
        name: state["Parameters"].get("quick", [])
        for name, state in all_states(definition)
        if state["Type"] == "Task" and "node" in state["Parameters"]
    }


def all_states(machine: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", ()):
            yield from all_states(branch)


def quick(**ways: str) -> dict[str, Any]:
    return {"type": "transform", "next": ways}


def call(**ways: str) -> dict[str, Any]:
    return {"type": "http.request", "next": ways}


def test_quick_nodes_run_in_the_task_before_them_whichever_way_is_taken() -> None:
    nodes = {
        "a": call(default="b", error="c"),
        "b": quick(default="c"),
        "c": quick(x="d", default="e"),
        "d": quick(),
        "e": call(),
    }
    assert tasks(nodes) == {"a": ["b", "c", "d"], "e": []}


def test_what_several_tasks_lead_to_has_a_task_of_its_own() -> None:
    nodes = {"a": call(default="b", error="c"), "b": call(default="c"), "c": quick(default="d"), "d": quick()}
    assert tasks(nodes) == {"a": [], "b": [], "c": ["d"]}


def test_a_loop_of_quick_nodes_is_one_task_for_each_turn() -> None:
    nodes = {
        "a": call(default="b"),
        "b": quick(default="c"),
        "c": quick(again="b", default="d"),
        "d": quick(),
    }
    assert tasks(nodes) == {"a": [], "b": ["c", "d"]}
    entry = compile_flow(flow(nodes), 86_400, SHAPES).definition["States"]["execution.entry"]
    assert [rule.get("StringEquals") for rule in entry["Choices"]] == [None, "b"]


def test_a_node_that_is_tried_again_or_runs_once_per_item_has_a_task_of_its_own() -> None:
    nodes = {
        "a": quick(default="b"),
        "b": {**quick(default="c"), "retry": {"max_retries": 1, "wait": 1}},
        "c": {**quick(), "batch": {"strategy": "serial", "on_item_error": "fail"}},
    }
    assert {"a", "b", "c"} <= tasks(nodes).keys()


def test_a_row_is_cut_where_one_transaction_would_become_too_large() -> None:
    row = {f"n{number}": quick(default=f"n{number + 1}") for number in range(24)} | {"n24": quick()}
    found = tasks(row)
    assert [1 + len(others) for others in found.values()] == [MOST_NODES, MOST_NODES, 5]
    assert list(found) == ["n0", "n10", "n20"]


def test_a_row_ends_where_the_function_would_run_out_of_time() -> None:
    row = {f"n{number}": quick(default=f"n{number + 1}") for number in range(1, 4)} | {"n4": quick()}
    left = 2 * QUICK_SECONDS + 1
    slow = {**call(default="n1"), "timeout": FUNCTION_SECONDS - SLACK_SECONDS - left}
    assert tasks({"a": slow, **row}) == {"a": ["n1", "n2"], "n3": ["n4"]}
    definition = compile_flow(flow({"a": call(default="n1"), **row}), 86_400, SHAPES).definition
    seconds = NODE_SECONDS + 4 * QUICK_SECONDS + SLACK_SECONDS
    assert definition["States"]["a"]["TimeoutSeconds"] == seconds


def test_branches_have_tasks_of_their_own_and_the_join_goes_on() -> None:
    nodes = {
        "fan": {"type": "split", "next": {"l": "left", "r": "right", "default": "both"}},
        "left": quick(default="more"),
        "more": quick(default="both"),
        "right": quick(),
        "both": quick(default="end"),
        "end": quick(),
    }
    both = ["both", "end"]
    assert tasks(nodes) == {"fan": both, "left": ["more"], "right": [], "fan.join": both}


def steps(count: int) -> dict[str, Any]:
    code = "console.log('turn'); return { n: (input.n || 0) + 1 };"
    return {
        f"n{number}": {
            "type": "transform",
            "params": {"script": code},
            "next": {"default": f"n{number + 1}"} if number < count - 1 else {},
        }
        for number in range(count)
    }


def test_what_quick_nodes_leave_is_what_tasks_of_their_own_would_leave() -> None:
    bench = FlowBench()
    ran = bench.run(document(steps(12)))
    assert (ran.status, ran.result) == ("completed", {"n": 12})
    assert ran.nodes == [f"n{number}" for number in range(12)]
    assert ran.view.node_id == "n11"
    assert ran.logs("info").count("turn") == 12
    assert [event.sequence for event in ran.events] == list(range(1, len(ran.events) + 1))
    assert [(node, counts["writes"]) for node, _, counts in bench.tasks] == [("n0", 1), ("n10", 1)]


def test_a_call_is_not_repeated_because_a_script_behind_it_could_not_be_run() -> None:
    def answer(request: OutboundRequest) -> tuple[int, Any]:
        bench.scripts.troubles = 1
        return 200, {"url": request.url}

    bench = FlowBench(answer)
    nodes = {
        "ask": {
            "type": "http.request",
            "params": {"url": "https://x.example.net/", "method": "POST"},
            "next": {"default": "n0"},
        },
        **steps(3),
    }
    ran = bench.run(document(nodes))
    assert (ran.status, ran.result) == ("completed", {"n": 3})
    assert len(bench.http.calls) == 1
    assert [node for node, _, _ in bench.tasks] == ["ask", "ask"]
    assert ran.nodes == ["ask", "n0", "n1", "n2"]


def test_a_failure_among_quick_nodes_takes_its_way_or_ends_the_run() -> None:
    broken = {"type": "transform", "params": {"script": "throw new Error('no');"}}
    good = {"type": "transform", "params": {"script": "return error.message;"}}
    first = {"type": "base", "next": {"default": "bad"}}
    routed = FlowBench().run(
        document({"a": first, "bad": {**broken, "next": {"error": "good"}}, "good": good})
    )
    assert routed.status == "completed"
    assert "no" in str(routed.result)
    ended = FlowBench(deliveries=2).run(document({"a": first, "bad": broken}))
    assert (ended.status, ended.nodes) == ("failed", ["a", "bad"])


def test_what_quick_nodes_did_in_a_run_that_is_cancelled_meanwhile_is_discarded() -> None:
    bench = FlowBench()
    flow_id = bench.create(document(steps(3)))
    bench.scripts.meanwhile = lambda: runs().cancel(ACCOUNT, bench.current)
    ran = bench.run_flow(flow_id, {})
    assert ran.status == "cancelled"
    assert "turn" not in ran.logs()


def test_scripts_that_cannot_be_run_at_all_are_tried_as_often_as_the_machine_says() -> None:
    bench = FlowBench()
    flow_id = bench.create(document(steps(2)))
    bench.scripts.troubles = 100
    ran = bench.run_flow(flow_id, {})
    assert (ran.status, len(bench.tasks)) == ("failed", 6)


def test_many_ways_of_few_nodes_share_a_task_and_one_way_of_many_is_cut() -> None:
    many = 2 * MOST_NODES
    fan = {f"w{number}": quick() for number in range(many)}
    rows = {f"r{number}": quick(default=f"r{number + 1}") for number in range(MOST_NODES)}
    nodes = {
        "a": call(default="choose"),
        "choose": quick(long="r0", **{f"to{number}": f"w{number}" for number in range(many)}),
        **fan,
        **rows,
        f"r{MOST_NODES}": quick(),
    }
    found = tasks(nodes)
    cut = f"r{MOST_NODES - 2}"
    assert list(found) == ["a", cut]
    assert {"choose", *fan} <= {*found["a"]}
    assert found[cut] == [f"r{number}" for number in range(MOST_NODES - 1, MOST_NODES + 1)]
    definition = compile_flow(flow(nodes), 86_400, SHAPES).definition
    seconds = NODE_SECONDS + (MOST_NODES - 1) * QUICK_SECONDS + SLACK_SECONDS
    assert definition["States"]["a"]["TimeoutSeconds"] == seconds


class FlakyScripts:
    """Every fifth call finds no function."""

    def __init__(self) -> None:
        self.calls = 0

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if "check" not in request:
            self.calls += 1
            if self.calls % 5 == 0:
                raise StoreUnavailable("throttled")
        return quickjs_engine.evaluate(request)


def test_what_quick_nodes_have_done_is_kept_when_one_behind_them_cannot_be_run() -> None:
    """Otherwise a long row would begin again and again, and never come to its end."""
    bench = FlowBench(scripts=FlakyScripts())
    ran = bench.run(document(steps(MOST_NODES)))
    assert (ran.status, ran.result) == ("completed", {"n": MOST_NODES})
    assert ran.logs("info").count("turn") == MOST_NODES


class WrittenTable(MemoryTable):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[Sequence[Write]] = []

    def write(self, writes: Sequence[Write]) -> None:
        self.written.append(writes)
        super().write(writes)


def test_what_the_quick_nodes_of_a_task_leave_fits_into_one_transaction() -> None:
    """As long as values, `shared`, ids and logs can be: results of all nodes of the largest flow are known, too."""
    table = WrittenTable()
    bench = FlowBench(table=table)
    code = """
      console.log(String.fromCodePoint(0x1d11e).repeat(3000));
      shared.n = (shared.n || 0) + 1;
      shared.text = String.fromCodePoint(0x1d11e).repeat(2500);
      return String.fromCodePoint(0x1d11e).repeat(2700);
    """
    count = 200
    names = [f"n{number:03d}_".ljust(64, "x") for number in range(count)]
    nodes = {
        name: {"type": "transform", "params": {"script": code}, "next": {"default": following}}
        for name, following in zip(names, [*names[1:], "END"], strict=True)
    }
    ran = bench.run(document(nodes))
    assert ran.status == "completed", ran.error
    carried = [[size_of(write.item) for write in each if isinstance(write, Put)] for each in table.written]
    assert 600_000 < max(map(sum, carried)) < MOST_BYTES_TOGETHER // 2
    assert max(map(max, filter(None, carried))) < MOST_BYTES // 2
