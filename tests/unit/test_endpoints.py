"""Nodes that call an endpoint of an executor configuration: checked, promoted, called (Flowker spec c.2 [R], d.6, l.5)."""

from typing import Any
from uuid import uuid4

import pytest

from flowker import errors
from flowker.adapters.items import Query
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.outbox import notice_of
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.schedules import ItemScheduleStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.model.executor_configuration import ExecutorConfiguration, ExecutorConfigurationStatus
from flowker.model.graph import Graph
from flowker.model.outbound import OutboundRequest
from flowker.usecases.activation import Activation
from flowker.usecases.executor_configurations import ExecutorConfigurations
from flowker.usecases.node_runs import NodeRuns, Task
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
    ScriptedHttp,
)
from tests.integration.samples import WatchedTable, configuration, execution
from tests.samples import chain, executor, trigger

SCORE = {"name": "score", "path": "/v1/score", "method": "PUT", "timeout": 7}
PING = {"name": "ping", "path": "/ping", "method": "GET"}
BEARER = {"type": "bearer", "config": {"token": "t"}}
Status = ExecutorConfigurationStatus
REVISION = "ab" * 32


class World:
    """Workflows and their worker over real stores."""

    def __init__(self) -> None:
        self.table, self.blobs, self.cipher = MemoryTable(), MemoryBlobs(), PlainCipher()
        self.clock, ids = ManualClock(), CountingIds()
        parts = self.table, self.blobs, self.cipher
        providers = ItemProviderConfigurationStore(*parts)
        self.store = ItemExecutorConfigurationStore(*parts)
        self.executors = ExecutorConfigurations(self.store, self.clock, ids)
        self.workflow_store = ItemWorkflowStore(*parts)
        activation = Activation(
            self.workflow_store, ItemMachineRegistry(self.table), RecordingMachines(), self.clock
        )
        references = References(providers, self.store)
        timers = WorkflowTimers(ItemScheduleStore(self.table), RecordingTimer)
        self.workflows = Workflows(self.workflow_store, references, activation, self.clock, ids, timers)
        self.provider = configuration(config={"base_url": "https://p.test/base", "auth": BEARER})
        providers.add(self.provider)

    def configured(
        self, *endpoints: dict[str, Any], status: Status = Status.CONFIGURED, **values: Any
    ) -> ExecutorConfiguration:
        body = {
            "name": f"executor {uuid4()}",
            "baseUrl": "https://scores.test/api",
            "endpoints": list(endpoints or [SCORE]),
            "authentication": {"type": "none"},
        }
        before = self.executors.create(body | values)
        if status is not before.status:
            self.store.replace(before, before.model_copy(update={"status": status}))
        return self.store.get(before.id)

    def node(self, executor_id: object, node_id: str = "call", **data: Any) -> dict[str, Any]:
        """An executor node that names an executor configuration."""
        made = executor(node_id, self.provider.id, executorConfigId=executor_id, **data)
        return made | {"data": {name: value for name, value in made["data"].items() if value is not None}}

    def created(self, *nodes: dict[str, Any]) -> str:
        return self.workflows.create(chain(trigger(), *nodes)).id

    def run(self, node: dict[str, Any]) -> OutboundRequest:
        """What the worker sends for this node. Raises `NodeFailed`."""
        graph = Graph.model_validate({**chain(trigger(), node)})
        self.workflow_store.keep_revision(REVISION, graph)
        started = execution()
        ItemExecutionStore(self.table, self.blobs).add(started, {"amount": 1}, None)
        http = ScriptedHttp(200)
        runs = ItemNodeRunStore(self.table, self.blobs, self.cipher)
        NodeRuns(runs, self.workflow_store, http, self.clock).run(
            Task(started.id, REVISION, "start", node["id"])
        )
        (request,) = http.sent
        return request


@pytest.fixture
def world() -> World:
    return World()


# --- checked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "x", 1, {}, "00000000-0000-4000-8000-00000000ffff"])
def test_a_draft_must_name_an_executor_configuration_that_exists(world: World, value: object) -> None:
    with pytest.raises(errors.InvalidProviderReference) as raised:
        world.created(world.node(value))
    assert list(raised.value.fields) == ["nodes[1].data.executorConfigId"]


@pytest.mark.parametrize("status", Status)
def test_a_draft_may_name_one_in_any_status(world: World, status: Status) -> None:
    world.created(world.node(world.configured(status=status).id))


def test_a_draft_may_name_one_that_is_still_to_be_configured(world: World) -> None:
    later = world.executors.create({"name": "later"})
    workflow_id = world.created(world.node(later.id.upper(), endpointName="anything"))
    with pytest.raises(errors.InvalidProviderReference) as raised:
        world.workflows.activate(workflow_id)
    assert list(raised.value.fields) == ["/nodes/1/data/executorConfigId"]


@pytest.mark.parametrize(
    ("endpoints", "name", "allowed"),
    [
        ([SCORE], None, True),
        ([SCORE], "score", True),
        ([SCORE, PING], "ping", True),
        ([SCORE, PING], None, False),
        ([SCORE], "ping", False),
        ([SCORE], "", False),
        ([SCORE], 1, False),
    ],
)
def test_the_endpoint_must_be_clear(
    world: World, endpoints: list[dict[str, Any]], name: object, allowed: bool
) -> None:
    node = world.node(world.configured(*endpoints).id, endpointName=name)
    if allowed:
        world.created(node)
        return
    with pytest.raises(errors.InvalidExecutorConfig) as raised:
        world.created(node)
    assert list(raised.value.fields) == ["nodes[1].data.endpointName"]


