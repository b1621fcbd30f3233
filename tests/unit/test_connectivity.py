"""Testing a connection: which stages pass, fail and are skipped, and what is told about them (Flowker spec a.6, c.3)."""

from collections.abc import Callable
from typing import Any

import pytest

from flowker import errors
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfigurationStatus
from flowker.ports import AuditFilter
from flowker.usecases.connection_tests import ConnectionTests
from flowker.usecases.executor_configurations import ExecutorConfigurations
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher, ScriptedHttp
from tests.integration.samples import configuration

Document = dict[str, Any]

TRACER: Document = {"base_url": "https://tracer.test/v1", "api_key": "s3cr3t"}
LEDGER: Document = {
    "onboarding_base_url": "https://onboarding.test",
    "transaction_base_url": "https://transaction.test",
    "organization_id": "o",
    "ledger_id": "l",
}
BUCKET: Document = {
    "region": "eu-west-1",
    "bucket": "ledger",
    "access_key_id": "AKIA",
    "secret_access_key": "s3cr3t",
}
EXECUTOR: Document = {
    "name": "scores",
    "baseUrl": "https://scores.test/api",
    "endpoints": [
        {"name": "score", "path": "/score", "method": "POST"},
        {"name": "ping", "path": "ping", "method": "HEAD", "timeout": 3},
    ],
    "authentication": {"type": "bearer", "config": {"token": "s3cr3t"}},
}
BY_KEY = {"type": "api_key", "config": {"key": "s3cr3t"}}


class World:
    """The use case over real stores; providers answer by script."""

    def __init__(self, *script: Any) -> None:
        table, blobs, cipher = MemoryTable(), MemoryBlobs(), PlainCipher()
        self.clock, ids = ManualClock(), CountingIds()
        self.http = ScriptedHttp(*script)
        self.providers = ItemProviderConfigurationStore(table, blobs, cipher)
        executors = ItemExecutorConfigurationStore(table, blobs, cipher)
        self.executors = ExecutorConfigurations(executors, self.clock, ids)
        self.chain = ItemAuditChain(table)
        self.tests = ConnectionTests(self.providers, self.executors, self.http, self.chain, self.clock, ids)

    def provider(self, config: Document, provider_id: str = "http", **values: Any) -> Document:
        """The result of testing a configuration with this config."""
        self.tested = configuration(provider_id=provider_id, config=config, **values)
        self.providers.add(self.tested)
        return self.tests.provider(self.tested.id)

    def executor(self, **changes: Any) -> Document:
        self.executor_id = self.executors.create(EXECUTOR | changes).id
        return self.tests.executor(self.executor_id)

    @property
    def audited(self) -> list[tuple[str, Json]]:
        """What the audit trail says: event types and metadata."""
        self.chain.append_pending()
        entries, _ = self.chain.search(AuditFilter(), after=None, ascending=True, limit=10)
        return [(entry.event.type.value, dict(entry.event.metadata)) for entry in entries]

    def identities(self) -> list[tuple[Any, dict[str, str]]]:
        return [(request.auth, dict(request.headers)) for request in self.http.sent]


def statuses(result: Document) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in result["stages"]}


def stage(result: Document, name: str) -> Document:
    found: Document = next(stage for stage in result["stages"] if stage["name"] == name)
    return found


# --- provider configurations ------------------------------------------------------------------------------------------


def test_the_result_says_what_each_stage_found() -> None:
    world: World = World(lambda: world.clock.advance(0.25))
    result = world.provider(TRACER, "tracer")
    assert result == {
        "providerConfigId": world.tested.id,
        "providerId": "tracer",
        "overallStatus": "passed",
        "durationMs": 750,
        "stages": [
            {
                "name": "connectivity",
                "status": "passed",
                "durationMs": 250,
                "message": "the server answered with status 200",
                "details": {"statusCode": 200, "responseTimeMs": 250, "url": "https://tracer.test/v1"},
            },
            {
                "name": "authentication",
                "status": "passed",
                "durationMs": 250,
                "message": "the credentials were not refused: status 200",
                "details": {
                    "statusCode": 200,
                    "responseTimeMs": 250,
                    "url": "https://tracer.test/v1",
                    "authenticationType": "api_key",
                    "hasApiKey": True,
                    "headerCount": 0,
                },
            },
            {
                "name": "end_to_end",
                "status": "passed",
                "durationMs": 250,
                "message": "the call was answered with status 200",
                "details": {
                    "statusCode": 200,
                    "responseTimeMs": 250,
                    "url": "https://tracer.test/v1",
                    "responseBodyLen": 12,
                    "contentType": "application/json",
                },
            },
        ],
        "summary": "3 passed, 0 failed, 0 skipped",
        "startedAt": "2026-03-01T10:00:00.000Z",
        "completedAt": "2026-03-01T10:00:00.750Z",
    }


