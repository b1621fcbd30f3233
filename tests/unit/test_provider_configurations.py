"""The life of a provider configuration: rules, secrets, status, and what deletion depends on."""

from typing import Any

import pytest

from flowker import errors
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.masking import MASK
from flowker.model.page import PageQuery
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.model.workflow import Workflow, WorkflowStatus
from flowker.usecases.provider_configurations import ProviderConfigurations, document
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher

TRACER = {"base_url": "https://tracer.test", "api_key": "s3cr3t"}


class World:
    """The use case over the real stores, with a clock that the test moves."""

    def __init__(self) -> None:
        table, blobs, cipher = MemoryTable(), MemoryBlobs(), PlainCipher()
        self.clock = ManualClock()
        self.store = ItemProviderConfigurationStore(table, blobs, cipher)
        self.workflows = ItemWorkflowStore(table, blobs, cipher)
        self.use = ProviderConfigurations(self.store, self.clock, CountingIds())

    def created(self, **values: Any) -> ProviderConfiguration:
        return self.use.create(**{"name": "tracer", "provider_id": "tracer", "config": TRACER} | values)


@pytest.fixture
def world() -> World:
    return World()


def test_a_configuration_is_created_active(world: World) -> None:
    created = world.created(description="the real one", metadata={"team": "risk"})
    assert created == ProviderConfiguration(
        id="00000000-0000-4000-8000-000000000001",
        name="tracer",
        description="the real one",
        provider_id="tracer",
        config=TRACER,
        metadata={"team": "risk"},
        status=ProviderConfigurationStatus.ACTIVE,
        created_at="2026-03-01T10:00:00.000Z",
        updated_at="2026-03-01T10:00:00.000Z",
    )
    assert world.use.get(created.id) == created


def test_a_configuration_is_shown_without_secrets_and_without_absent_fields(world: World) -> None:
    assert document(world.created()) == {
        "id": "00000000-0000-4000-8000-000000000001",
        "name": "tracer",
        "providerId": "tracer",
        "config": {"base_url": "https://tracer.test", "api_key": MASK},
        "status": "active",
        "createdAt": "2026-03-01T10:00:00.000Z",
        "updatedAt": "2026-03-01T10:00:00.000Z",
    }
    shown = document(world.created(name="other", description="d", metadata={"a": 1}))
    assert (shown["description"], shown["metadata"]) == ("d", {"a": 1})


WRONG: list[tuple[dict[str, Any], type[errors.FlowkerError], str]] = [
    ({"name": 1}, errors.InvalidBody, "name"),
    ({"description": []}, errors.InvalidBody, "description"),
    ({"provider_id": {}}, errors.InvalidBody, "providerId"),
    ({"config": "x"}, errors.InvalidBody, "config"),
    ({"metadata": [1]}, errors.InvalidBody, "metadata"),
    ({"config": {**TRACER, "api_key": MASK}}, errors.InvalidBody, "config.api_key"),
    ({"provider_id": None}, errors.ProviderIdMissing, "providerId"),
    ({"provider_id": " "}, errors.ProviderIdMissing, "providerId"),
    ({"provider_id": "nope"}, errors.UnknownProvider, "providerId"),
    ({"config": {"base_url": "x"}}, errors.ProviderConfigViolatesSchema, "config.api_key"),
    ({"config": {**TRACER, "base_url": 1}}, errors.ProviderConfigViolatesSchema, "config.base_url"),
    ({"name": None}, errors.ProviderConfigurationNameMissing, "name"),
    ({"name": " "}, errors.ProviderConfigurationNameMissing, "name"),
    ({"name": "x" * 101}, errors.ProviderConfigurationNameTooLong, "name"),
    ({"config": None}, errors.ProviderConfigMissing, "config"),
    ({"config": {}}, errors.ProviderConfigMissing, "config"),
    ({"description": "x" * 501}, errors.ProviderConfigurationDescriptionTooLong, "description"),
]