def test_a_provider_configuration_is_missed_first(world: World) -> None:
    node = world.node("x")
    node["data"]["providerConfigId"] = str(uuid4())
    with pytest.raises(errors.InvalidProviderReference) as raised:
        world.created(node)
    assert list(raised.value.fields) == ["nodes[1].data.providerConfigId", "nodes[1].data.executorConfigId"]


# --- promoted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.CONFIGURED, Status.TESTED, Status.ACTIVE])
def test_activating_a_workflow_activates_what_it_refers_to(world: World, status: Status) -> None:
    before = world.configured(status=status)
    workflow_id = world.created(world.node(before.id, "a"), world.node(before.id, "b"))
    world.clock.advance(60)
    world.workflows.activate(workflow_id)
    after = world.store.get(before.id)
    if status is Status.ACTIVE:
        assert after == before
    else:
        changes = {"status": Status.ACTIVE, "version": before.version + 1}
        assert after == before.model_copy(update=changes | {"updated_at": "2026-03-01T10:01:00.000Z"})


@pytest.mark.parametrize("status", [Status.UNCONFIGURED, Status.DISABLED])
def test_a_workflow_cannot_be_activated_over_one_that_is_out_of_use(world: World, status: Status) -> None:
    before = world.configured(status=status)
    workflow_id = world.created(world.node(before.id))
    with pytest.raises(errors.InvalidProviderReference, match=status):
        world.workflows.activate(workflow_id)
    assert world.store.get(before.id) == before


def test_one_that_is_gone_is_missed_at_activation(world: World) -> None:
    before = world.configured()
    workflow_id = world.created(world.node(before.id))
    world.executors.delete(before.id)
    with pytest.raises(errors.InvalidProviderReference):
        world.workflows.activate(workflow_id)


def test_the_promotion_is_announced_with_the_activation(world: World) -> None:
    before = world.configured(name="scores")
    workflow_id = world.created(world.node(before.id))
    world.workflows.activate(workflow_id)
    notices = [
        notice_of(stored)
        for shard in range(8)
        for stored in world.table.query(Query("executions", f"OUTBOX#{shard}"))
    ]
    (activation,) = [notice for notice in notices if notice.events[0].type == "WORKFLOW_ACTIVATED"]
    promotion = activation.events[1]
    assert (promotion.type, promotion.resource_id) == ("EXECUTOR_CONFIG_UPDATED", before.id)
    assert promotion.metadata == {"executor_config.name": "scores", "status": "active"}


def test_a_workflow_may_refer_to_as_many_as_one_transaction_can_promote(world: World) -> None:
    names = [world.configured().id for _ in range(97)]
    fits = world.created(*(world.node(name, f"n{index}") for index, name in enumerate(names[:90])))
    too_many = world.created(*(world.node(name, f"n{index}") for index, name in enumerate(names)))
    with pytest.raises(errors.DefinitionTooLarge):
        world.workflows.activate(too_many)
    assert world.store.get(names[0]).status == "configured"
    world.workflows.activate(fits)
    assert world.store.get(names[0]).status == "active"
    watched = WatchedTable(world.table)
    ItemAuditChain(watched).append_pending()
    assert max(watched.writes) <= 100  # what is announced must fit into transactions, too


# --- called -----------------------------------------------------------------------------------------------------------


def test_the_node_calls_the_endpoint(world: World) -> None:
    active = world.configured(
        SCORE, PING, status=Status.ACTIVE, authentication={"type": "basic", "config": {}}
    )
    request = world.run(world.node(active.id, endpointName="score", path=None))
    assert (request.method, request.url, request.timeout) == ("PUT", "https://scores.test/api/v1/score", 7)
    assert request.auth == {"type": "basic", "config": {}}


def test_what_the_node_says_itself_wins(world: World) -> None:
    active = world.configured(status=Status.ACTIVE)
    request = world.run(world.node(active.id, path="/own", method="PATCH", timeout=2))
    assert (request.method, request.url, request.timeout) == ("PATCH", "https://scores.test/api/own", 2)
    assert request.auth == BEARER


@pytest.mark.parametrize(
    ("status", "data", "reason"),
    [
        (Status.DISABLED, {}, "executor configuration is not active"),
        (Status.TESTED, {}, "executor configuration is not active"),
        (Status.ACTIVE, {"executorConfigId": str(uuid4())}, "executor config not found"),
        (Status.ACTIVE, {"executorConfigId": "x"}, "invalid executorConfigId"),
        (Status.ACTIVE, {"endpointName": "gone"}, "endpointName is not the name of an endpoint"),
    ],
)
def test_a_node_fails_over_one_that_is_out_of_use(
    world: World, status: Status, data: dict[str, Any], reason: str
) -> None:
    node = world.node(world.configured(status=status).id)
    node["data"] |= data
    with pytest.raises(errors.NodeFailed, match=f'node "call": .*{reason}'):
        world.run(node)
