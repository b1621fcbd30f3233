"""Flows on the embedded engine with the real worker: routing, data, splits, batches, waits (FlowRunner spec c, d, h)."""

from typing import Any

import pytest

from flowker.errors import RunEnded, RunNotFound, SignalNotAwaited
from flowker.model.outbound import OutboundRequest
from flowker.model.run import Level, RunStatus
from flowker.wiring.runs import run_store, runs
from tests.flow_bench import ACCOUNT, FlowBench, Ran
from tests.flow_samples import CATALOGUE, ORDERS, chain, flow


def script(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "transform", "params": {"script": code}, **more}


def base(**following: str) -> dict[str, Any]:
    return {"type": "base", "next": following}


def call(url: str = "https://api.example.net/x", **more: Any) -> dict[str, Any]:
    params = {"url": url, **more.pop("params", {})}
    return {"type": "http.request", "params": params, **more}


def answers(*statuses: int) -> Any:
    """A service that answers so in turn, and the last for ever."""
    script = list(statuses)

    def answer(request: OutboundRequest) -> tuple[int, Any]:
        status = script.pop(0) if len(script) > 1 else script[0]
        return status, {"status": status, "url": request.url}

    return answer


@pytest.fixture
def bench() -> FlowBench:
    return FlowBench()


def test_a_flow_runs_its_nodes_in_order_and_ends_with_the_last_result(bench: FlowBench) -> None:
    ran = bench.run(
        flow(
            {
                "first": script("return {n: input.n + 1};", next={"default": "second"}),
                "second": script("return {n: input.n * 10, by: results.first.n};"),
            }
        ),
        {"n": 1},
    )
    assert ran.status == "completed"
    assert ran.result == {"n": 20, "by": 2}
    assert ran.nodes == ["first", "second"]
    assert ran.view.input == {"n": 1}


def test_what_is_told_is_in_order_and_numbered_without_gaps(bench: FlowBench) -> None:
    ran = bench.run(chain("one", "two"), {"a": 1})
    assert [event.sequence for event in ran.events] == list(range(1, len(ran.events) + 1))
    told = [(event.kind.value, event.node_id, event.message) for event in ran.events]
    assert told == [
        ("log", "one", "Execution started"),
        ("execution_update", "one", None),
        ("log", "one", "Node started"),
        ("log", "one", "Node completed"),
        ("node_completed", "one", None),
        ("execution_update", "two", None),
        ("log", "two", "Node started"),
        ("log", "two", "Node completed"),
        ("node_completed", "two", None),
        ("log", "two", "Execution completed"),
        ("execution_completed", None, None),
    ]


def test_a_task_takes_one_transaction_and_at_most_two_reads_and_as_much_for_the_quick_nodes_behind(
    bench: FlowBench,
) -> None:
    nodes = {
        "a": script("shared.a = 1; return {a: 1};", next={"default": "b"}),
        "b": base(default="c"),
        "c": script("return {x: results.a.a, y: shared.a};", next={"default": "d"}),
        "d": {"type": "store", "params": {"operation": "list"}, "next": {"default": "e"}},
        "e": script("return {sum: results.c.x + shared.a + input.length};"),
    }
    flow_id = bench.create(flow(nodes))
    assert bench.run_flow(flow_id, {}).status == "completed"
    bench.tasks.clear()  # the plan is read once for all runs of a revision
    ran = bench.run_flow(flow_id, {})
    assert ran.result == {"sum": 2}
    taken = {node: (counts["reads"], counts["writes"]) for node, _, counts in bench.tasks}
    # a, b and c are quick and share a task; d lists the store, and is recorded before e
    assert taken == {"a": (1, 1), "d": (5, 2)}


def test_a_result_that_is_no_object_is_wrapped(bench: FlowBench) -> None:
    assert bench.run(flow({"only": script("return [1, 2];")})).result == {"result": [1, 2]}


