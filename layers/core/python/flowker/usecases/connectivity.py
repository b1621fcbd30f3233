"""Does a connection work? Stages, one after the other until one fails (Flowker spec a.6, c.3).

What a test tells is shown to users: it has neither secrets nor anything of what was answered but its status and size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.instant import instant
from flowker.model.masking import mask_url
from flowker.model.outbound import CallFailed, OutboundRequest, OutboundResponse
from flowker.nodes.base import Failure
from flowker.ports import Clock, Http

STAGE_SECONDS = 10.0
TOTAL_SECONDS = 25.0
"""Short of the 29 s after which an API gateway gives up."""

_REFUSED = (401, 403)


class StageStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Overall(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Found:
    """What a stage found out. Only failures have an `error`."""

    status: StageStatus
    message: str
    details: Mapping[str, Json] = field(default_factory=dict)
    error: str | None = None


Check = Callable[[float], Found]
"""The work of a stage, in so many seconds. Raises `CallFailed` or `Failure` if it gets no answer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`code` is what its failure is known by."""

    name: str
    code: str
    check: Check


@dataclass(frozen=True, slots=True)
class Report:
    """What all stages found out, with the milliseconds that each took."""

    stages: Sequence[tuple[Stage, Found, int]]
    started: datetime
    completed: datetime

    @property
    def overall(self) -> Overall:
        """Skipped stages do not count."""
        statuses = {found.status for _, found, _ in self.stages}
        if StageStatus.FAILED not in statuses:
            return Overall.PASSED
        return Overall.PARTIAL if StageStatus.PASSED in statuses else Overall.FAILED

    @property
    def summary(self) -> str:
        statuses = [found.status for _, found, _ in self.stages]
        return ", ".join(f"{statuses.count(each)} {each}" for each in StageStatus)

    def document(self) -> dict[str, Json]:
        """`{overallStatus, durationMs, stages: [{name, status, durationMs, message, details?, error?}], summary, startedAt,
        completedAt}`."""
        return {
            "overallStatus": self.overall.value,
            "durationMs": milliseconds(self.started, self.completed),
            "stages": [_stage_document(*each) for each in self.stages],
            "summary": self.summary,
            "startedAt": instant(self.started),
            "completedAt": instant(self.completed),
        }


def examine(stages: Sequence[Stage], clock: Clock, started: datetime) -> Report:
    """Run the stages; after a failure the others are skipped. `started` is when the time began to count."""
    found: list[tuple[Stage, Found, int]] = []
    failed: str | None = None
    for stage in stages:
        begun = clock.now()
        seconds = min(STAGE_SECONDS, TOTAL_SECONDS - (begun - started).total_seconds())
        result = _skipped(failed) if failed else _checked(stage, seconds)
        if result.status is StageStatus.FAILED:
            failed = stage.name
        found.append((stage, result, milliseconds(begun, clock.now())))
    return Report(found, started, clock.now())


def milliseconds(begun: datetime, ended: datetime) -> int:
    return max(0, round((ended - begun).total_seconds() * 1000))


def _checked(stage: Stage, seconds: float) -> Found:
    try:
        found = stage.check(seconds) if seconds > 0 else _failed(f"no time is left of {TOTAL_SECONDS:g} s")
    except CallFailed as failure:
        found = _failed(str(failure))
    except Failure as failure:
        found = _failed(failure.reason.removeprefix("executor error: "))
    if found.status is StageStatus.FAILED:
        return Found(found.status, found.message, {**found.details, "code": stage.code}, found.error)
    return found


def _failed(error: str, details: Mapping[str, Json] | None = None) -> Found:
    return Found(StageStatus.FAILED, "the stage failed", details or {}, error)


def _passed(message: str, details: Mapping[str, Json]) -> Found:
    return Found(StageStatus.PASSED, message, details)


def _skipped(failed: str) -> Found:
    return Found(StageStatus.SKIPPED, f"skipped because {failed} failed")


def _stage_document(stage: Stage, found: Found, duration: int) -> dict[str, Json]:
    shown = {
        "name": stage.name,
        "status": found.status.value,
        "durationMs": duration,
        "message": found.message,
        "details": dict(found.details) or None,
        "error": found.error,
    }
    return {key: value for key, value in shown.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Probe:
    """Calls one URL without and with what identifies the caller. `auth` may raise `Failure`; its `{type, config}` and
    `headers` are those that nodes call with."""

    http: Http
    clock: Clock
    url: str
    headers: Mapping[str, str]
    auth: Callable[[], Mapping[str, Any] | None]
    method: str = "GET"

    def connectivity(self, seconds: float) -> Found:
        """Somebody answers, whatever he thinks of callers whom he does not know."""
        response, details = self._call(OutboundRequest(self.method, self.url, timeout=seconds))
        if 200 <= response.status < 500:
            return _passed(f"the server answered with status {response.status}", details)
        return _failed(f"the server answered with status {response.status}", details)

    def authentication(self, seconds: float) -> Found:
        """The credentials are not refused."""
        auth = self._auth()
        if auth is None and not self.headers:
            return Found(StageStatus.SKIPPED, "there are no credentials to try")
        response, details = self._identified(auth, seconds)
        kind = str(auth["type"]) if auth else "none"
        details |= {
            "authenticationType": kind,
            "hasApiKey": kind == "api_key",
            "headerCount": len(self.headers),
        }
        if response.status in _REFUSED:
            return _failed(f"the credentials were refused with status {response.status}", details)
        if response.status >= 500:
            return _failed(f"the server answered with status {response.status}", details)
        return _passed(f"the credentials were not refused: status {response.status}", details)

    def end_to_end(self, seconds: float) -> Found:
        """The call is a success."""
        response, details = self._identified(self._auth(), seconds)
        details |= {
            "responseBodyLen": len(response.body),
            "contentType": response.headers.get("Content-Type", ""),
        }
        if 200 <= response.status < 300:
            return _passed(f"the call was answered with status {response.status}", details)
        return _failed(f"the call was answered with status {response.status}", details)

    def _auth(self) -> Mapping[str, Any] | None:
        auth = self.auth()
        return auth if auth and auth.get("type") not in (None, "", "none") else None

    def _identified(
        self, auth: Mapping[str, Any] | None, seconds: float
    ) -> tuple[OutboundResponse, dict[str, Json]]:
        request = OutboundRequest(self.method, self.url, headers=self.headers, auth=auth, timeout=seconds)
        return self._call(request)

    def _call(self, request: OutboundRequest) -> tuple[OutboundResponse, dict[str, Json]]:
        begun = self.clock.now()
        response = self.http.send(request)
        return response, {
            "statusCode": response.status,
            "responseTimeMs": milliseconds(begun, self.clock.now()),
            "url": mask_url(response.url),
        }