@pytest.mark.parametrize(("values", "error", "field"), WRONG)
def test_what_breaks_a_rule_is_refused_and_the_field_named(
    world: World, values: dict[str, Any], error: type[errors.FlowkerError], field: str
) -> None:
    with pytest.raises(error) as raised:
        world.created(**values)
    assert list(raised.value.fields) == [field]
    assert list(world.use.list(PageQuery(10, "createdAt")).items) == []


def test_limits_count_characters_and_include_the_longest(world: World) -> None:
    created = world.created(name="é" * 100, description="é" * 500)
    assert (len(created.name), len(created.description or "")) == (100, 500)


def test_the_format_of_a_url_is_not_asserted(world: World) -> None:
    world.created(config={**TRACER, "base_url": "not a url"})


def test_all_fields_of_the_wrong_type_are_named_at_once(world: World) -> None:
    with pytest.raises(errors.InvalidBody) as raised:
        world.created(name=1, metadata="x")
    assert raised.value.fields == {"name": "must be a string", "metadata": "must be an object"}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"metadata": 1, "provider_id": "nope"}, errors.InvalidBody),
        ({"provider_id": "nope", "config": {"a": 1}, "name": ""}, errors.UnknownProvider),
        ({"config": {"a": 1}, "name": ""}, errors.ProviderConfigViolatesSchema),
        ({"name": "", "config": {}, "description": "x" * 501}, errors.ProviderConfigurationNameMissing),
        ({"config": {}, "description": "x" * 501}, errors.ProviderConfigMissing),
        ({"description": "x" * 501}, errors.ProviderConfigurationDescriptionTooLong),
        ({}, errors.ProviderConfigurationNameTaken),
    ],
)
def test_the_checks_have_an_order(
    world: World, values: dict[str, Any], error: type[errors.FlowkerError]
) -> None:
    world.created()
    with pytest.raises(error):
        world.created(**values)


def test_no_error_repeats_a_secret(world: World) -> None:
    with pytest.raises(errors.ProviderConfigViolatesSchema) as raised:
        world.created(config={"base_url": ["s3cr3t"], "api_key": {"a": "s3cr3t"}})
    assert "s3cr3t" not in f"{raised.value.message} {raised.value.fields}"


def test_a_patch_changes_what_is_sent_and_nothing_else(world: World) -> None:
    before = world.created(description="old", metadata={"a": 1, "b": 1})
    world.clock.advance(60)
    after = world.use.patch(
        before.id,
        {"name": "new", "metadata": {"b": 2, "c": 3}, "providerId": "http", "status": "x", "extra": 1},
    )
    assert after == before.model_copy(
        update={
            "name": "new",
            "metadata": {"a": 1, "b": 2, "c": 3},
            "updated_at": "2026-03-01T10:01:00.000Z",
            "version": 2,
        }
    )
    assert world.use.get(before.id) == after


def test_a_patched_config_is_a_replacement_in_which_the_mask_keeps_a_secret(world: World) -> None:
    before = world.created(config={**TRACER, "extra": 1})
    after = world.use.patch(before.id, {"config": {"base_url": "https://new.test", "api_key": MASK}})
    assert after.config == {"base_url": "https://new.test", "api_key": "s3cr3t"}
    assert world.use.get(before.id).config == after.config


def test_what_was_read_can_be_sent_back(world: World) -> None:
    before = world.created(
        name="http",
        provider_id="http",
        config={
            "base_url": "https://user:s3cr3t@http.test",
            "headers": {"Authorization": "s3cr3t"},
            "auth": {"type": "bearer", "config": {"token": "s3cr3t"}},
        },
    )
    shown = document(before)
    assert "s3cr3t" not in str(shown)
    assert world.use.patch(before.id, shown).config == before.config