def test_each_stage_is_one_get_and_only_the_first_is_anonymous() -> None:
    world = World(200)
    world.provider({"base_url": "https://p.test/x", "headers": {"X-Team": "risk"}, "auth": BY_KEY})
    assert [(request.method, request.url, request.body) for request in world.http.sent] == [
        ("GET", "https://p.test/x", None)
    ] * 3
    assert world.identities() == [(None, {}), (BY_KEY, {"X-Team": "risk"}), (BY_KEY, {"X-Team": "risk"})]


OIDC = {"issuer_url": "https://i.test", "client_id": "c", "client_secret": "s3cr3t"}


@pytest.mark.parametrize(
    ("provider_id", "config", "url", "auth"),
    [
        ("tracer", TRACER, "https://tracer.test/v1", BY_KEY),
        ("http", {"base_url": "http://p.test", "auth_type": "bearer", "bearer_token": "t"}, "http://p.test",
         {"type": "bearer", "config": {"token": "t"}}),
        ("midaz", {**LEDGER, "auth": OIDC}, "https://onboarding.test",
         {"type": "oidc_client_credentials", "config": OIDC}),
        ("midaz", {**LEDGER, "onboarding_base_url": "", "auth": OIDC}, "https://transaction.test",
         {"type": "oidc_client_credentials", "config": OIDC}),
        ("s3", BUCKET, "https://ledger.s3.eu-west-1.amazonaws.com/",
         {"type": "aws_sigv4", "config": {"service": "s3", "region": "eu-west-1", "access_key_id": "AKIA",
                                          "secret_access_key": "s3cr3t"}}),
        ("s3", {**BUCKET, "endpoint_url": "http://minio.test:9000/"}, "http://minio.test:9000/ledger/", ...),
    ],
)  # fmt: skip
def test_a_provider_is_asked_where_and_as_its_runner_would(
    provider_id: str, config: Document, url: str, auth: Any
) -> None:
    world = World(200)
    assert world.provider(config, provider_id)["overallStatus"] == "passed"
    assert {request.url for request in world.http.sent} == {url}
    assert world.http.sent[0].auth is None
    if auth is not ...:
        assert [request.auth for request in world.http.sent[1:]] == [auth, auth]


@pytest.mark.parametrize("config", [{}, {"auth_type": "none"}, {"auth": {"type": "none"}}, {"headers": {}}])
def test_without_credentials_there_is_nothing_to_authenticate(config: Document) -> None:
    result = World(200).provider({"base_url": "https://p.test", **config})
    assert statuses(result) == {"connectivity": "passed", "authentication": "skipped", "end_to_end": "passed"}
    assert (result["overallStatus"], result["summary"]) == ("passed", "2 passed, 0 failed, 1 skipped")
    assert stage(result, "authentication")["message"] == "there are no credentials to try"


P, F, S = "passed", "failed", "skipped"


@pytest.mark.parametrize(
    ("script", "stages", "overall"),
    [
        ([200], [P, P, P], P),
        ([204, 404, 204], [P, P, P], P),
        ([404, 302, 201], [P, P, P], P),
        ([499, 200, 200], [P, P, P], P),
        ([500], [F, S, S], F),
        ([503], [F, S, S], F),
        ([CallFailedForNow("request failed: timed out after 10 s")], [F, S, S], F),
        ([CallFailed("destination blocked: it")], [F, S, S], F),
        ([200, 401], [P, F, S], "partial"),
        ([401, 403], [P, F, S], "partial"),
        ([200, 500], [P, F, S], "partial"),
        ([200, CallFailed("failed to create auth provider: key is required")], [P, F, S], "partial"),
        ([200, 200, 404], [P, P, F], "partial"),
        ([200, 200, 302], [P, P, F], "partial"),
        ([404, 404, 404], [P, P, F], "partial"),
        ([200, 200, CallFailed("response too large: more than 1048576 bytes")], [P, P, F], "partial"),
    ],
)
def test_statuses_decide_and_a_failure_skips_the_rest(
    script: list[Any], stages: list[str], overall: str
) -> None:
    world = World(*script)
    result = world.provider(TRACER, "tracer")
    assert list(statuses(result).values()) == stages
    assert result["overallStatus"] == overall
    assert len(world.http.sent) == 3 - stages.count(S)
    for each in result["stages"]:
        assert ("error" in each) is (each["status"] == F)
        assert ("details" in each) is (each["status"] != S)
    failed = [each["name"] for each in result["stages"] if each["status"] == F]
    skipped = {each["message"] for each in result["stages"] if each["status"] == S}
    assert skipped == ({f"skipped because {failed[0]} failed"} if S in stages else set())