def test_a_condition_passes_its_input_on(bench: FlowBench) -> None:
    ran = bench.run(
        flow(
            {
                "load": script("return {total: 7};", next={"default": "check"}),
                "check": {
                    "type": "condition",
                    "params": {"condition": "input.total > 5"},
                    "next": {"true": "high", "false": "low"},
                },
                "high": script("return {seen: input.total};"),
                "low": script("return {};"),
            }
        )
    )
    assert ran.result == {"seen": 7}
    assert ran.nodes == ["load", "check", "high"]


def test_an_action_without_a_way_on_completes_the_run_with_a_warning(bench: FlowBench) -> None:
    nodes = {
        "check": {
            "type": "condition",
            "params": {"condition_script": "return 'sideways';"},
            "next": {"up": "other"},
        },
        "other": script("return {};"),
    }
    ran = bench.run(flow(nodes, start="check"), {"a": 1})
    assert ran.status == "completed"
    assert ran.result == {"a": 1}
    assert ran.logs("warn") == ["No way on for action sideways"]


def test_end_finishes_the_run(bench: FlowBench) -> None:
    nodes = {
        "one": script("return {done: true};", next={"default": "END", "never": "two"}),
        "two": script("return 1;"),
    }
    ran = bench.run(flow(nodes))
    assert (ran.status, ran.result, ran.nodes) == ("completed", {"done": True}, ["one"])


def test_a_failure_without_a_route_fails_the_run_with_the_nodes_message(bench: FlowBench) -> None:
    ran = bench.run(flow({"bad": script("throw new Error('no such thing');")}))
    assert ran.status == "failed"
    assert ran.error is not None
    assert "no such thing" in ran.error
    assert ran.view.details == {"node_id": "bad", "node_type": "transform", "type": "error", "attempts": 1}
    last = ran.events[-1]
    assert (last.kind, last.status, last.error, last.node_id) == (
        "execution_failed",
        RunStatus.FAILED,
        ran.error,
        "bad",
    )
    assert ran.result is None
    assert ran.ends[0].status == "FAILED"


def test_a_failure_takes_its_handle_then_the_error_route_and_brings_the_error_along() -> None:
    bench = FlowBench(answers(404))
    nodes = {
        "fetch": call(next={"client_error": "missing", "error": "broken", "default": "fine"}),
        "missing": script(
            "return {why: error.message, code: input.status_code, node: error.node_id, type: error.type,"
            " body: results.fetch.body.status, after: error !== null};",
            next={"default": "later"},
        ),
        "later": script("return {...input, error: error};"),
        "broken": script("return {};"),
        "fine": script("return {};"),
    }
    ran = bench.run(flow(nodes))
    assert ran.status == "completed"
    assert ran.result == {
        "why": "HTTP request failed with status 404",
        "code": 404,
        "node": "fetch",
        "type": "client_error",
        "body": 404,
        "after": True,
        "error": None,
    }
    assert ran.logs("error") == ["HTTP request failed with status 404"]


def test_server_errors_fall_back_to_the_error_route() -> None:
    ran = FlowBench(answers(503)).run(
        flow({"fetch": call(next={"error": "broken"}), "broken": script("return {m: error.message};")})
    )
    assert ran.result == {"m": "HTTP request failed with status 503"}


def test_a_retry_waits_in_the_state_machine_and_logs_each_attempt() -> None:
    bench = FlowBench(answers(500, 500, 200))
    ran = bench.run(flow({"fetch": call(retry={"max_retries": 3, "wait": "2s"})}))
    assert ran.status == "completed"
    assert len(bench.http.calls) == 3
    assert len(ran.logs("warn")) == 2
    assert {request.headers.get("Idempotency-Key") for request in bench.http.calls}
    assert bench.clock.slept == 0


def test_short_waits_between_attempts_are_slept_in_one_delivery() -> None:
    bench = FlowBench(answers(500, 500, 200))
    ran = bench.run(flow({"fetch": call(retry={"max_retries": 2, "wait": "100ms"})}))
    assert ran.status == "completed"
    assert len(bench.tasks) == 1
    assert bench.clock.slept == pytest.approx(0.2)
    assert len(ran.logs("warn")) == 2


