"""Health, readiness and version; public, so they say little (Flowker spec a.9)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.http.app import answer, routes

router = routes()


@router.get("/health")
def get_health() -> Response[Any]:
    """Overall health."""
    healthy, body = wiring.health().health()
    return answer(body, 200 if healthy else 503)


@router.get("/health/live")
def get_liveness() -> Response[Any]:
    """The process answers."""
    return answer(wiring.health().live())


@router.get("/health/ready")
def get_health_readiness() -> Response[Any]:
    """Every dependency answers."""
    return get_readiness()


@router.get("/readyz")
def get_readiness() -> Response[Any]:
    """Every dependency answers."""
    healthy, body = wiring.health().ready()
    return answer(body, 200 if healthy else 503)


@router.get("/version")
def get_version() -> Response[Any]:
    """Version of this build."""
    return answer(wiring.health().version())
