"""The catalog's templates: what they show, what they refuse, and the workflows they make (Flowker spec a.7, g.4)."""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.schedules import ItemScheduleStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.catalog.entries import Parameters, Template, document, text
from flowker.catalog.registry import CATALOG
from flowker.errors import (
    InvalidBody,
    InvalidProviderReference,
    InvalidTemplateParameters,
    ProviderMismatch,
    StoreUnavailable,
    TemplateFailed,
    TemplateNotFound,
    WorkflowNameMissing,
    WorkflowNameTaken,
)
from flowker.model.page import Page, PageQuery
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.usecases.activation import Activation
from flowker.usecases.references import References
from flowker.usecases.templates import Templates
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
)
from tests.integration.samples import configuration

ID = "tracer-midaz-validation"
TRACER = {"base_url": "https://tracer.example", "api_key": "hunter2"}
MIDAZ = {
    "onboarding_base_url": "https://onboarding.example",
    "transaction_base_url": "https://transaction.example",
    "organization_id": "o",
    "ledger_id": "l",
}


class World:
    """The catalog's templates over real stores, with a configuration of either provider."""

    def __init__(self) -> None:
        table, blobs, cipher = MemoryTable(), MemoryBlobs(), PlainCipher()
        self.configurations = ItemProviderConfigurationStore(table, blobs, cipher)
        self.templates = Templates(CATALOG.templates, self.configurations)
        store = ItemWorkflowStore(table, blobs, cipher)
        self.workflows = Workflows(
            store,
            References(self.configurations, ItemExecutorConfigurationStore(table, blobs, cipher)),
            Activation(store, ItemMachineRegistry(table), RecordingMachines(), ManualClock()),
            ManualClock(),
            CountingIds(),
            WorkflowTimers(ItemScheduleStore(table), RecordingTimer),
        )
        self.tracer = self.configured("tracer", TRACER)
        self.midaz = self.configured("midaz", MIDAZ)

    def configured(self, provider_id: str, config: Mapping[str, Any], **values: Any) -> str:
        added = configuration(provider_id=provider_id, config=config, **values)
        self.configurations.add(added)
        return added.id

    def params(self, **changes: Any) -> dict[str, Any]:
        given = {
            "workflowName": "Book what is allowed",
            "tracerProviderConfigId": self.tracer,
            "midazProviderConfigId": self.midaz,
        }
        return {name: value for name, value in (given | changes).items() if value is not None}

    def made(self, **changes: Any) -> dict[str, Any]:
        return self.templates.workflow({"templateId": ID, "params": self.params(**changes)})

    def choices(self) -> dict[str, Any]:
        """What the detail offers for each parameter."""
        schema = json.loads(self.templates.detail(ID)["paramSchema"])
        return {name: rule["oneOf"] for name, rule in schema["properties"].items() if "oneOf" in rule}


@pytest.fixture
def world() -> World:
    return World()


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_the_template_is_listed(world: World) -> None:
    (template,) = world.templates.list()
    summary = template.summary()
    assert {name: summary[name] for name in ("id", "name", "version", "category")} == {
        "id": ID,
        "name": "Tracer Validation + Midaz Transaction",
        "version": "v1",
        "category": "Compliance",
    }
    assert set(summary) == {"id", "name", "description", "version", "category"}
    assert set(world.templates.detail(ID)) == {*summary, "paramSchema"}


def test_the_parameters_are_those_of_the_spec() -> None:
    schema = CATALOG.templates[ID].schema
    assert schema["required"] == ["workflowName", "tracerProviderConfigId", "midazProviderConfigId"]
    assert schema["properties"] == {
        "workflowName": {"type": "string", "minLength": 1, "maxLength": 100},
        "workflowDescription": {"type": "string", "maxLength": 500},
        "tracerProviderConfigId": {"type": "string", "format": "uuid"},
        "midazProviderConfigId": {"type": "string", "format": "uuid"},
        "webhookPath": {"type": "string", "default": "/validate-and-transact"},
        "webhookMethod": {"type": "string", "enum": ["POST"], "default": "POST"},
    }


def test_an_unknown_template_is_not_found(world: World) -> None:
    for look_up in (
        lambda: world.templates.get("other"),
        lambda: world.templates.detail("other"),
        lambda: world.templates.check("other", {}),
        lambda: world.templates.workflow({"templateId": "other", "params": {}}),
    ):
        with pytest.raises(TemplateNotFound):
            look_up()


