"""What the dashboard shows and the alarms listen to is measured, and what is measured is shown."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.items import Put, Write
from flowker.errors import NodeError, StoreUnavailable
from flowker.events import append_audit, reconcile, record_execution, run_node
from flowker.model.execution import Execution
from flowker.model.outbound import OutboundRequest
from flowker.model.telemetry import Metric
from flowker.settings import Settings
from flowker.usecases.executions import OVERDUE_AFTER
from tests.fakes import ManualClock, MemoryTable, RecordingMachines
from tests.functions import call
from tests.harness import CONFIGURATION, FakeHttp, add_configuration
from tests.infra.policies import Template
from tests.samples import chain, executor, trigger
from tests.trails import outbox, records, use

pytestmark = pytest.mark.timeout(300)  # the first test waits for the synthesis
Seen = set[tuple[str, str, tuple[tuple[str, str], ...]]]
"""Metrics by namespace, name and dimensions."""


class Fragile(MemoryTable):
    """Does not answer for a while."""

    broken = False

    def write(self, writes: Sequence[Write]) -> None:
        if self.broken:
            raise StoreUnavailable("throttled")
        super().write(writes)


class Deployment:
    """A stage whose provider answers as it is told to, and one active workflow that calls it twice."""

    def __init__(self, stage: str) -> None:
        self.table = Fragile()
        self.answer: Callable[[OutboundRequest], tuple[int, Any]] = lambda _: (200, {})
        settings = Settings(stage=stage, authenticate=False, metrics=True)
        use(self.table, settings, lambda: FakeHttp(lambda request: self.answer(request)))
        self.machines = RecordingMachines()
        self.clock = ManualClock()
        wiring.use(replace(wiring.home(), machines=self.machines, clock=self.clock))
        add_configuration()
        graph = chain(trigger(), executor("ask", CONFIGURATION), executor("again", CONFIGURATION))
        self.path = f"/v1/workflows/{call('POST', '/v1/workflows', graph).ok(201)['workflowId']}"
        call("POST", f"{self.path}/activate").ok()
        self._keys = iter(range(1000))

    def start(self) -> Execution:
        headers = {"idempotency-key": str(next(self._keys))}
        answered = call("POST", f"{self.path}/executions", {"inputData": {}}, headers)
        return wiring.execution_store().get(answered.ok(201)["executionId"])

    def run(self, execution: Execution, node: str, attempt: int = 0) -> None:
        """Deliver a task; its end is as good as any."""
        launch = execution.launch
        task: dict[str, Any] = {
            "executionId": execution.id,
            "revision": launch.revision,
            "entry": launch.entry,
            "node": node,
            "attempt": attempt,
        }
        try:
            run_node.handle(task | ({"finishUnless": []} if node == "again" else {}), None)
        except (NodeError, ZeroDivisionError):
            return

    def deliver(self) -> None:
        """As the stream does."""
        append_audit.handle(records(outbox(self.table)), None)


def completed_failed_cancelled_and_timed_out(stage: Deployment) -> None:
    good = stage.start()
    for node in ("ask", "again"):
        stage.run(good, node)
    call("POST", f"/v1/executions/{stage.start().id}/cancel").ok()
    record_execution.handle({"detail": {"name": stage.start().id, "status": "TIMED_OUT"}}, None)
    record_execution.handle({"detail": {"name": stage.start().id, "status": "ABORTED"}}, None)
    stage.clock.advance(2)
    stage.deliver()


def a_provider_that_goes_and_comes_back(stage: Deployment) -> None:
    stage.answer = lambda _: (503, {})
    failing = stage.start()
    for attempt in range(5):
        stage.run(failing, "ask", attempt)
    stage.run(stage.start(), "ask")
    stage.clock.advance(31)
    stage.answer = lambda _: (200, {})
    stage.run(stage.start(), "ask")
    stage.deliver()


def what_should_not_happen(stage: Deployment) -> None:
    broken = stage.start()
    stage.answer = lambda _: (1 // 0, {})
    stage.run(broken, "ask")
    notice = outbox(stage.table)[0]
    stage.table.write([Put(keys.EXECUTIONS, {**notice, "schema": 2}, None)])
    stage.deliver()
    stage.table.broken = True
    call("POST", "/v1/workflows", {"name": "refused", "nodes": [trigger()], "edges": []}).refused(
        503, "FLK-0801"
    )
    stage.table.broken = False


def what_the_reconciliation_finds(stage: Deployment) -> None:
    vanished = stage.start()
    stage.run(vanished, "ask")
    stage.machines.unavailable = True
    stage.start()
    stage.machines.unavailable = False
    stage.clock.advance(OVERDUE_AFTER.total_seconds())
    reconcile.handle({}, None)


def a_machine_that_nobody_uses(stage: Deployment) -> None:
    call("POST", f"{stage.path}/deactivate").ok()
    for _ in range(3):
        stage.clock.advance(86_401)
        reconcile.handle({}, None)


SCENARIOS = (
    completed_failed_cancelled_and_timed_out,
    a_provider_that_goes_and_comes_back,
    what_should_not_happen,
    what_the_reconciliation_finds,
    a_machine_that_nobody_uses,
)


@pytest.fixture
def measured(template: Template, capsys: pytest.CaptureFixture[str]) -> Seen:
    """Whatever was written while all of that happened."""
    for scenario in SCENARIOS:
        scenario(Deployment(template.stage.name))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return {
        (directive["Namespace"], metric["Name"], tuple((name, line[name]) for name in names))
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for names in directive["Dimensions"]
    }


def listened_to(template: Template) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """By alarms."""
    for alarm in template.of_type("AWS::CloudWatch::Alarm").values():
        inner = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        for metric in inner or [alarm]:
            yield metric["Namespace"], metric["MetricName"], _dimensions(metric.get("Dimensions", []))


def _dimensions(pairs: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((pair["Name"], pair["Value"]) for pair in pairs)


def shown(template: Template) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """By the dashboard; what its widgets search for or calculate is made of metrics of AWS."""
    (board,) = template.of_type("AWS::CloudWatch::Dashboard").values()
    for widget in json.loads(board["DashboardBody"])["widgets"]:
        for row in widget["properties"].get("metrics", []):
            named = [part for part in row if isinstance(part, str)]
            if named:
                yield named[0], named[1], tuple(zip(named[2::2], named[3::2], strict=True))


def custom(found: Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]) -> Seen:
    return {each for each in found if not each[0].startswith("AWS/")}


def test_every_widget_and_every_alarm_has_something_to_read(template: Template, measured: Seen) -> None:
    assert custom(listened_to(template)) <= measured
    assert custom(shown(template)) <= measured


def test_whatever_is_measured_is_shown(template: Template, measured: Seen) -> None:
    assert {name for _, name, _ in custom(shown(template))} == {metric.value for metric in Metric}
    assert {name for _, name, _ in measured} == {metric.value for metric in Metric}


def test_alarms_listen_to_something_that_is_shown_beside_them(template: Template) -> None:
    assert custom(listened_to(template)) <= custom(shown(template))