def test_growing_waits_begin_in_the_worker_and_go_on_in_the_state_machine() -> None:
    bench = FlowBench(answers(500))
    retry = {"max_retries": 4, "wait": "500ms", "backoff": "exponential"}
    ran = bench.run(flow({"fetch": call(retry=retry)}))
    assert ran.status == "failed"
    assert len(bench.http.calls) == 5
    assert ran.view.details is not None
    assert ran.view.details["attempts"] == 5


def test_what_cannot_be_better_next_time_is_not_tried_again() -> None:
    bench = FlowBench(answers(400))
    ran = bench.run(flow({"fetch": call(retry={"max_retries": 3, "wait": "1s"})}))
    assert ran.error == "HTTP request failed with status 400"
    assert len(bench.http.calls) == 1


LOOP = {
    "begin": script("return {n: 0};", next={"default": "count"}),
    "count": script("shared.n = (shared.n || 0) + 1; return {n: shared.n};", next={"default": "check"}),
    "check": {
        "type": "condition",
        "params": {"condition": "input.n >= 5"},
        "next": {"true": "done", "false": "count"},
    },
    "done": script("return {n: results.count.n, shared: shared.n};"),
}


def test_a_loop_goes_round_until_its_condition_says_so(bench: FlowBench) -> None:
    ran = bench.run(flow(LOOP))
    assert ran.result == {"n": 5, "shared": 5}
    assert ran.nodes.count("count") == 5


def test_a_loop_that_never_ends_fails_at_the_step_limit() -> None:
    endless = {
        "begin": base(default="turn"),
        "turn": base(default="back"),
        "back": {"type": "base", "next": {"default": "turn", "error": "turn"}},
    }
    ran = FlowBench(step_limit=40).run(flow(endless))
    assert ran.status == "failed"
    assert ran.error == "step limit exceeded"
    assert len(ran.nodes) == 41


def test_a_long_loop_goes_on_in_a_fresh_run_of_the_state_machine() -> None:
    nodes = {
        "begin": base(default="count"),
        "count": script("shared.n = (shared.n || 0) + 1; return {n: shared.n};", next={"default": "check"}),
        "check": {
            "type": "condition",
            "params": {"condition": "input.n >= 1100"},
            "next": {"true": "done", "false": "count"},
        },
        "done": script("return {n: shared.n};"),
    }
    bench = FlowBench(step_limit=10_000, deliveries=2)
    ran = bench.run(flow(nodes))
    assert ran.result == {"n": 1100}
    assert bench.machines.legs == 1
    assert ran.view.execution.leg == 1
    assert [end.status for end in ran.ends] == ["SUCCEEDED", "SUCCEEDED"]


def split(**more: Any) -> dict[str, Any]:
    return {
        "fork": {"type": "split", "next": {"a": "left", "b": "right", "default": "both"}},
        "left": script("shared.left = 1; return {side: 'left'};", next={"default": "more"}),
        "more": script("return {side: input.side + '!'};"),
        "right": script("shared.right = 2; return {side: 'right'};", next={"default": "both"}),
        "both": {"type": "join", "next": {"default": "end"}},
        "end": script("return {sides: input.map(x => x.side), shared, left: results.more.side};"),
        **more,
    }


def test_branches_run_side_by_side_and_their_results_and_writes_are_joined_in_order(
    bench: FlowBench,
) -> None:
    ran = bench.run(flow(split()), {"given": 0})
    assert ran.status == "completed"
    assert ran.result == {
        "sides": ["left!", "right"],
        "shared": {"given": 0, "left": 1, "right": 2},
        "left": "left!",
    }
    assert [event.sequence for event in ran.events] == list(range(1, len(ran.events) + 1))


def test_a_branch_that_fails_makes_the_split_fail(bench: FlowBench) -> None:
    ran = bench.run(flow(split(more=script("throw new Error('left is broken');"))))
    assert ran.status == "failed"
    assert ran.error is not None
    assert "left is broken" in ran.error
    assert ran.view.details is not None
    assert ran.view.details["node_id"] == "more"


