"""Liveness, readiness and version; public (Flowker spec a.9)."""

import re
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version

import pytest

from tests.servers import Api, expect

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def nobody(target: str) -> Iterator[Api]:
    """A caller without a key."""
    with closing(Api(target, None)) as client:
        yield client


def test_health_summarises_the_store(nobody: Api) -> None:
    body = expect(nobody.get("/health"), 200)
    assert body.keys() == {"status", "version", "uptime", "timestamp", "checks"}
    assert (body["status"], body["version"]) == ("healthy", version("flowker"))
    assert INSTANT.fullmatch(body["timestamp"])
    assert re.fullmatch(r"\d+s", body["uptime"])
    assert body["checks"] == {"database": {"status": "up", "message": "reachable"}}


def test_liveness_asks_nobody_else(nobody: Api) -> None:
    body = expect(nobody.get("/health/live"), 200)
    assert body.keys() == {"status", "version", "uptime", "timestamp", "checks"}
    assert (body["status"], body["checks"]) == ("healthy", {})


@pytest.mark.parametrize("path", ["/readyz", "/health/ready"])
def test_readiness_names_every_dependency_with_its_latency(nobody: Api, path: str) -> None:
    body = expect(nobody.get(path), 200)
    assert body.keys() == {"status", "checks", "version", "deployment_mode"}
    assert body["status"] == "healthy"
    assert body["deployment_mode"] in ("local", "byoc", "saas")
    assert body["checks"].keys() == {"dynamodb", "stepfunctions"}
    for check in body["checks"].values():
        assert check.keys() == {"status", "latency_ms"}
        assert check["status"] == "up"
        assert 0 <= check["latency_ms"] < 2000


def test_the_version_is_ours(nobody: Api) -> None:
    body = expect(nobody.get("/version"), 200)
    assert body.keys() == {"version", "requestDate"}
    assert body["version"] == version("flowker")
    assert INSTANT.fullmatch(body["requestDate"])