@pytest.mark.parametrize(
    ("script", "name", "code", "error"),
    [
        ([502], "connectivity", "FLK-0280", "the server answered with status 502"),
        ([CallFailedForNow("request failed: no route")], "connectivity", "FLK-0280", "request failed: no route"),
        ([200, 403], "authentication", "FLK-0281", "the credentials were refused with status 403"),
        ([200, 200, 418], "end_to_end", "FLK-0283", "the call was answered with status 418"),
    ],
)  # fmt: skip
def test_a_failed_stage_has_its_reason_and_a_code(
    script: list[Any], name: str, code: str, error: str
) -> None:
    found = stage(World(*script).provider(TRACER, "tracer"), name)
    assert (found["error"], found["details"]["code"]) == (error, code)


def test_authentication_that_cannot_be_made_is_a_failure_of_that_stage() -> None:
    auth = {"type": "aws_sigv4", "config": {"secret_access_key": "s3cr3t"}}
    result = World(200).provider({"base_url": "https://p.test", "auth": auth})
    assert statuses(result) == {"connectivity": P, "authentication": F, "end_to_end": S}
    assert stage(result, "authentication")["error"].startswith("failed to create auth provider: ")


def test_a_stage_has_ten_seconds_and_all_of_them_have_twenty_five() -> None:
    world: World = World(lambda: world.clock.advance(10))
    result = world.provider(TRACER, "tracer")
    assert [request.timeout for request in world.http.sent] == [10, 10, 5]
    assert result["overallStatus"] == "passed"


def test_a_stage_for_which_no_time_is_left_fails() -> None:
    world: World = World(lambda: world.clock.advance(10), lambda: world.clock.advance(20))
    result = world.provider(TRACER, "tracer")
    assert [request.timeout for request in world.http.sent] == [10, 10]
    assert (stage(result, "end_to_end")["error"], result["overallStatus"]) == (
        "no time is left of 25 s",
        "partial",
    )


class Echo:
    """A provider that answers from wherever it was asked to redirect to, with everything it was told."""

    def __init__(self, url: str) -> None:
        self.url = url

    def judge(self, url: str, timeout: float) -> None:
        """Everything may be called."""

    def send(self, request: OutboundRequest) -> OutboundResponse:
        said = repr(request).encode()
        return OutboundResponse(
            200, "OK", self.url, {"Content-Type": "text/plain", "Set-Cookie": "s3cr3t"}, said
        )


def test_neither_secrets_nor_what_was_answered_are_told() -> None:
    world = World()
    url = "https://user:s3cr3t@p.test/?api_key=s3cr3t"
    tests = ConnectionTests(
        world.providers, world.executors, Echo(url), world.chain, world.clock, CountingIds()
    )
    config = {"base_url": "https://p.test/?token=s3cr3t", "headers": {"X-Api-Key": "s3cr3t"}, "auth": BY_KEY}
    stored = configuration(provider_id="http", config=config)
    world.providers.add(stored)
    result = tests.provider(stored.id)
    assert result["overallStatus"] == "passed"
    assert "s3cr3t" not in str(result)
    assert stage(result, "connectivity")["details"]["url"] == "https://p.test/?api_key=********"
    assert "s3cr3t" not in str(world.audited)


@pytest.mark.parametrize(
    ("provider_id", "config"),
    [
        ("http", {"base_url": base})
        for base in ("", "p.test", "/v1", "https://", "https:///x", "https://u:s3cr3t@p.test", "https://p.test:x", "https://[")
    ]
    + [
        ("midaz", {**LEDGER, "onboarding_base_url": "", "transaction_base_url": ""}),
        ("s3", {**BUCKET, "region": "not a region"}),
    ],
)  # fmt: skip
def test_without_a_usable_base_url_nothing_is_called(provider_id: str, config: Document) -> None:
    world = World(200)
    with pytest.raises(errors.NoBaseUrl) as raised:
        world.provider(config, provider_id)
    assert "s3cr3t" not in raised.value.message
    assert world.http.sent == []