def test_a_failing_branch_can_be_routed(bench: FlowBench) -> None:
    nodes = split(
        more=script("throw new Error('left is broken');"), sorry=script("return {why: error.message};")
    )
    nodes["fork"]["next"]["error"] = "sorry"
    ran = bench.run(flow(nodes))
    assert ran.status == "completed"
    assert "left is broken" in ran.result["why"]


def test_a_split_inside_a_loop_and_a_split_inside_a_branch(bench: FlowBench) -> None:
    nodes = {
        "begin": base(default="outer"),
        "outer": {"type": "split", "next": {"a": "inner", "b": "plain", "default": "check"}},
        "inner": {"type": "split", "next": {"x": "ix", "y": "iy", "default": "after"}},
        "ix": script("return 'x';"),
        "iy": script("return 'y';"),
        "after": script("return input;"),
        "plain": script("return 'p';"),
        "check": script(
            "shared.rounds = (shared.rounds || 0) + 1; if (shared.rounds < 3) route('again'); return input;",
            next={"again": "outer", "default": "end"},
        ),
        "end": script("return {rounds: shared.rounds, last: input};"),
    }
    ran = bench.run(flow(nodes))
    assert ran.status == "completed", ran.error
    assert ran.result == {"rounds": 3, "last": [["x", "y"], "p"]}


@pytest.mark.parametrize("strategy", ["serial", "async", "parallel", "worker_pool"])
def test_a_batch_runs_its_node_once_for_each_item_and_keeps_their_order(
    bench: FlowBench, strategy: str
) -> None:
    batch: dict[str, Any] = {"strategy": strategy}
    if strategy == "worker_pool":
        batch["max_parallel"] = 2
    nodes = {
        "list": script("return [{id: 1}, {id: 2}, {id: 3}];", next={"default": "each"}),
        "each": {
            **script("shared['k' + index] = item.id; return {twice: item.id * 2, at: index};"),
            "batch": batch,
            "next": {"default": "end"},
        },
        "end": script("return {all: input, shared: shared};"),
    }
    ran = bench.run(flow(nodes))
    assert ran.status == "completed", ran.error
    assert ran.result == {
        "all": [{"twice": 2, "at": 0}, {"twice": 4, "at": 1}, {"twice": 6, "at": 2}],
        "shared": {"k0": 1, "k1": 2, "k2": 3},
    }


def test_serial_items_see_what_those_before_have_shared_and_stop_at_a_failure(bench: FlowBench) -> None:
    code = "shared.sum = (shared.sum || 0) + item; if (item === 2) throw new Error('two'); return shared.sum;"
    node = {**script(code), "batch": {"strategy": "serial", "items": "${input.items}"}}
    ran = bench.run(flow({"each": node}), {"items": [1, 1, 1]})
    assert ran.result == {"result": [1, 2, 3]}
    ran = bench.run(flow({"each": node}), {"items": [1, 2, 3]})
    assert ran.status == "failed"
    assert ran.error is not None
    assert "two" in ran.error


def test_a_batch_may_collect_failures_instead(bench: FlowBench) -> None:
    node = {
        **script("if (item % 2) throw new Error('odd ' + item); return item;"),
        "batch": {"strategy": "parallel", "on_item_error": "collect"},
    }
    ran = bench.run(flow({"each": node}), {"items": [1, 2, 3, 4]})
    assert ran.status == "completed"
    assert ran.result["ok"] == [2, 4]
    assert [failed["index"] for failed in ran.result["failed"]] == [0, 2]
    assert "odd 3" in ran.result["failed"][1]["error"]["message"]


def test_a_batch_of_nothing_and_of_no_list(bench: FlowBench) -> None:
    node = {**script("return item;"), "batch": {"strategy": "serial"}}
    assert bench.run(flow({"each": node}), {"items": []}).result == {"result": []}
    ran = bench.run(flow({"each": node}), {"other": 1})
    assert ran.error == "batch input is not a list"
    ran = bench.run(flow({"each": node}), {"items": list(range(1001))})
    assert ran.error == "a batch has at most 1000 items, and this one has 1001"