def test_the_detail_offers_the_active_configurations_of_the_right_provider_by_name(world: World) -> None:
    disabled = ProviderConfigurationStatus.DISABLED
    first = world.configured("tracer", TRACER, name="A tracer")
    world.configured("tracer", TRACER, name="B is off", status=disabled)
    world.configured("http", {"base_url": "https://x.example"}, name="C is none")
    own = world.configurations.get(world.tracer).name
    assert world.choices() == {
        "tracerProviderConfigId": [
            {"const": first, "title": "A tracer"},
            {"const": world.tracer, "title": own},
        ],
        "midazProviderConfigId": [
            {"const": world.midaz, "title": world.configurations.get(world.midaz).name}
        ],
    }


def test_where_there_is_nothing_to_choose_from_the_detail_says_so() -> None:
    empty = Templates(
        CATALOG.templates, ItemProviderConfigurationStore(MemoryTable(), MemoryBlobs(), PlainCipher())
    )
    properties = json.loads(empty.detail(ID)["paramSchema"])["properties"]
    assert properties["tracerProviderConfigId"]["oneOf"] == []
    assert properties["midazProviderConfigId"]["oneOf"] == []


def test_all_configurations_are_offered_however_many(world: World) -> None:
    for number in range(230):
        world.configured("tracer", TRACER, name=f"{number:03d}")
    titles = [choice["title"] for choice in world.choices()["tracerProviderConfigId"]]
    assert titles[:230] == [f"{number:03d}" for number in range(230)]
    assert len(titles) == 231


def test_the_choices_do_not_change_the_template_itself(world: World) -> None:
    before = json.dumps(CATALOG.templates[ID].schema)
    world.templates.detail(ID)
    assert json.dumps(CATALOG.templates[ID].schema) == before
    world.templates.check(ID, world.params(tracerProviderConfigId=str(uuid4())))  # not one of the choices


class NoConfigurations(ItemProviderConfigurationStore):
    """A store that is down."""

    def list(self, query: PageQuery) -> Page[ProviderConfiguration]:
        raise StoreUnavailable("throttled")


def test_while_configurations_cannot_be_looked_up_the_schema_is_shown_without_choices() -> None:
    down = Templates(CATALOG.templates, NoConfigurations(MemoryTable(), MemoryBlobs(), PlainCipher()))
    assert down.detail(ID) == CATALOG.templates[ID].detail()
    assert json.loads(down.detail(ID)["paramSchema"]) == CATALOG.templates[ID].schema


# --- parameters ------------------------------------------------------------------------------------------------------


def test_parameters_that_satisfy_the_schema_are_valid(world: World) -> None:
    world.templates.check(ID, world.params())
    world.templates.check(ID, world.params(webhookMethod="POST", webhookPath="/x", workflowDescription=""))
    world.templates.check(ID, world.params(more="is ignored"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"workflowName": None}, "workflowName"),
        ({"workflowName": ""}, "workflowName"),
        ({"workflowName": "x" * 101}, "workflowName"),
        ({"workflowDescription": "x" * 501}, "workflowDescription"),
        ({"tracerProviderConfigId": None}, "tracerProviderConfigId"),
        ({"tracerProviderConfigId": "no uuid"}, "tracerProviderConfigId"),
        ({"midazProviderConfigId": 7}, "midazProviderConfigId"),
        ({"webhookPath": 7}, "webhookPath"),
        ({"webhookMethod": "GET"}, "webhookMethod"),
    ],
)
def test_a_violation_names_its_parameter(world: World, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTemplateParameters) as refusal:
        world.templates.check(ID, world.params(**changes))
    assert list(refusal.value.fields) == [f"params.{field}"]
    with pytest.raises(InvalidTemplateParameters):
        world.made(**changes)


@pytest.mark.parametrize("params", [None, [], "x", 1, True])
def test_parameters_must_be_an_object(world: World, params: Any) -> None:
    with pytest.raises(InvalidBody) as refusal:
        world.templates.check(ID, params)
    assert list(refusal.value.fields) == ["params"]


@pytest.mark.parametrize("template_id", [None, "", 7, [ID]])
def test_a_request_must_name_its_template(world: World, template_id: Any) -> None:
    with pytest.raises(InvalidBody) as refusal:
        world.templates.workflow({"templateId": template_id, "params": world.params()})
    assert list(refusal.value.fields) == ["templateId"]


# --- the workflow ----------------------------------------------------------------------------------------------------