def test_nulls_stay_and_an_empty_description_clears_it(world: World) -> None:
    before = world.created(description="old", metadata={"a": 1})
    nulls = dict.fromkeys(("name", "description", "config", "metadata"))
    unchanged = world.use.patch(before.id, nulls)
    assert (unchanged.name, unchanged.description, unchanged.config) == ("tracer", "old", TRACER)
    assert unchanged.metadata == {"a": 1}
    assert world.use.patch(before.id, {"description": ""}).description is None


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": 1}, errors.InvalidBody),
        ({"config": {**TRACER, "extra": {"token": MASK}}}, errors.InvalidBody),
        ({"config": {"base_url": "x"}}, errors.ProviderConfigViolatesSchema),
        ({"name": ""}, errors.ProviderConfigurationNameMissing),
        ({"name": "x" * 101}, errors.ProviderConfigurationNameTooLong),
        ({"config": {}}, errors.ProviderConfigMissing),
        ({"description": "x" * 501}, errors.ProviderConfigurationDescriptionTooLong),
        ({"name": "taken"}, errors.ProviderConfigurationNameTaken),
    ],
)
def test_a_patch_is_checked_like_a_new_configuration(
    world: World, changes: dict[str, Any], error: type[errors.FlowkerError]
) -> None:
    world.created(name="taken")
    before = world.created()
    with pytest.raises(error):
        world.use.patch(before.id, changes)
    assert world.use.get(before.id) == before


def test_disabling_and_enabling_take_turns(world: World) -> None:
    created = world.created()
    with pytest.raises(errors.ProviderConfigurationTransitionNotAllowed):
        world.use.enable(created.id)
    world.clock.advance(1)
    disabled = world.use.disable(created.id)
    assert (disabled.status, disabled.updated_at) == ("disabled", "2026-03-01T10:00:01.000Z")
    with pytest.raises(errors.ProviderConfigurationTransitionNotAllowed):
        world.use.disable(created.id)
    assert world.use.patch(created.id, {"name": "other"}).status == "disabled"
    assert world.use.enable(created.id).status == "active"
    assert world.use.get(created.id).version == 4


def test_a_deleted_configuration_is_gone_and_its_name_free(world: World) -> None:
    created = world.created()
    world.use.delete(created.id)
    with pytest.raises(errors.ProviderConfigurationNotFound):
        world.use.get(created.id)
    world.created()


def test_a_configuration_that_an_active_workflow_uses_cannot_be_deleted(world: World) -> None:
    created = world.created()
    node = Node(id="n", type=NodeKind.EXECUTOR, data={"executorId": "http", "providerConfigId": created.id})
    draft = Workflow(
        id="00000000-0000-4000-8000-00000000000f",
        name="w",
        status=WorkflowStatus.DRAFT,
        created_at=created.created_at,
        updated_at=created.updated_at,
        graph=Graph(nodes=(node,)),
    )
    active = draft.model_copy(update={"status": WorkflowStatus.ACTIVE, "version": 2})
    world.workflows.add(draft)
    world.workflows.replace(draft, active)
    with pytest.raises(errors.ProviderConfigurationTransitionNotAllowed):
        world.use.delete(created.id)
    world.workflows.replace(active, active.model_copy(update={"status": WorkflowStatus.INACTIVE}))
    world.use.delete(created.id)


def test_an_unknown_configuration_is_not_found(world: World) -> None:
    unknown = "00000000-0000-4000-8000-00000000dead"
    for action in (world.use.get, world.use.delete, world.use.disable, world.use.enable):
        with pytest.raises(errors.ProviderConfigurationNotFound):
            action(unknown)
    with pytest.raises(errors.ProviderConfigurationNotFound):
        world.use.patch(unknown, {})


def test_configurations_are_listed_by_page_and_filter(world: World) -> None:
    first = world.created(name="a")
    second = world.created(name="b")
    disabled = world.use.disable(second.id)
    page = world.use.list(PageQuery(1, "name", ascending=True))
    assert list(page.items) == [first]
    rest = world.use.list(PageQuery(1, "name", ascending=True, cursor=page.next_cursor))
    assert list(rest.items) == [disabled]
    found = world.use.list(
        PageQuery(10, "createdAt", where={"status": ["disabled"], "provider_id": ["tracer"]})
    )
    assert list(found.items) == [disabled]