def test_items_are_tried_again_each_by_itself() -> None:
    calls: dict[str, int] = {}

    def answer(request: OutboundRequest) -> tuple[int, Any]:
        calls[request.url] = calls.get(request.url, 0) + 1
        return (500, {}) if request.url.endswith("/2") and calls[request.url] == 1 else (200, {})

    node = call(
        "https://api.example.net/${item}",
        batch={"strategy": "worker_pool", "max_parallel": 2},
        retry={"max_retries": 1, "wait": "1s"},
    )
    ran = FlowBench(answer).run(flow({"each": node}), {"items": [1, 2, 3]})
    assert ran.status == "completed", ran.error
    assert sorted(calls.values()) == [1, 1, 2]


def test_hooks_run_around_the_work(bench: FlowBench) -> None:
    nodes = {
        "one": {
            "type": "transform",
            "params": {"script": "return {n: input.n};"},
            "hooks": {
                "prep": "shared.prepared = Object.keys(context); return {};",
                "post": "route('special'); return {n: result.n + 1, prepared: shared.prepared};",
            },
            "next": {"special": "two", "default": "three"},
        },
        "two": {
            "type": "base",
            "hooks": {"exec": "return {instead: input.n};"},
            "next": {"default": "three"},
        },
        "three": script("return {seen: input, prepared: shared.prepared};"),
    }
    ran = bench.run(flow(nodes), {"n": 1})
    assert ran.result == {"seen": {"instead": 2}, "prepared": ["script"]}
    assert ran.nodes == ["one", "two", "three"]


def test_console_output_is_logged(bench: FlowBench) -> None:
    ran = bench.run(flow({"one": script("console.log('hi', 1); console.warn('careful'); return {};")}))
    assert "hi 1" in ran.logs("info")
    assert ran.logs("warn") == ["careful"]


def test_scopes_know_the_execution_and_the_flow(bench: FlowBench) -> None:
    code = "return {e: execution.id, a: execution.account_id, f: flow.id === execution.flow_id, v: flow.version};"
    ran = bench.run(flow({"one": script(code)}, version="3.1.4"))
    assert ran.result == {"e": ran.view.execution.id, "a": ACCOUNT, "f": True, "v": "3.1.4"}


def test_an_input_that_lacks_a_property_inherits_it(bench: FlowBench) -> None:
    nodes = {
        "one": script("return {x: 1};", next={"default": "two"}),
        "two": script("return {x: input.x, question: input.question, keys: Object.keys(input)};"),
    }
    assert bench.run(flow(nodes), {"question": "why"}).result == {"x": 1, "question": "why", "keys": ["x"]}


def test_a_secret_is_used_but_never_written_down() -> None:
    def echo(request: OutboundRequest) -> tuple[int, Any]:
        assert request.headers["Authorization"] == "Bearer hunter2-hunter2"
        return 200, {"you_sent": request.headers["Authorization"]}

    bench = FlowBench(echo)
    bench.secret("TOKEN", "hunter2-hunter2")
    nodes = {
        "fetch": call(
            params={"headers": {"Authorization": "Bearer ${secrets.TOKEN}"}}, next={"default": "leak"}
        ),
        "leak": script(
            "console.log(secrets.TOKEN); shared.s = secrets.TOKEN; throw new Error('it is ' + secrets.TOKEN);"
        ),
    }
    ran = bench.run(flow(nodes))
    assert ran.status == "failed"
    assert ran.error is not None
    assert "it is ***" in ran.error
    assert "***" in ran.logs("info")
    assert "hunter2" not in str(run_store().steps(ran.view.execution.id, ["1", "2"]))
    assert "hunter2" not in str(ran.events)