@pytest.mark.parametrize(
    "refusal", [CallFailed("destination blocked: no"), CallFailedForNow("cannot resolve it")]
)
def test_a_destination_that_is_blocked_or_unknown_is_not_called(refusal: CallFailed) -> None:
    world = World(200)
    world.http.refusal = refusal
    with pytest.raises(errors.DestinationRefused, match=str(refusal)):
        world.provider(TRACER, "tracer")
    assert world.http.sent == []


def test_a_test_changes_nothing_and_is_audited() -> None:
    world = World(200, 401)
    world.provider(TRACER, "tracer", name="mine", status=ProviderConfigurationStatus.DISABLED)
    assert world.providers.get(world.tested.id) == world.tested
    assert world.audited == [
        ("PROVIDER_CONFIG_TESTED", {"provider_config.name": "mine", "overallStatus": "partial"})
    ]


def test_an_unknown_configuration_cannot_be_tested() -> None:
    world = World()
    with pytest.raises(errors.ProviderConfigurationNotFound):
        world.tests.provider("x")
    with pytest.raises(errors.ExecutorConfigurationNotFound):
        world.tests.executor("x")


# --- executor configurations --------------------------------------------------------------------------------------------


def test_an_executor_configuration_that_passes_is_tested_afterwards() -> None:
    world: World = World(lambda: world.clock.advance(1))
    result = world.executor()
    assert statuses(result) == {"connectivity": P, "authentication": P, "transformation": P, "end_to_end": P}
    assert result["executorConfigId"] == world.executor_id
    assert "providerConfigId" not in result
    after = world.executors.get(world.executor_id)
    assert (after.status, after.last_tested_at) == ("tested", "2026-03-01T10:00:03.000Z")
    assert world.audited[1] == (
        "EXECUTOR_CONFIG_TESTED",
        {"executor_config.name": "scores", "status": "tested", "overallStatus": "passed"},
    )


def test_the_base_url_is_asked_twice_and_the_first_harmless_endpoint_once() -> None:
    world = World(200)
    result = world.executor()
    sent = [(request.method, request.url, request.timeout) for request in world.http.sent]
    base = ("GET", "https://scores.test/api", 10)
    assert sent == [base, base, ("HEAD", "https://scores.test/api/ping", 3)]
    auth = EXECUTOR["authentication"]
    assert world.identities() == [(None, {}), (auth, {}), (auth, {})]
    assert stage(result, "transformation")["details"] == {"endpointCount": 2}


def test_endpoints_that_may_change_something_are_not_called() -> None:
    world = World(200)
    result = world.executor(endpoints=[{"name": "score", "path": "/score", "method": "DELETE"}])
    assert statuses(result)["end_to_end"] == "skipped"
    assert result["overallStatus"] == "passed"
    assert len(world.http.sent) == 2


@pytest.mark.parametrize("script", [[500], [200, 401], [200, 200, 404]])
def test_an_executor_configuration_that_fails_stays_as_it_is(script: list[int]) -> None:
    world = World(*script)
    result = world.executor()
    assert result["overallStatus"] != "passed"
    assert world.executors.get(world.executor_id).status == "configured"
    assert world.audited[1] == (
        "EXECUTOR_CONFIG_TESTED",
        {
            "executor_config.name": "scores",
            "status": "configured",
            "overallStatus": result["overallStatus"],
        },
    )


def test_only_a_configured_one_is_tested() -> None:
    world = World(200)
    world.executor()
    with pytest.raises(errors.ExecutorConfigurationTransitionNotAllowed):
        world.tests.executor(world.executor_id)
    unconfigured = world.executors.create({"name": "later"})
    with pytest.raises(errors.ExecutorConfigurationTransitionNotAllowed):
        world.tests.executor(unconfigured.id)


def test_an_executor_configuration_that_leads_nowhere_good_is_not_called() -> None:
    world = World(200)
    world.http.refusal = CallFailed("destination blocked: no")
    with pytest.raises(errors.DestinationRefused):
        world.executor()
    assert world.http.sent == []


def test_a_change_during_the_test_is_not_overwritten() -> None:
    def change() -> None:
        world.executors.patch(world.executor_id, EXECUTOR)

    script: list[Callable[[], object] | int] = [200, 200, change]
    world: World = World(*script)
    with pytest.raises(errors.ChangedConcurrently):
        world.executor()
    assert world.executors.get(world.executor_id).status == "configured"
