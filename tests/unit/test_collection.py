"""State machines that nobody uses are deleted, and none that somebody needs (architecture §4, decision 19)."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.flows import ItemFlowStore
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.schedules import ItemScheduleStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import ChangedConcurrently, StoreUnavailable
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.flow import FlowHead
from flowker.model.instant import instant
from flowker.model.workflow import Launch, MachineType, Workflow, WorkflowStatus
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from flowker.usecases.activation import KEPT, Activation
from flowker.usecases.collection import AT_A_TIME, Collection, Unfinished
from flowker.usecases.executions import Executions
from flowker.usecases.flow_drafts import FlowDraft
from flowker.usecases.flows import Flows
from flowker.usecases.publication import Publication
from flowker.usecases.references import References
from flowker.usecases.workflow_schedules import WorkflowTimers
from flowker.usecases.workflows import Workflows
from tests.fakes import (
    CountingIds,
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    RecordingTimer,
    ScriptedCompletions,
)
from tests.flow_bench import CountedTable
from tests.flow_samples import chain
from tests.samples import edge, set_output, trigger, unique

DAY = KEPT.total_seconds()


class Machines(RecordingMachines):
    """Something may happen just before a machine is published or deleted, or the deletion may be refused."""

    def __init__(self) -> None:
        super().__init__()
        self.before_publishing: Callable[[], object] = lambda: None
        self.refuse_deletion = False
        self.deleted: list[str] = []

    def publish(self, definition: Json, kind: MachineType) -> str:
        self.before_publishing()
        return super().publish(definition, kind)

    def delete(self, reference: str) -> None:
        if self.refuse_deletion:
            raise StoreUnavailable("throttled")
        super().delete(reference)
        self.deleted.append(reference)


class World:
    def __init__(self) -> None:
        parts = table, _, _ = MemoryTable(), MemoryBlobs(), PlainCipher()
        self.clock, self.machines, ids = ManualClock(), Machines(), CountingIds()
        self.store = ItemWorkflowStore(*parts)
        self.registry = ItemMachineRegistry(table)
        references = References(
            ItemProviderConfigurationStore(*parts), ItemExecutorConfigurationStore(*parts)
        )
        activation = Activation(self.store, self.registry, self.machines, self.clock)
        timers = WorkflowTimers(ItemScheduleStore(table), RecordingTimer)
        self.workflows = Workflows(self.store, references, activation, self.clock, ids, timers)
        self.executions = Executions(
            ItemExecutionStore(table, MemoryBlobs()),
            self.store,
            self.machines,
            ScriptedCompletions(),
            self.clock,
            ids,
        )
        self.flows = ItemFlowStore(*parts)
        publication = Publication(
            self.store, self.registry, self.machines, self.clock, FLOW_NODE_TYPES, lambda scripts: (), 86_400
        )
        self.flow = Flows(self.flows, publication, lambda account: (), self.clock, ids)
        self.runs: list[Execution] = []
        going_on: list[Unfinished] = [self.executions, self]
        self.collection = Collection(
            self.registry, self.store, self.flows, going_on, self.machines, self.clock
        )

    def unfinished(self, until: datetime) -> Iterator[Execution]:
        """Runs of flows that go on."""
        return (run for run in self.runs if run.started_at <= instant(until))

    def run(self, launch: Launch) -> Execution:
        """A run that goes on until it is taken out of `runs`."""
        now = instant(self.clock.now())
        run = Execution(id="exec-1", launch=launch, status=ExecutionStatus.RUNNING, started_at=now)
        self.runs.append(run)
        return run

    def draft(self, node: str = "done", *more: dict[str, Any]) -> str:
        nodes = [trigger("start"), set_output(node, x=1), *more]
        document = {"name": unique(), "nodes": nodes, "edges": [edge("start", node)]}
        return self.workflows.create(document).id

    def active(self, node: str = "done") -> Workflow:
        return self.workflows.activate(self.draft(node))

    def after(self, days: float) -> int:
        """Collect once so many days later."""
        self.clock.advance(days * DAY)
        return self.collection.collect()

    @property
    def published(self) -> list[str]:
        return list(self.machines.definitions)


@pytest.fixture
def world() -> World:
    return World()


def machine_of(workflow: Workflow) -> str:
    assert workflow.launch is not None
    return workflow.launch.machine


def test_the_machine_of_an_active_workflow_is_never_deleted(world: World) -> None:
    active = world.active()
    assert [world.after(1) for _ in range(10)] == [0] * 10
    assert world.published == [machine_of(active)]


def test_a_machine_is_deleted_when_nobody_has_used_it_for_a_day(world: World) -> None:
    active = world.active()
    assert world.after(3) == 0
    world.workflows.deactivate(active.id)
    assert world.after(0.9) == 0  # not looked at again yet
    assert world.after(0.1) == 0  # nobody uses it: from now on a day
    assert world.after(0.99) == 0
    assert world.after(0.01) == 1
    assert world.published == []
    assert world.registry.get(machine_of(active)) is None
    assert world.after(5) == 0


@pytest.mark.parametrize("verbs", [("to_draft",), ("delete",)])
def test_it_makes_no_difference_what_becomes_of_the_workflow(world: World, verbs: tuple[str, ...]) -> None:
    active = world.active()
    world.workflows.deactivate(active.id)
    for verb in verbs:
        getattr(world.workflows, verb)(active.id)
    assert [world.after(1), world.after(1)] == [0, 1]


def test_a_machine_that_workflows_share_stays_until_the_last_one_is_inactive(world: World) -> None:
    one, other = world.active(), world.active()
    assert machine_of(one) == machine_of(other)
    world.workflows.deactivate(one.id)
    assert [world.after(1) for _ in range(4)] == [0] * 4
    world.workflows.deactivate(other.id)
    assert [world.after(1) for _ in range(2)] == [0, 1]


def test_each_trigger_s_machine_is_kept_and_deleted_with_the_workflow(world: World) -> None:
    decided = {"id": "if", "type": "conditional", "data": {"condition": "workflow.x > 1"}}
    nodes = [trigger("one"), trigger("two"), set_output("a", x=1), decided]
    edges = [edge("one", "a"), edge("two", "if"), edge("if", "a", "true")]
    created = world.workflows.create({"name": "n", "nodes": nodes, "edges": edges})
    world.workflows.activate(created.id)
    assert len(world.published) == 2
    assert [world.after(1) for _ in range(3)] == [0] * 3
    world.workflows.deactivate(created.id)
    assert [world.after(1) for _ in range(2)] == [0, 2]
    assert world.published == []


def test_a_machine_that_comes_back_into_use_is_kept(world: World) -> None:
    active = world.active()
    world.workflows.deactivate(active.id)
    assert world.after(1) == 0
    again = world.active()
    assert machine_of(again) == machine_of(active)
    assert [world.after(1) for _ in range(4)] == [0] * 4
    assert world.published == [machine_of(again)]


def test_another_revision_does_not_keep_the_machine_of_the_one_before(world: World) -> None:
    active = world.active("first")
    world.workflows.deactivate(active.id)
    world.workflows.to_draft(active.id)
    changed = {
        "name": "n",
        "nodes": [trigger("start"), set_output("second", x=1)],
        "edges": [edge("start", "second")],
    }
    world.workflows.update(active.id, changed)
    after = world.workflows.activate(active.id)
    assert [world.after(1) for _ in range(3)] == [0, 1, 0]
    assert world.published == [machine_of(after)]


def test_what_was_published_for_an_activation_that_failed_is_deleted_later(world: World) -> None:
    draft = world.draft()
    world.machines.before_publishing = lambda: world.workflows.delete(draft)  # a lost race
    with pytest.raises(ChangedConcurrently):
        world.workflows.activate(draft)
    assert len(world.published) == 1
    assert [world.after(1) for _ in range(3)] == [0, 1, 0]


# --- executions ------------------------------------------------------------------------------------------------------


def test_what_was_accepted_and_cannot_be_started_keeps_its_machine(world: World) -> None:
    active = world.active()
    world.machines.unavailable = True
    accepted = world.executions.start(active.id, {}, "key").execution
    world.workflows.deactivate(active.id)
    world.machines.unavailable = False
    assert [world.after(1) for _ in range(4)] == [0] * 4
    assert world.executions.start_pending() == 1
    assert world.machines.started == [accepted.id]
    world.executions.finish(accepted.id, Outcome(at=instant(world.clock.now())))
    assert world.after(1) == 1


def test_what_has_ended_keeps_nothing(world: World) -> None:
    active = world.active()
    accepted = world.executions.start(active.id, {}, "key").execution
    world.executions.finish(accepted.id, Outcome(at=instant(world.clock.now())))
    world.workflows.deactivate(active.id)
    assert [world.after(1) for _ in range(2)] == [0, 1]
    assert world.executions.get(accepted.id).status is ExecutionStatus.COMPLETED


# --- races and failures ----------------------------------------------------------------------------------------------


def test_an_activation_that_is_under_way_while_its_turn_comes_keeps_the_machine(world: World) -> None:
    active = world.active()
    world.workflows.deactivate(active.id)
    assert world.after(1) == 0
    world.clock.advance(DAY)
    collected: list[int] = []
    world.machines.before_publishing = lambda: collected.append(world.collection.collect())
    again = world.active()
    assert collected == [0]
    assert world.machines.deleted == []
    assert world.published == [machine_of(again)]


def test_an_activation_that_comes_too_late_is_told_to_come_again(world: World) -> None:
    active = world.active()
    world.workflows.deactivate(active.id)
    assert world.after(1) == 0
    world.machines.refuse_deletion = True
    with pytest.raises(StoreUnavailable):
        world.after(1)
    draft = world.draft()
    with pytest.raises(StoreUnavailable):
        world.workflows.activate(draft)
    assert world.workflows.get(draft).status is WorkflowStatus.DRAFT
    world.machines.refuse_deletion = False
    assert world.collection.collect() == 1
    again = world.workflows.activate(draft)
    assert world.published == [machine_of(again)]
    assert [world.after(1) for _ in range(3)] == [0] * 3


def test_a_throttled_activation_leaves_a_draft_and_can_be_repeated(world: World) -> None:
    draft = world.draft()
    world.machines.unavailable = True
    with pytest.raises(StoreUnavailable):
        world.workflows.activate(draft)
    assert world.workflows.get(draft).status is WorkflowStatus.DRAFT
    assert world.workflows.get(draft).launch is None
    world.machines.unavailable = False
    assert machine_of(world.workflows.activate(draft)) in world.published


def test_each_run_looks_at_a_few_and_the_next_ones_at_the_rest(world: World) -> None:
    for number in range(AT_A_TIME + 5):
        world.workflows.deactivate(world.active(f"n{number}").id)
    assert [world.after(1), world.collection.collect()] == [0, 0]
    assert [world.after(1), world.collection.collect(), world.collection.collect()] == [AT_A_TIME, 5, 0]
    assert world.published == []


def stored(world: World, *nodes: str) -> FlowHead:
    return world.flow.create("account-1", FlowDraft(name="f", definition=chain(*nodes))).flow


def revised(world: World, flow: FlowHead, *nodes: str) -> FlowHead:
    return world.flow.update("account-1", flow.id, FlowDraft(definition=chain(*nodes))).flow


def test_the_machine_of_a_flow_is_never_deleted(world: World) -> None:
    flow = stored(world, "a")
    assert [world.after(1) for _ in range(10)] == [0] * 10
    assert world.published == [flow.launch.machine]


def test_the_machine_of_a_deleted_flow_goes(world: World) -> None:
    flow = stored(world, "a")
    world.flow.delete("account-1", flow.id)
    assert [world.after(1.1) for _ in range(3)].count(1) == 1
    assert world.published == []


def test_the_machine_of_an_old_revision_goes_when_its_runs_have_ended(world: World) -> None:
    before = stored(world, "a")
    run = world.run(before.launch)
    after = revised(world, before, "a", "b")
    assert [world.after(1.1) for _ in range(5)] == [0] * 5
    assert world.published == [before.launch.machine, after.launch.machine]
    world.runs.remove(run)
    assert [world.after(1.1) for _ in range(2)].count(1) == 1
    assert world.published == [after.launch.machine]


def test_flows_of_two_accounts_share_a_machine_until_both_are_gone(world: World) -> None:
    mine = stored(world, "a")
    theirs = world.flow.create("account-2", FlowDraft(name="g", definition=chain("a"))).flow
    assert mine.launch.machine == theirs.launch.machine
    world.flow.delete("account-1", mine.id)
    assert [world.after(1.1) for _ in range(5)] == [0] * 5
    world.flow.delete("account-2", theirs.id)
    assert [world.after(1.1) for _ in range(3)].count(1) == 1


def test_a_flow_back_at_an_older_text_uses_its_machine_again(world: World) -> None:
    flow = stored(world, "a")
    other = revised(world, flow, "b")
    back = revised(world, other, "a")
    assert back.launch.machine == flow.launch.machine
    assert [world.after(1.1) for _ in range(4)].count(1) == 1
    assert world.published == [flow.launch.machine]


def test_all_flows_that_share_a_machine_are_looked_up_together(world: World) -> None:
    gone, *others = (stored(world, "a") for _ in range(5))
    world.flow.delete("account-1", gone.id)
    table = CountedTable(world.flows.table)
    flows = ItemFlowStore(table, world.flows.blobs, world.flows.cipher)
    collection = Collection(world.registry, world.store, flows, [], world.machines, world.clock)
    world.clock.advance(1.1 * DAY)
    assert collection.collect() == 0
    assert table.counts == {"reads": 1}
    machine = world.registry.get(gone.launch.machine)
    assert machine is not None
    assert {use.workflow_id for use in machine.uses} == {each.id for each in others}