def test_a_missing_secret_fails_the_node() -> None:
    ran = FlowBench(answers(200)).run(flow({"fetch": call(params={"headers": {"X": "${secrets.NOPE}"}})}))
    assert ran.error == "secret not found: NOPE"


def test_a_delay_waits_in_the_state_machine(bench: FlowBench) -> None:
    nodes = {
        "rest": {"type": "delay", "params": {"duration": "90s"}, "next": {"default": "end"}},
        "end": script("return {got: input.a};"),
    }
    ran = bench.run(flow(nodes), {"a": 5})
    assert ran.result == {"got": 5}
    assert [phase for node, phase, _ in bench.tasks if node == "rest"] == ["", "resume"]
    assert ran.nodes == ["rest", "end"]


EVENT = {
    "wait": {
        "type": "wait",
        "params": {"key": "approval", "timeout": "1h"},
        "next": {"default": "yes", "timeout": "late"},
    },
    "yes": script("return {by: input.by};"),
    "late": script("return {late: true, why: error.message};"),
}


def test_a_signal_lets_a_waiting_run_go_on(bench: FlowBench) -> None:
    bench.at(30, lambda b: runs().signal(ACCOUNT, b.current, "approval", {"by": "ann"}))
    ran = bench.run(flow(EVENT))
    assert ran.result == {"by": "ann"}
    with pytest.raises(SignalNotAwaited):
        runs().signal(ACCOUNT, bench.current, "approval", {"by": "bob"})


def test_a_signal_may_be_repeated_but_not_changed(bench: FlowBench) -> None:
    def twice(b: FlowBench) -> None:
        runs().signal(ACCOUNT, b.current, "approval", {"by": "ann"})
        runs().signal(ACCOUNT, b.current, "approval", {"by": "ann"})
        with pytest.raises(SignalNotAwaited):
            runs().signal(ACCOUNT, b.current, "approval", {"by": "bob"})
        with pytest.raises(SignalNotAwaited):
            runs().signal(ACCOUNT, b.current, "other", {})
        with pytest.raises(RunNotFound):
            runs().signal("account-2", b.current, "approval", {"by": "ann"})

    bench.at(30, twice)
    assert bench.run(flow(EVENT)).result == {"by": "ann"}


def test_without_a_signal_the_wait_times_out(bench: FlowBench) -> None:
    ran = bench.run(flow(EVENT))
    assert ran.result == {"late": True, "why": "no signal approval came in time"}


def test_a_run_is_cancelled_while_it_waits_and_says_so(bench: FlowBench) -> None:
    bench.at(30, lambda b: runs().cancel(ACCOUNT, b.current))
    ran = bench.run(flow(EVENT))
    assert ran.status == "cancelled"
    assert ran.result is None
    assert [(event.kind, event.status) for event in ran.events[-1:]] == [
        ("execution_update", RunStatus.CANCELLED)
    ]
    assert ran.logs()[-1] == "Execution cancelled"
    assert ran.ends[0].status == "ABORTED"
    with pytest.raises(RunEnded):
        runs().cancel(ACCOUNT, bench.current)


def test_a_late_result_is_discarded() -> None:
    bench = FlowBench()

    def answer(request: OutboundRequest) -> tuple[int, Any]:
        runs().cancel(ACCOUNT, bench.current)
        return 200, {}

    bench.http.answer = answer
    flow_id = bench.create(flow({"fetch": call(next={"default": "end"}), "end": script("return {};")}))
    started = runs().start(ACCOUNT, flow_id, {})
    bench.current = started.execution.id
    ran = bench.finish(bench.current)
    assert ran.status == "cancelled"
    assert ran.nodes == ["fetch"]
    assert run_store().steps(bench.current, ["1"]) == {}


def test_the_store_changes_with_the_step(bench: FlowBench) -> None:
    nodes = {
        "up": {
            "type": "store",
            "params": {"operation": "increment", "key": "visits"},
            "next": {"default": "get"},
        },
        "get": {"type": "store", "params": {"operation": "get", "key": "visits"}},
    }
    definition = flow(nodes)
    assert bench.run(definition).result == {"result": 1}
    assert bench.run(definition).result == {"result": 2}


