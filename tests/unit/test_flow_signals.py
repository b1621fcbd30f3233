"""Signals to runs of flows, from the moment at which somebody can know that the run waits (FlowRunner spec d.5, i.2)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from flowker.adapters.items import Write
from flowker.errors import SignalNotAwaited
from flowker.model.audit import Actor, ActorType, acting
from flowker.wiring import audit_chain, audit_trail
from flowker.wiring.runs import run_store, runs
from tests.fakes import MemoryTable
from tests.flow_bench import ACCOUNT, FlowBench
from tests.flow_samples import flow


class _Watched(MemoryTable):
    """After each write somebody looks, as fast as a socket can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], object] = lambda: None
        self._looking = False

    def write(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        if not self._looking:
            self._looking = True
            self.look()
            self._looking = False


class _Eager:
    """Signals each visit of the node `wait` as soon as it is told to be running, with the number of the visit."""

    def __init__(self, **settings: Any) -> None:
        self.table = _Watched()
        self.bench = FlowBench(table=self.table, **settings)
        self.table.look = self._look
        self._seen: set[int] = set()

    def _look(self) -> None:
        for sequence, run_id in self._told():
            if sequence not in self._seen:
                self._seen.add(sequence)
                assert runs().get(ACCOUNT, run_id).node_id == "wait"
                runs().signal(ACCOUNT, run_id, "go", {"number": len(self._seen)})

    def _told(self) -> Iterator[tuple[int, str]]:
        for run in runs().list(ACCOUNT, None, None, 10, 0)[0]:
            for event in run_store().events(run.id, 0):
                if (event.kind, event.status, event.node_id) == ("execution_update", "running", "wait"):
                    yield event.sequence, run.id


WAIT = {"type": "wait", "params": {"key": "go", "timeout": "1h"}, "next": {"default": "note"}}
LOOP = {
    "wait": WAIT,
    "note": {
        "type": "transform",
        "params": {
            "script": "shared.seen = [...(shared.seen || []), input.number]; return shared.seen.length;"
        },
        "next": {"default": "again"},
    },
    "again": {
        "type": "condition",
        "params": {"condition": "input < 3"},
        "next": {"true": "wait", "false": "end"},
    },
    "end": {"type": "transform", "params": {"script": "return {seen: shared.seen};"}},
}


@pytest.mark.parametrize("deliveries", [1, 2])
def test_a_signal_that_follows_the_news_is_never_lost_and_each_visit_has_its_own(deliveries: int) -> None:
    eager = _Eager(deliveries=deliveries)
    before = {"type": "transform", "params": {"script": "return {};"}, "next": {"default": "wait"}}
    ran = eager.bench.run(flow({"before": before, **LOOP}))
    assert ran.result == {"seen": [1, 2, 3]}
    assert ran.nodes == ["before", *["wait", "note", "again"] * 3, "end"]
    assert {phase for node, phase, _ in eager.bench.tasks if node == "wait"} == {"", "listen", "resume"}


def test_a_run_that_begins_with_a_wait_can_be_signalled_as_soon_as_that_is_told() -> None:
    ran = _Eager().bench.run(f"start: wait\n{flow(LOOP)}")
    assert ran.result == {"seen": [1, 2, 3]}
    assert ran.logs()[:2] == ["Execution started", "Node started"]


def test_a_branch_that_begins_with_a_wait_can_be_signalled_as_soon_as_that_is_told() -> None:
    other = {"type": "transform", "params": {"script": "return 2;"}, "next": {"default": "both"}}
    nodes = {
        "fork": {"type": "split", "next": {"a": "wait", "b": "other", "default": "both"}},
        "wait": {**WAIT, "next": {"default": "both"}},
        "other": other,
        "both": {"type": "join"},
    }
    assert _Eager().bench.run(flow(nodes)).result == {"result": [{"number": 1}, 2]}


def test_a_wait_that_cannot_begin_is_told_of_before_its_failure() -> None:
    wait = {**WAIT, "params": {"key": "${input.key}", "timeout": "1h"}, "next": {"error": "end"}}
    end = {"type": "transform", "params": {"script": "return {why: error.type};"}}
    bench = FlowBench()
    ran = bench.run(flow({"wait": wait, "end": end}), {"key": 7})
    assert ran.nodes == ["wait", "end"]
    assert ran.logs("debug") == ["Node started"] * 2
    assert len(ran.logs("error")) == 1


def test_who_sent_a_signal_is_in_the_audit_trail_once_without_what_was_sent() -> None:
    bench = FlowBench()
    ann = Actor(ActorType.USER, ACCOUNT, "192.0.2.7", "request-1")

    def approve(b: FlowBench) -> None:
        for _ in range(2):
            with acting(ann):
                runs().signal(ACCOUNT, b.current, "go", {"number": 1, "because": "Ann's salary"})
        with acting(ann), pytest.raises(SignalNotAwaited):
            runs().signal(ACCOUNT, b.current, "go", {"number": 2})

    bench.at(30, approve)
    ran = bench.run(flow({"wait": {**WAIT, "next": {}}}))
    audit_trail().append_pending()
    entries = [entry for entry in audit_chain().entries(1, 50) if entry.event.resource_id == bench.current]
    _, signalled, _ = (entry.event for entry in entries)
    assert (signalled.type, signalled.action, signalled.result) == (
        "EXECUTION_SIGNALLED",
        "SIGNAL",
        "SUCCESS",
    )
    assert signalled.actor == ann
    flow_id = ran.view.execution.launch.workflow_id
    assert signalled.metadata == {"flow.id": flow_id, "signal.key": "go"}
    assert not [entry for entry in entries if "salary" in entry.text]
