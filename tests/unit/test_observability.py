"""Log lines say what they are about, and measurements are written where somebody has asked for them."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from flowker import wiring
from flowker.errors import NodeFailed
from flowker.events import record_execution, run_node
from flowker.model import telemetry
from flowker.model.telemetry import Metric, measure
from flowker.observability import observed
from flowker.settings import Settings
from tests.fakes import MemoryTable
from tests.functions import call
from tests.harness import FakeHttp, digest_of_body
from tests.samples import chain, set_output, trigger
from tests.trails import use

QUIET, TELLING = Settings(stage="prod"), Settings(stage="prod", metrics=True)
inner = logging.getLogger("flowker.usecases.somewhere")


def lines(log: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    """Messages with the ids that they carry."""
    names = ("correlation_id", "execution_id", "node_id", "provider_configuration_id")
    return [
        (record.message, {name: record.__dict__[name] for name in names if name in record.__dict__})
        for record in log.records
    ]


@pytest.fixture
def heard(log: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Whatever is logged, as the logger's own handler has seen it."""
    with observed(QUIET), log.at_level(logging.DEBUG, "flowker"):
        (own, *_) = logging.getLogger("flowker").handlers
        log.handler.filters = own.filters
        yield log


# --- log lines -------------------------------------------------------------------------------------------------------


def test_lines_of_inner_rooms_carry_the_ids_of_the_invocation(heard: pytest.LogCaptureFixture) -> None:
    with observed(QUIET, correlation_id="request-1", node_id=None):
        inner.info("first")
        telemetry.about(execution_id="e", node_id=None)
        inner.info("second", extra={"node_id": "n"})
        inner.info("third", extra={"execution_id": "another"})
    inner.info("fourth")
    request = {"correlation_id": "request-1"}
    assert lines(heard) == [
        ("first", request),
        ("second", request | {"execution_id": "e", "node_id": "n"}),
        ("third", request | {"execution_id": "another"}),
        ("fourth", {}),
    ]


def test_invocations_side_by_side_are_not_mixed_up(heard: pytest.LogCaptureFixture) -> None:
    """The nodes of one machine run in threads."""
    together = Barrier(4)

    def invoke(node: str) -> None:
        with observed(QUIET, node_id=node):
            together.wait(5)
            inner.info(node)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(invoke, "abcd"))
    assert sorted(lines(heard), key=str) == [(node, {"node_id": node}) for node in "abcd"]


def task(execution_id: str, node: str) -> dict[str, Any]:
    launch = wiring.execution_store().get(execution_id).launch
    return {
        "executionId": execution_id,
        "revision": launch.revision,
        "entry": launch.entry,
        "node": node,
        "finishUnless": [],
    }


def test_a_request_can_be_followed_through_api_worker_and_end(heard: pytest.LogCaptureFixture) -> None:
    use(MemoryTable(), http=lambda: FakeHttp(digest_of_body))
    graph = chain(trigger(), set_output("done", decision="yes"))
    path = f"/v1/workflows/{call('POST', '/v1/workflows', graph).ok(201)['workflowId']}"
    call("POST", f"{path}/activate").ok()
    heard.clear()
    headers = {"idempotency-key": "k", "x-request-id": "from-the-client-7"}
    execution_id = call("POST", f"{path}/executions", {"inputData": {}}, headers).ok(201)["executionId"]
    run_node.handle(task(execution_id, "done"), None)
    record_execution.handle({"executionId": execution_id}, None)
    request = {"correlation_id": "from-the-client-7", "execution_id": execution_id}
    assert lines(heard) == [
        ("execution accepted", request),
        ("node ran", request | {"node_id": "done"}),
        ("execution had ended before", request),
    ]
    assert wiring.execution_store().get(execution_id).correlation_id == "from-the-client-7"


def test_a_node_that_does_not_complete_says_for_which_request(heard: pytest.LogCaptureFixture) -> None:
    use(MemoryTable(), http=lambda: FakeHttp(digest_of_body))
    graph = chain(trigger(), set_output("done", decision="${nowhere.to.be.found}"))
    path = f"/v1/workflows/{call('POST', '/v1/workflows', graph).ok(201)['workflowId']}"
    call("POST", f"{path}/activate").ok()
    start = f"{path}/executions"
    execution_id = call("POST", start, {"inputData": {}}, {"idempotency-key": "k"}, "r-9").ok(201)[
        "executionId"
    ]
    call("POST", f"/v1/executions/{execution_id}/cancel").ok()
    heard.clear()
    with pytest.raises(NodeFailed):
        run_node.handle(task(execution_id, "done"), None)
    ids = {"correlation_id": "r-9", "execution_id": execution_id, "node_id": "done"}
    assert lines(heard) == [("node did not complete", ids)]


# --- measurements ----------------------------------------------------------------------------------------------------


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_an_invocation_writes_one_line_of_sums_and_single_times(capsys: pytest.CaptureFixture[str]) -> None:
    with observed(TELLING):
        measure(Metric.EXECUTIONS_STARTED)
        measure(Metric.EXECUTIONS_STARTED, 2)
        measure(Metric.EXECUTIONS_FAILED, 0)
        for milliseconds in (0, 15, 7.5):
            measure(Metric.EXECUTION_TIME, milliseconds)
    (line,) = written(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "flowker-prod"
    assert directive["Dimensions"] == [[]]
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "ExecutionsStarted": "Count",
        "ExecutionTime": "Milliseconds",
    }
    assert line["ExecutionsStarted"] == [3]
    assert line["ExecutionTime"] == [0, 15, 7.5]


def test_many_times_are_written_a_hundred_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with observed(TELLING):
        for milliseconds in range(200):
            measure(Metric.EXECUTION_TIME, milliseconds)
    told = [line["ExecutionTime"] for line in written(capsys)]
    assert [len(part) for part in told] == [100, 100]
    assert [*told[0], *told[1]] == list(range(200))


def test_what_was_measured_before_a_failure_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with observed(TELLING):
            measure(Metric.NODES_BROKE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    (line,) = written(capsys)
    assert line["NodesBroke"] == [1]


def test_nothing_is_written_unless_somebody_has_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with observed(QUIET):
        measure(Metric.NODES_BROKE)
    with observed(TELLING):
        pass
    measure(Metric.NODES_BROKE)
    assert capsys.readouterr().out == ""
    assert Settings.from_env({}).metrics is False
    assert Settings.from_env({"FLOWKER_METRICS": "true"}).metrics is True