def child(definition: str) -> tuple[FlowBench, str]:
    bench = FlowBench()
    return bench, bench.create(definition)


def test_a_flow_runs_another_flow_and_takes_its_result() -> None:
    bench, flow_id = child(flow({"inner": script("return {doubled: input.n * 2};")}, name="inner"))
    nodes = {
        "sub": {
            "type": "flow",
            "params": {"flow_id": flow_id, "input": {"n": 21}},
            "next": {"default": "end"},
        },
        "end": script("return {got: input.doubled};"),
    }
    ran = bench.run(flow(nodes))
    assert ran.status == "completed", ran.error
    assert ran.result == {"got": 42}
    (inner,) = run_store().children(ran.view.execution.id)
    assert run_store().get(inner).parent == ran.view.execution.id


def test_cancelling_a_run_cancels_the_runs_that_it_waits_for() -> None:
    bench, flow_id = child(flow({"rest": {"type": "delay", "params": {"duration": "1h"}}}))
    bench.at(30, lambda b: runs().cancel(ACCOUNT, b.current))
    ran = bench.run(flow({"sub": {"type": "flow", "params": {"flow_id": flow_id}}}))
    assert ran.status == "cancelled"
    (inner,) = run_store().children(ran.view.execution.id)
    assert runs().get(ACCOUNT, inner).execution.outcome is not None


@pytest.mark.parametrize("wait", ["100ms", "2s"])
@pytest.mark.parametrize("rest", ["0s", "1m"])
def test_trying_a_flow_again_starts_another_run(wait: str, rest: str) -> None:
    bench, flow_id = child(
        flow(
            {
                "rest": {"type": "delay", "params": {"duration": rest}, "next": {"default": "bad"}},
                "bad": script("throw new Error('inner');"),
            }
        )
    )
    sub = {
        "type": "flow",
        "params": {"flow_id": flow_id},
        "retry": {"max_retries": 2, "wait": wait},
    }
    ran = bench.run(flow({"sub": sub}))
    assert ran.status == "failed"
    assert ran.error is not None
    assert "inner" in ran.error
    assert ran.view.details is not None
    assert ran.view.details["attempts"] == 3
    assert runs().list(ACCOUNT, flow_id, None, 10, 0)[1] == 3


def test_a_flow_that_is_not_there_cannot_be_run_inside(bench: FlowBench) -> None:
    ran = bench.run(flow({"sub": {"type": "flow", "params": {"flow_id": "flow-0"}}}))
    assert ran.error == "there is no flow flow-0"


def test_logs_are_filtered_and_counted(bench: FlowBench) -> None:
    ran = bench.run(chain("one", "two", "three"))
    run_id = ran.view.execution.id
    found, total = runs().logs(ACCOUNT, run_id, Level.DEBUG, 2, 1)
    assert ([entry.node_id for entry in found], total) == (["two", "three"], 3)
    with pytest.raises(RunNotFound):
        runs().logs("account-2", run_id, None, 10, 0)


@pytest.mark.parametrize("source", [CATALOGUE, ORDERS])
def test_the_samples_of_the_specification_run(source: str) -> None:
    def answer(request: OutboundRequest) -> tuple[int, Any]:
        if "skus" in request.url:
            return 200, {"skus": ["a", "b"]}
        if request.url.endswith("/reindex"):
            return 200, {"job": 7}
        if "reindex/7" in request.url:
            return 200, {"state": "done"}
        if "orders/" in request.url:
            lines = [{"qty": 2, "price": 10.5}]
            return 200, {"id": 1, "lines": lines, "ship_to": {"country": "NL"}}
        return 200, {"name": request.url[-1]}

    bench = FlowBench(answer)
    bench.secret("ORDERS_TOKEN", "orders-token")
    bench.secret("CASES_KEY", "cases-key")
    ran: Ran = bench.run(source, {"order_id": 1})
    assert ran.status == "completed", (ran.error, ran.logs())
