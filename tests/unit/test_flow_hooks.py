"""The hook prep of nodes that take several phases, and the waits between attempts (FlowRunner spec c.5, c.7)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Query, Write
from flowker.errors import StoreUnavailable
from flowker.model.account import Account, Principal, Role
from flowker.model.outbound import OutboundRequest
from flowker.wiring.accounts import account_store, accounts
from flowker.wiring.runs import run_store, runs
from tests.fakes import MemoryTable
from tests.flow_bench import ACCOUNT, FlowBench
from tests.flow_samples import flow

COUNT = "shared.n = (shared.n || 0) + 1;"
END = {"type": "transform", "params": {"script": "return shared.n;"}}


def prepared(prep: str, **node: Any) -> str:
    return flow({"one": {**node, "hooks": {"prep": prep}, "next": {"default": "end"}}, "end": END})


@pytest.mark.parametrize(
    "node",
    [
        {"type": "wait", "params": {"duration": "3s"}},
        {"type": "wait", "params": {"duration": "100ms"}},
        {"type": "delay", "params": {"duration": "1m"}},
        {
            "type": "wait",
            "params": {
                "type": "condition",
                "condition": "execution.id === 0",
                "interval": "3s",
                "max_attempts": 4,
            },
        },
        {"type": "wait", "params": {"key": "go", "timeout": "1m"}},
        {"type": "wait", "params": {"duration": "3s"}, "batch": {"strategy": "serial", "items": [1]}},
    ],
    ids=["wait", "short wait", "delay", "condition", "event", "item"],
)
def test_prep_runs_once_however_often_its_node_is_gone_on_with(node: Mapping[str, Any]) -> None:
    more = {"next": {"default": "end", "error": "end"}}
    one = {**node, "hooks": {"prep": COUNT + "console.log('prepared');"}, **more}
    ran = FlowBench().run(flow({"one": one, "end": END}))
    assert ran.status == "completed", ran.error
    assert ran.result == {"result": 1}
    assert ran.logs().count("prepared") == 1


@pytest.mark.parametrize("rest", ["0s", "1m"])
def test_prep_runs_once_for_a_flow_that_is_waited_for(rest: str) -> None:
    bench = FlowBench()
    inner = bench.create(flow({"rest": {"type": "delay", "params": {"duration": rest}}}))
    ran = bench.run(prepared(COUNT, type="flow", params={"flow_id": inner}))
    assert ran.result == {"result": 1}


def test_prep_runs_once_for_a_signal_that_comes() -> None:
    bench = FlowBench()
    bench.at(5, lambda b: runs().signal(ACCOUNT, b.current, "go", {"a": 1}))
    ran = bench.run(prepared(COUNT, type="wait", params={"key": "go", "timeout": "1m"}))
    assert ran.result == {"result": 1}


def test_later_phases_see_what_prep_returned() -> None:
    nodes = {
        "one": {
            "type": "wait",
            "params": {"type": "condition", "condition_script": "return true;"},
            "hooks": {"prep": "shared.n = (shared.n || 2) + 1; return {interval: shared.n + 's', max_attempts: 2, "
                      "condition_script: 'return false;'};"},
            "next": {"error": "end"},
        },
        "end": {"type": "transform", "params": {"script": "return error;"}},
    }  # fmt: skip
    ran = FlowBench().run(flow(nodes))
    assert ran.status == "completed", ran.error
    assert (ran.result["interval"], ran.result["message"]) == ("3s", "condition not met after 2 attempts")


def test_what_prep_returned_of_a_secret_works_in_later_phases_and_is_written_nowhere() -> None:
    table = MemoryTable()
    bench = FlowBench(table=table)
    bench.secret("TOKEN", "hunter22")
    prep = COUNT + """console.log('prepared'); return {condition: "'" + secrets.TOKEN + "'.length !== 8"};"""
    nodes = {
        "one": {
            "type": "wait",
            "params": {"type": "condition", "condition": "true", "interval": "3s", "max_attempts": 3},
            "hooks": {"prep": prep},
            "next": {"error": "end"},
        },
        "end": {"type": "transform", "params": {"script": "return {n: shared.n};"}},
    }
    ran = bench.run(flow(nodes))
    assert ran.status == "completed", ran.error
    assert ran.result == {"n": 1}
    assert len([task for task in bench.tasks if task[0] == "one"]) == 3
    assert ran.logs().count("prepared") == 1
    pk = keys.execution(ran.view.execution.id).pk
    assert "hunter22" not in str(table.query(Query(keys.EXECUTIONS, pk)))


def test_the_action_that_prep_chose_holds_at_the_end() -> None:
    nodes = {
        "one": {
            "type": "delay",
            "params": {"duration": "3s"},
            "hooks": {"prep": "route('special');"},
            "next": {"special": "end", "default": "other"},
        },
        "end": {"type": "transform", "params": {"script": "return {special: true};"}},
        "other": {"type": "base"},
    }
    assert FlowBench().run(flow(nodes)).result == {"special": True}


def test_short_waits_are_left_to_the_state_machine_where_the_function_has_no_time_for_all_attempts() -> None:
    bench = FlowBench(lambda request: (500, {}))
    call = {
        "type": "http.request",
        "params": {"url": "https://api.example.net/x"},
        "timeout": "5m",
        "retry": {"max_retries": 3, "wait": "500ms"},
    }
    ran = bench.run(flow({"fetch": call}))
    assert ran.status == "failed"
    assert len(bench.http.calls) == 4
    assert len(bench.tasks) == 4
    assert bench.clock.slept == 0
    assert ran.view.details is not None
    assert ran.view.details["attempts"] == 4


class LossyTable(MemoryTable):
    """A table that refuses the next write when it is told to."""

    refuses = False

    def write(self, writes: Sequence[Write]) -> None:
        if self.refuses:
            self.refuses = False
            raise StoreUnavailable("throttled")
        super().write(writes)


def test_a_redelivery_repeats_the_last_attempt_and_adds_none() -> None:
    table = LossyTable()

    def answer(request: OutboundRequest) -> tuple[int, Any]:
        table.refuses = len(bench.http.calls) == 3
        return 500, {}

    bench = FlowBench(answer, table=table)
    call = {
        "type": "http.request",
        "params": {"url": "https://api.example.net/x"},
        "retry": {"max_retries": 2, "wait": "100ms"},
    }
    ran = bench.run(flow({"fetch": call}))
    assert ran.status == "failed"
    assert len(bench.http.calls) == 4
    assert ran.view.details is not None
    assert ran.view.details["attempts"] == 3


def test_an_account_that_is_deleted_leaves_no_store_behind() -> None:
    bench = FlowBench()
    params = {"operation": "set", "key": "k", "value": 1}
    assert bench.run(flow({"one": {"type": "store", "params": params}})).status == "completed"
    assert len(run_store().entries(ACCOUNT)) == 1
    at = "2026-03-01T10:00:00.000Z"
    mine = Account(
        id=ACCOUNT, name="a", email="a@b.cd", role=Role.USER, password="x", created_at=at, updated_at=at
    )
    account_store().add(mine)
    me = Principal(
        account_id=ACCOUNT, email=mine.email, role=Role.USER, token_id="t", expires_at=2_000_000_000
    )
    accounts().delete(me, ACCOUNT)
    assert run_store().entries(ACCOUNT) == []
