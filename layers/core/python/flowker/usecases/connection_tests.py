"""Test a stored configuration as nodes would use it (Flowker spec a.2 #26, c.2, c.3). Nothing about it is changed by a test,
but that an executor configuration which passes becomes `tested`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flowker.errors import (
    AUTHENTICATION_REFUSED,
    END_TO_END_FAILED,
    REQUEST_NOT_BUILT,
    UNREACHABLE,
    DestinationRefused,
    NoBaseUrl,
)
from flowker.model.audit import EventType, happened
from flowker.model.exact_json import Json
from flowker.model.executor_configuration import ExecutorConfiguration
from flowker.model.outbound import CallFailed
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.base import Failure
from flowker.nodes.runners.authentication import chosen_auth
from flowker.nodes.runners.registry import RUNNERS
from flowker.nodes.runners.urls import joined
from flowker.ports import AuditChain, Clock, Http, Ids, ProviderConfigurationStore
from flowker.usecases.connectivity import (
    STAGE_SECONDS,
    Check,
    Found,
    Overall,
    Probe,
    Report,
    Stage,
    StageStatus,
    examine,
)
from flowker.usecases.executor_configurations import ExecutorConfigurations, executor_event

_HARMLESS = ("GET", "HEAD", "OPTIONS")
"""Methods that a test may call endpoints with: they change nothing."""


@dataclass(frozen=True, slots=True)
class ConnectionTests:
    """Whatever a provider does is a result. A test takes 25 s at most."""

    providers: ProviderConfigurationStore
    executors: ExecutorConfigurations
    http: Http
    audit: AuditChain
    clock: Clock
    ids: Ids

    def provider(self, configuration_id: str) -> dict[str, Json]:
        """Connectivity, authentication, end_to_end: each asks for the base URL.

        Raises `ProviderConfigurationNotFound`, `NoBaseUrl`, `DestinationRefused`.
        """
        configuration = self.providers.get(configuration_id)
        runner = RUNNERS[configuration.provider_id]
        started = self.clock.now()
        url = self._judged(_provider_url(configuration))
        headers = runner.headers(configuration)
        probe = Probe(self.http, self.clock, url, headers, lambda: runner.auth(configuration))
        report = examine([*_first_stages(probe), _last_stage(probe.end_to_end)], self.clock, started)
        self._announce_provider(configuration, report)
        tested: dict[str, Json] = {
            "providerConfigId": configuration.id,
            "providerId": configuration.provider_id,
        }
        return tested | report.document()

    def executor(self, configuration_id: str) -> dict[str, Json]:
        """Connectivity and authentication ask for the base URL, transformation builds the URL of every endpoint, and
        end_to_end calls the first endpoint that changes nothing. If all is well, the configuration is `tested` afterwards.

        Raises `ExecutorConfigurationNotFound`, `ExecutorConfigurationTransitionNotAllowed`, `NoBaseUrl`,
        `DestinationRefused`, `ChangedConcurrently`.
        """
        configuration = self.executors.to_test(configuration_id)
        started = self.clock.now()
        url = self._judged(configuration.base_url)
        auth = configuration.authentication
        probe = Probe(self.http, self.clock, url, {}, lambda: chosen_auth(None, auth, None))
        stages = [
            *_first_stages(probe),
            Stage("transformation", REQUEST_NOT_BUILT, lambda _: _built(configuration)),
            _last_stage(_endpoint_call(probe, configuration)),
        ]
        report = examine(stages, self.clock, started)
        outcome = {"overallStatus": report.overall.value}
        if report.overall is Overall.PASSED:
            self.executors.tested(configuration, **outcome)
        else:
            kind = EventType.EXECUTOR_CONFIG_TESTED
            self.audit.announce([executor_event(kind, configuration, self.clock, self.ids, **outcome)])
        return {"executorConfigId": configuration.id} | report.document()

    def _judged(self, url: object) -> str:
        """The URL, if calls may go there."""
        if not isinstance(url, str) or not _is_base_url(url):
            raise NoBaseUrl("the configuration has no base URL that can be called")
        try:
            self.http.judge(url, STAGE_SECONDS)
        except CallFailed as refusal:
            raise DestinationRefused(str(refusal)) from refusal
        return url

    def _announce_provider(self, configuration: ProviderConfiguration, report: Report) -> None:
        metadata: Mapping[str, Json] = {
            "provider_config.name": configuration.name,
            "overallStatus": report.overall.value,
        }
        tested = happened(
            EventType.PROVIDER_CONFIG_TESTED,
            configuration.id,
            id=self.ids.new(),
            at=self.clock.now(),
            metadata=metadata,
        )
        self.audit.announce([tested])


def _provider_url(configuration: ProviderConfiguration) -> object:
    try:
        return RUNNERS[configuration.provider_id].test_url(configuration.config)
    except Failure as failure:
        raise NoBaseUrl(failure.detail) from failure


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and parts.hostname and parts.port != 0) and "@" not in parts.netloc
    except ValueError:  # brackets or a port that make no sense
        return False


def _first_stages(probe: Probe) -> list[Stage]:
    return [
        Stage("connectivity", UNREACHABLE, probe.connectivity),
        Stage("authentication", AUTHENTICATION_REFUSED, probe.authentication),
    ]


def _last_stage(check: Check) -> Stage:
    return Stage("end_to_end", END_TO_END_FAILED, check)


def _built(configuration: ExecutorConfiguration) -> Found:
    """Raises `Failure` for an endpoint without a URL."""
    urls = [joined(configuration.base_url, endpoint.path) for endpoint in configuration.endpoints]
    return Found(StageStatus.PASSED, "every endpoint has a URL", {"endpointCount": len(urls)})


def _endpoint_call(probe: Probe, configuration: ExecutorConfiguration) -> Check:
    endpoint = next((each for each in configuration.endpoints if each.method in _HARMLESS), None)
    if endpoint is None:
        reason = "skipped because every endpoint may change something"
        return lambda _: Found(StageStatus.SKIPPED, reason)

    def call(seconds: float) -> Found:
        url = joined(configuration.base_url, endpoint.path)
        called = replace(probe, url=url, method=endpoint.method)
        return called.end_to_end(min(seconds, endpoint.timeout))

    return call
