"""Health, readiness and version (Flowker spec a.9)."""

from typing import get_args

from flowker.catalog.entries import STRING, Schema, one_of, record
from flowker.http.openapi.operation import (
    COUNT,
    INSTANT,
    Answer,
    Operation,
    Operations,
    Schemas,
    json_body,
    ref,
)
from flowker.settings.variables import DeploymentMode

_STATUS = one_of("healthy", "unhealthy")


def _checks(check: Schema) -> Schema:
    return {"type": "object", "additionalProperties": check, "description": "By the name of the dependency."}


SCHEMAS: Schemas = {
    "Health": record(
        {
            "status": _STATUS,
            "version": STRING,
            "uptime": {**STRING, "examples": ["3600s"]},
            "timestamp": INSTANT,
            "checks": _checks(
                record({"status": one_of("up", "down"), "message": STRING}, required=["status", "message"])
            ),
        },
        required=["status", "version", "uptime", "timestamp", "checks"],
    ),
    "Readiness": record(
        {
            "status": _STATUS,
            "checks": _checks(
                record(
                    {"status": one_of("up", "down"), "latency_ms": COUNT, "error": STRING},
                    required=["status"],
                )
            ),
            "version": STRING,
            "deployment_mode": one_of(*get_args(DeploymentMode)),
        },
        required=["status", "checks", "version", "deployment_mode"],
    ),
    "Version": record({"version": STRING, "requestDate": INSTANT}, required=["version", "requestDate"]),
}


def _asked(name: str) -> dict[int, Answer]:
    return {
        200: json_body("All is well.", ref(name)),
        503: json_body("A dependency does not answer.", ref(name)),
    }


_READINESS = Operation(answers=_asked("Readiness"), stored=False)

OPERATIONS: Operations = {
    ("GET", "/health"): Operation(answers=_asked("Health"), stored=False),
    ("GET", "/health/live"): Operation(
        answers={200: json_body("The process answers.", ref("Health"))}, stored=False
    ),
    ("GET", "/health/ready"): _READINESS,
    ("GET", "/readyz"): _READINESS,
    ("GET", "/version"): Operation(
        answers={200: json_body("The version of this build.", ref("Version"))}, stored=False
    ),
}
