"""The life of an executor configuration: rules, secrets, and what each status allows (Flowker spec a.5, b, c.2)."""

from collections.abc import Callable
from typing import Any

import pytest

from flowker import errors
from flowker.adapters.items import Query
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.outbox import notice_of
from flowker.model.audit import AuditEvent
from flowker.model.executor_configuration import (
    ExecutorConfiguration,
    ExecutorConfigurationStatus,
    ExecutorEndpoint,
)
from flowker.model.masking import MASK
from flowker.model.page import PageQuery
from flowker.usecases.executor_configurations import ExecutorConfigurations
from flowker.usecases.executor_documents import document
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher

Body = dict[str, Any]

ENDPOINT = {"name": "score", "path": "/v1/score", "method": "POST", "timeout": 10}
AUTHENTICATION = {"type": "api_key", "config": {"key": "s3cr3t", "header": "X-Api"}}
WHOLE: Body = {
    "name": "scores",
    "baseUrl": "https://scores.test",
    "endpoints": [ENDPOINT],
    "authentication": AUTHENTICATION,
}
STATUSES = list(ExecutorConfigurationStatus)


class World:
    """The use case over the real store, with a clock that the test moves."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.clock = ManualClock()
        self.store = ItemExecutorConfigurationStore(self.table, MemoryBlobs(), PlainCipher())
        self.use = ExecutorConfigurations(self.store, self.clock, CountingIds())

    def created(self, **values: Any) -> ExecutorConfiguration:
        return self.use.create(WHOLE | values)

    def in_status(self, status: ExecutorConfigurationStatus, name: str = "some") -> ExecutorConfiguration:
        before = self.created(name=name)
        after = before.model_copy(update={"status": status})
        self.store.replace(before, after)
        return self.store.get(before.id)

    @property
    def events(self) -> list[AuditEvent]:
        """All that was announced, oldest first."""
        found = [
            notice_of(stored)
            for shard in range(8)
            for stored in self.table.query(Query("executions", f"OUTBOX#{shard}"))
        ]
        return sorted((event for notice in found for event in notice.events), key=lambda event: event.id)


@pytest.fixture
def world() -> World:
    return World()


def test_a_whole_one_is_created_configured(world: World) -> None:
    created = world.created(description="the real one", metadata={"team": "risk"}, unknown="ignored")
    assert created == ExecutorConfiguration(
        id="00000000-0000-4000-8000-000000000001",
        name="scores",
        description="the real one",
        base_url="https://scores.test",
        endpoints=(ExecutorEndpoint(name="score", path="/v1/score", method="POST", timeout=10),),
        authentication=AUTHENTICATION,
        metadata={"team": "risk"},
        status=ExecutorConfigurationStatus.CONFIGURED,
        created_at="2026-03-01T10:00:00.000Z",
        updated_at="2026-03-01T10:00:00.000Z",
    )
    assert world.use.get(created.id) == created


def test_a_name_alone_makes_an_unconfigured_one(world: World) -> None:
    created = world.use.create({"name": "later", "description": "d", "metadata": {"a": 1}, "baseUrl": None})
    assert document(created) == {
        "id": created.id,
        "name": "later",
        "description": "d",
        "baseUrl": "",
        "endpoints": [],
        "authentication": {"type": "none"},
        "status": "unconfigured",
        "metadata": {"a": 1},
        "createdAt": "2026-03-01T10:00:00.000Z",
        "updatedAt": "2026-03-01T10:00:00.000Z",
    }


def test_it_is_shown_without_secrets_and_without_absent_fields(world: World) -> None:
    assert document(world.created(baseUrl="https://scores.test/?api_key=s3cr3t&page=1")) == {
        "id": "00000000-0000-4000-8000-000000000001",
        "name": "scores",
        "baseUrl": f"https://scores.test/?api_key={MASK}&page=1",
        "endpoints": [ENDPOINT],
        "authentication": {"type": "api_key", "config": {"key": MASK, "header": "X-Api"}},
        "status": "configured",
        "createdAt": "2026-03-01T10:00:00.000Z",
        "updatedAt": "2026-03-01T10:00:00.000Z",
    }


def test_methods_are_stored_upper_case_and_a_trailing_slash_is_trimmed(world: World) -> None:
    created = world.created(
        baseUrl="HTTPS://scores.test:8443/v2//",
        endpoints=[{"name": "a", "path": "a", "method": "gEt"}, {**ENDPOINT, "timeout": None}],
    )
    assert created.base_url == "HTTPS://scores.test:8443/v2/"
    assert [(each.method, each.timeout) for each in created.endpoints] == [("GET", 30), ("POST", 30)]


# --- rules ----------------------------------------------------------------------------------------------------------


def endpoint(**changes: Any) -> Body:
    return {"endpoints": [{**ENDPOINT, **changes}]}


def authentication(**changes: Any) -> Body:
    return {"authentication": {**AUTHENTICATION, **changes}}


WRONG: list[tuple[Body, type[errors.FlowkerError], str]] = [
    ({"name": 1}, errors.InvalidBody, "name"),
    ({"description": []}, errors.InvalidBody, "description"),
    ({"baseUrl": 1}, errors.InvalidBody, "baseUrl"),
    ({"endpoints": {}}, errors.InvalidBody, "endpoints"),
    ({"endpoints": ["x"]}, errors.InvalidBody, "endpoints[0]"),
    ({"authentication": "none"}, errors.InvalidBody, "authentication"),
    ({"metadata": [1]}, errors.InvalidBody, "metadata"),
    (authentication(config=[]), errors.InvalidBody, "authentication.config"),
    (authentication(config={"key": MASK}), errors.InvalidBody, "authentication.config.key"),
    ({"baseUrl": f"https://a.test/?api_key={MASK}"}, errors.InvalidBody, "baseUrl"),
    (endpoint(name=1), errors.InvalidBody, "endpoints[0].name"),
    (endpoint(path=1), errors.InvalidBody, "endpoints[0].path"),
    (endpoint(method=1), errors.InvalidBody, "endpoints[0].method"),
    (endpoint(timeout="1"), errors.InvalidBody, "endpoints[0].timeout"),
    (endpoint(timeout=True), errors.InvalidBody, "endpoints[0].timeout"),
    (endpoint(timeout=0), errors.InvalidBody, "endpoints[0].timeout"),
    (endpoint(timeout=301), errors.InvalidBody, "endpoints[0].timeout"),
    (endpoint(name="x" * 51), errors.InvalidBody, "endpoints[0].name"),
    (endpoint(path="x" * 201), errors.InvalidBody, "endpoints[0].path"),
    ({"endpoints": [ENDPOINT, ENDPOINT]}, errors.InvalidBody, "endpoints[1].name"),
    ({"name": None}, errors.ExecutorConfigurationNameMissing, "name"),
    ({"name": " "}, errors.ExecutorConfigurationNameMissing, "name"),
    ({"name": "x" * 101}, errors.ExecutorConfigurationNameTooLong, "name"),
    ({"baseUrl": None}, errors.BaseUrlMissing, "baseUrl"),
    ({"baseUrl": " "}, errors.BaseUrlMissing, "baseUrl"),
    *(
        ({"baseUrl": url}, errors.InvalidBaseUrl, "baseUrl")
        for url in (
            "scores.test", "/v1", "//scores.test", "ftp://scores.test", "https://", "https:///path", "https://:443",
            "https://a.test:99999", "https://a.test:0", "https://[::1", "https://user:pw@a.test", "https://a .test",
            "https://a.test/\n",
        )
    ),
    ({"baseUrl": f"https://a.test/{'x' * 486}"}, errors.BaseUrlTooLong, "baseUrl"),
    ({"endpoints": None}, errors.EndpointsMissing, "endpoints"),
    ({"endpoints": []}, errors.EndpointsMissing, "endpoints"),
    ({"authentication": None}, errors.AuthenticationMissing, "authentication"),
    ({"description": "x" * 501}, errors.ExecutorConfigurationDescriptionTooLong, "description"),
    ({"authentication": {}}, errors.AuthenticationTypeMissing, "authentication.type"),
    (authentication(type=" "), errors.AuthenticationTypeMissing, "authentication.type"),
    (authentication(type="digest"), errors.InvalidAuthenticationType, "authentication.type"),
    (authentication(type="aws_sigv4"), errors.InvalidAuthenticationType, "authentication.type"),
    (authentication(type=1), errors.InvalidAuthenticationType, "authentication.type"),
    (endpoint(name=None), errors.EndpointNameMissing, "endpoints[0].name"),
    (endpoint(name=""), errors.EndpointNameMissing, "endpoints[0].name"),
    (endpoint(path=None), errors.EndpointPathMissing, "endpoints[0].path"),
    (endpoint(method=None), errors.EndpointMethodMissing, "endpoints[0].method"),
    (endpoint(method="TRACE"), errors.InvalidEndpointMethod, "endpoints[0].method"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "error", "field"), WRONG)
def test_what_breaks_a_rule_is_refused_and_the_field_named(
    world: World, values: Body, error: type[errors.FlowkerError], field: str
) -> None:
    with pytest.raises(error) as raised:
        world.created(**values)
    assert list(raised.value.fields) == [field]
    assert list(world.use.list(PageQuery(10, "createdAt")).items) == []


@pytest.mark.parametrize(("values", "error", "field"), WRONG)
def test_a_patch_is_held_to_the_same_rules(
    world: World, values: Body, error: type[errors.FlowkerError], field: str
) -> None:
    before = world.use.create({"name": "later"})
    with pytest.raises(error) as raised:
        world.use.patch(before.id, WHOLE | values)
    assert list(raised.value.fields) == [field]
    assert world.use.get(before.id) == before


def test_every_code_of_a_field_is_among_them() -> None:
    assert {error.code for _, error, _ in WRONG} == {
        "FLK-0001", *(f"FLK-{number:04}" for number in range(260, 274)),
    }  # fmt: skip


@pytest.mark.parametrize(
    "values", [{"name": None}, {"name": "x" * 101}, {"description": "x" * 501}, {"name": 1}]
)
def test_an_unconfigured_one_is_held_to_the_rules_of_what_it_has(world: World, values: Body) -> None:
    with pytest.raises(errors.BadRequest) as raised:
        world.use.create({"name": "later"} | values)
    assert list(raised.value.fields) == list(values)


def test_limits_count_characters_and_include_the_longest(world: World) -> None:
    created = world.created(
        name="é" * 100,
        description="é" * 500,
        baseUrl=f"https://a.test/{'x' * 485}",
        endpoints=[{"name": "n" * 50, "path": "p" * 200, "method": "HEAD", "timeout": 300}],
    )
    assert len(created.base_url) == 500


def test_all_that_is_wrong_is_named_and_the_lowest_code_given(world: World) -> None:
    with pytest.raises(errors.BaseUrlMissing) as raised:
        world.use.create({"name": "x", "endpoints": [{}], "authentication": {}, "description": "x" * 501})
    assert raised.value.fields == {
        "baseUrl": "is required",
        "description": "must have at most 500 characters",
        "authentication.type": "is required",
        "endpoints[0].name": "is required",
        "endpoints[0].path": "is required",
        "endpoints[0].method": "is required",
    }


def test_no_error_repeats_a_secret(world: World) -> None:
    with pytest.raises(errors.InvalidBaseUrl) as raised:
        world.created(baseUrl="https://user:s3cr3t@a.test", **authentication(type="s3cr3t"))
    assert "s3cr3t" not in f"{raised.value.message} {raised.value.fields}"


# --- patch ----------------------------------------------------------------------------------------------------------


def test_a_patch_replaces_everything_but_the_metadata(world: World) -> None:
    before = world.created(description="old", metadata={"a": 1, "b": 1})
    world.clock.advance(60)
    after = world.use.patch(
        before.id,
        {
            "name": "new",
            "baseUrl": "http://new.test/",
            "endpoints": [{"name": "ping", "path": "/ping", "method": "get"}],
            "authentication": {"type": "none"},
            "metadata": {"b": 2, "c": 3},
            "status": "active",
        },
    )
    assert after == before.model_copy(
        update={
            "name": "new",
            "description": None,
            "base_url": "http://new.test",
            "endpoints": (ExecutorEndpoint(name="ping", path="/ping", method="GET", timeout=30),),
            "authentication": {"type": "none"},
            "metadata": {"a": 1, "b": 2, "c": 3},
            "updated_at": "2026-03-01T10:01:00.000Z",
            "version": 2,
        }
    )
    assert world.use.get(before.id) == after


def test_a_patch_configures_what_is_unconfigured_and_leaves_what_is_configured(world: World) -> None:
    before = world.use.create({"name": "later"})
    assert world.use.patch(before.id, WHOLE).status == "configured"
    assert world.use.patch(before.id, WHOLE).status == "configured"


def test_what_was_read_can_be_sent_back(world: World) -> None:
    before = world.created(
        baseUrl="https://scores.test/?token=s3cr3t",
        authentication={"type": "oidc_user", "config": {"clientSecret": "s3cr3t", "password": "s3cr3t"}},
    )
    shown = document(before)
    assert "s3cr3t" not in str(shown)
    after = world.use.patch(before.id, shown)
    assert (after.base_url, after.authentication) == (before.base_url, before.authentication)


def test_a_name_is_unique(world: World) -> None:
    world.created()
    other = world.created(name="other")
    with pytest.raises(errors.ExecutorConfigurationNameTaken):
        world.created()
    with pytest.raises(errors.ExecutorConfigurationNameTaken):
        world.use.patch(other.id, WHOLE)


# --- life -----------------------------------------------------------------------------------------------------------

Verb = Callable[[ExecutorConfigurations, str], object]

VERBS: dict[str, Verb] = {
    "patch": lambda use, found: use.patch(found, WHOLE),
    "delete": lambda use, found: use.delete(found),
    "configure": lambda use, found: use.configure(found, WHOLE),
    "test": lambda use, found: use.tested(use.to_test(found)),
    "activate": lambda use, found: use.activate(found),
    "disable": lambda use, found: use.disable(found),
    "enable": lambda use, found: use.enable(found),
}
LIFE = {
    ("unconfigured", "patch"): "configured",
    ("unconfigured", "delete"): None,
    ("unconfigured", "configure"): "configured",
    ("configured", "patch"): "configured",
    ("configured", "delete"): None,
    ("configured", "test"): "tested",
    ("tested", "activate"): "active",
    ("active", "disable"): "disabled",
    ("disabled", "delete"): None,
    ("disabled", "enable"): "active",
}
"""What follows; everything else is refused."""


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", STATUSES)
def test_each_status_allows_what_the_table_says(
    world: World, status: ExecutorConfigurationStatus, verb: str
) -> None:
    before = world.in_status(status)
    if (status.value, verb) not in LIFE:
        with pytest.raises(errors.ExecutorConfigurationTransitionNotAllowed, match=status):
            VERBS[verb](world.use, before.id)
        assert world.use.get(before.id) == before
        return
    VERBS[verb](world.use, before.id)
    expected = LIFE[status.value, verb]
    if expected is None:
        with pytest.raises(errors.ExecutorConfigurationNotFound):
            world.use.get(before.id)
    else:
        after = world.use.get(before.id)
        assert (after.status, after.version) == (expected, before.version + 1)
        assert (after.last_tested_at is not None) is (verb == "test")


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_can_be_done_to_what_does_not_exist(world: World, verb: str) -> None:
    with pytest.raises(errors.ExecutorConfigurationNotFound):
        VERBS[verb](world.use, "00000000-0000-4000-8000-00000000ffff")


def test_the_status_is_judged_before_the_body(world: World) -> None:
    before = world.in_status(ExecutorConfigurationStatus.ACTIVE)
    with pytest.raises(errors.ExecutorConfigurationTransitionNotAllowed):
        world.use.patch(before.id, {})


def test_configuring_takes_what_is_missing_and_keeps_the_rest(world: World) -> None:
    before = world.use.create({"name": "later", "description": "d", "metadata": {"a": 1}})
    with pytest.raises(errors.BaseUrlMissing):
        world.use.configure(before.id, {})
    sent = {name: WHOLE[name] for name in ("baseUrl", "endpoints", "authentication")}
    after = world.use.configure(before.id, sent)
    assert (after.name, after.description, after.metadata) == ("later", "d", {"a": 1})
    assert (after.status, after.base_url) == ("configured", "https://scores.test")


def test_a_slower_change_is_refused(world: World) -> None:
    before = world.created()
    seen = world.use.to_test(before.id)
    world.use.patch(before.id, WHOLE)
    with pytest.raises(errors.ChangedConcurrently):
        world.use.tested(seen)


def test_every_change_is_announced_by_name_and_status(world: World) -> None:
    made = world.use.create({"name": "later"}).id
    world.use.patch(made, WHOLE | {"name": "scores"})
    world.use.tested(world.use.to_test(made), overallStatus="passed")
    world.use.activate(made)
    world.use.disable(made)
    world.use.delete(made)
    assert [(event.type.value, event.metadata["status"]) for event in world.events] == [
        ("EXECUTOR_CONFIG_CREATED", "unconfigured"),
        ("EXECUTOR_CONFIG_UPDATED", "configured"),
        ("EXECUTOR_CONFIG_TESTED", "tested"),
        ("EXECUTOR_CONFIG_UPDATED", "active"),
        ("EXECUTOR_CONFIG_UPDATED", "disabled"),
        ("EXECUTOR_CONFIG_DELETED", "disabled"),
    ]
    assert {event.resource_id for event in world.events} == {made}
    assert [event.metadata["executor_config.name"] for event in world.events] == ["later"] + ["scores"] * 5
    assert world.events[2].metadata["overallStatus"] == "passed"