def test_the_workflow_is_the_one_of_the_spec(world: World) -> None:
    made = world.made()
    assert {name: made[name] for name in made if name not in ("nodes", "edges")} == {
        "name": "Book what is allowed",
        "metadata": {"templateId": ID, "templateVersion": "v1"},
    }
    assert [
        (node["id"], node["type"], node["name"], node["position"]["x"], node["position"]["y"])
        for node in made["nodes"]
    ] == [
        ("webhook-trigger", "trigger", "Webhook Trigger", 250, 0),
        ("tracer-validate", "executor", "Tracer Validate Transaction", 250, 150),
        ("decision-check", "conditional", "Decision Check", 250, 300),
        ("midaz-create-tx", "executor", "Midaz Create Transaction", 100, 450),
    ]
    webhook, validate, decision, book = (node["data"] for node in made["nodes"])
    assert webhook == {"triggerType": "webhook", "path": "/validate-and-transact", "method": "POST"}
    names = ["requestId", "transactionType", "amount", "currency", "transactionTimestamp", "account"]
    assert validate == {
        "executorId": "tracer.validate-transaction",
        "providerConfigId": world.tracer,
        "method": "POST",
        "path": "/v1/validations",
        "inputMapping": [{"source": f"workflow.{name}", "target": name} for name in names],
    }
    assert decision == {"condition": 'tracer-validate.body.decision == "ALLOW"'}
    assert book == {
        "executorId": "midaz.create-transaction",
        "providerConfigId": world.midaz,
        "inputMapping": [
            {"source": "workflow.transaction", "target": "send"},
            {"source": "workflow.transactionDescription", "target": "description"},
        ],
    }
    assert made["edges"] == [
        {"id": "webhook-to-tracer", "source": "webhook-trigger", "target": "tracer-validate"},
        {"id": "tracer-to-decision", "source": "tracer-validate", "target": "decision-check"},
        {
            "id": "decision-to-midaz",
            "source": "decision-check",
            "target": "midaz-create-tx",
            "sourceHandle": "true",
            "label": "Approved",
        },
    ]


def test_given_parameters_win_over_the_defaults(world: World) -> None:
    made = world.made(webhookPath="/mine", workflowDescription="Why")
    assert made["nodes"][0]["data"]["path"] == "/mine"
    assert made["description"] == "Why"


def test_what_is_made_can_be_created_and_activated(world: World) -> None:
    created = world.workflows.create(world.made())
    assert created.metadata == {"templateId": ID, "templateVersion": "v1"}
    assert world.workflows.activate(created.id).launch is not None


def test_creating_it_is_refused_as_any_workflow_is(world: World) -> None:
    disabled = world.configured("tracer", TRACER, status=ProviderConfigurationStatus.DISABLED)
    for changes, refusal in (
        ({"workflowName": "  "}, WorkflowNameMissing),
        ({"tracerProviderConfigId": str(uuid4())}, InvalidProviderReference),
        ({"tracerProviderConfigId": disabled}, InvalidProviderReference),
        ({"midazProviderConfigId": world.tracer}, ProviderMismatch),
    ):
        with pytest.raises(refusal):
            world.workflows.create(world.made(**changes))
    world.workflows.create(world.made())
    with pytest.raises(WorkflowNameTaken):
        world.workflows.create(world.made())


# --- templates of other makers ---------------------------------------------------------------------------------------


def of(build: Any) -> Templates:
    """A catalog with one template, over no configurations."""
    template = Template(
        id="mine",
        name="Mine",
        category="Test",
        description="Mine.",
        schema=document({"name": text(), "size": {"type": "integer", "default": 3}}),
        build=build,
    )
    store = ItemProviderConfigurationStore(MemoryTable(), MemoryBlobs(), PlainCipher())
    return Templates({"mine": template}, store)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the use case logs, also where the functions' logger keeps its records to itself."""
    logger = logging.getLogger("flowker.usecases.templates")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_a_template_that_fails_is_our_failure(log: pytest.LogCaptureFixture) -> None:
    def build(given: Parameters) -> dict[str, Any]:
        return {"name": given["missing"]}

    with pytest.raises(TemplateFailed) as failure:
        of(build).workflow({"templateId": "mine", "params": {"name": "secret"}})
    assert failure.value.code == "FLK-0243"
    assert "secret" not in failure.value.message
    assert "template mine failed" in log.text


def test_a_template_sees_defaults_and_may_add_metadata_of_its_own() -> None:
    def build(given: Parameters) -> dict[str, Any]:
        return {"name": "x", "metadata": {"size": given["size"], "templateId": "forged"}}

    made = of(build).workflow({"templateId": "mine", "params": {}})
    assert made["metadata"] == {"size": 3, "templateId": "mine", "templateVersion": "v1"}


def test_a_template_without_configurations_is_shown_as_it_is() -> None:
    shown = of(lambda given: {}).detail("mine")
    assert set(json.loads(shown["paramSchema"])["properties"]) == {"name", "size"}
