"""What a change answers when another one came between its reading and its writing (Flowker spec c.1, c.3)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from flowker import errors
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.schedules import ItemScheduleStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.model.exact_json import Json
from flowker.model.execution import Execution
from flowker.model.workflow import MachineType
from flowker.usecases.activation import Activation
from flowker.usecases.provider_configurations import ProviderConfigurations
from flowker.usecases.references import References
from flowker.usecases.workflow_schedules import WorkflowTimers
from flowker.usecases.workflows import Workflows
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher, RecordingTimer


class InterruptingClock(ManualClock):
    """Lets something happen the next time a change looks at the time, which is after it has read what it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None

    def now(self) -> datetime:
        interruption, self.meanwhile = self.meanwhile, None
        if interruption is not None:
            interruption()
        return super().now()


class NoMachines:
    """Publishes nothing but the type; nothing is started here."""

    def reference(self, definition: Json, kind: MachineType) -> str:
        return kind

    def delete(self, reference: str) -> None:
        raise AssertionError("nothing is deleted")

    def publish(self, definition: Json, kind: MachineType) -> str:
        return kind

    def start(self, execution: Execution) -> bool:
        raise AssertionError("nothing is started")

    def resume(self, execution: Execution, at: Mapping[str, Any], leg: int) -> None:
        raise AssertionError("nothing is started")

    def answer(self, token: str, output: Json) -> bool:
        raise AssertionError("nothing waits")

    def stop(self, execution: Execution) -> None:
        raise AssertionError("nothing is stopped")


class World:
    def __init__(self) -> None:
        table, blobs, cipher = MemoryTable(), MemoryBlobs(), PlainCipher()
        self.clock = InterruptingClock()
        ids = CountingIds()
        store = ItemWorkflowStore(table, blobs, cipher)
        configurations = ItemProviderConfigurationStore(table, blobs, cipher)
        executors = ItemExecutorConfigurationStore(table, blobs, cipher)
        activation = Activation(store, ItemMachineRegistry(table), NoMachines(), ManualClock())
        self.timer = RecordingTimer()
        timers = WorkflowTimers(ItemScheduleStore(table), lambda: self.timer)
        references = References(configurations, executors)
        self.workflows = Workflows(store, references, activation, self.clock, ids, timers)
        self.configurations = ProviderConfigurations(configurations, self.clock, ids)


@pytest.fixture
def world() -> World:
    return World()


DOCUMENT: dict[str, Any] = {
    "name": "first",
    "nodes": [{"id": "start", "type": "trigger", "data": {"triggerType": "webhook"}}],
}

WorkflowChange = Callable[[World, str], object]

CHANGES: dict[str, WorkflowChange] = {
    "update": lambda world, workflow_id: world.workflows.update(workflow_id, {"name": "second"}),
    "activate": lambda world, workflow_id: world.workflows.activate(workflow_id),
    "deactivate": lambda world, workflow_id: world.workflows.deactivate(workflow_id),
    "draft": lambda world, workflow_id: world.workflows.to_draft(workflow_id),
}
BEFORE = {"update": (), "activate": (), "deactivate": ("activate",), "draft": ("activate", "deactivate")}


@pytest.mark.parametrize("name", CHANGES)
def test_the_slower_of_two_equal_changes_is_refused_and_changes_nothing(world: World, name: str) -> None:
    workflow_id = world.workflows.create(DOCUMENT).id
    for earlier in BEFORE[name]:
        CHANGES[earlier](world, workflow_id)
    world.clock.meanwhile = lambda: CHANGES[name](world, workflow_id)
    with pytest.raises(errors.ChangedConcurrently):
        CHANGES[name](world, workflow_id)
    assert world.workflows.get(workflow_id).version == len(BEFORE[name]) + 2


@pytest.mark.parametrize("name", ["update", "activate"])
def test_a_change_of_what_was_deleted_meanwhile_is_refused(world: World, name: str) -> None:
    workflow_id = world.workflows.create(DOCUMENT).id
    world.clock.meanwhile = lambda: world.workflows.delete(workflow_id)
    with pytest.raises(errors.ChangedConcurrently):
        CHANGES[name](world, workflow_id)
    with pytest.raises(errors.WorkflowNotFound):
        world.workflows.get(workflow_id)


def test_an_update_loses_against_an_activation(world: World) -> None:
    workflow_id = world.workflows.create(DOCUMENT).id
    world.clock.meanwhile = lambda: world.workflows.activate(workflow_id)
    with pytest.raises(errors.ChangedConcurrently):
        world.workflows.update(workflow_id, {"name": "second"})
    assert (world.workflows.get(workflow_id).status, world.workflows.get(workflow_id).name) == (
        "active",
        "first",
    )


ConfigurationChange = Callable[[World, str], object]

CONFIGURATION_CHANGES: dict[str, ConfigurationChange] = {
    "patch": lambda world, found: world.configurations.patch(found, {"description": "changed"}),
    "disable": lambda world, found: world.configurations.disable(found),
}


@pytest.mark.parametrize("name", CONFIGURATION_CHANGES)
def test_the_slower_change_of_a_provider_configuration_is_refused(world: World, name: str) -> None:
    config = {"base_url": "https://provider.test"}
    found = world.configurations.create(name="p", provider_id="http", config=config).id
    for meanwhile in (CONFIGURATION_CHANGES[name], lambda world, found: world.configurations.delete(found)):
        world.clock.meanwhile = lambda meanwhile=meanwhile: meanwhile(world, found)
        with pytest.raises(errors.ChangedConcurrently):
            CONFIGURATION_CHANGES["patch"](world, found)
