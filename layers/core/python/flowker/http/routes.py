"""Every route of `/v1` and the public ones, and the function that serves it: what the gateways of both homes are told."""

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Route:
    """`path` with `{names}`; a name with `+` takes the rest of the path. `methods` are upper case."""

    methods: tuple[str, ...]
    path: str
    function: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the request paths of this route."""
        segments = re.sub(r"\{\w+\+\}", ".+", self.path)
        return re.compile(re.sub(r"\{\w+\}", "[^/]+", segments))

    def matches(self, path: str) -> bool:
        return self.pattern.fullmatch(path) is not None


_ALL = ("GET", "POST", "PUT", "PATCH", "DELETE")

ROUTES: tuple[Route, ...] = (
    Route(("GET", "POST"), "/v1/workflows", "workflows"),
    Route(("POST",), "/v1/workflows/from-template", "workflows"),
    Route(("GET", "PUT", "DELETE"), "/v1/workflows/{workflow_id}", "workflows"),
    Route(("POST",), "/v1/workflows/{workflow_id}/clone", "workflows"),
    Route(("POST",), "/v1/workflows/{workflow_id}/activate", "workflows"),
    Route(("POST",), "/v1/workflows/{workflow_id}/deactivate", "workflows"),
    Route(("POST",), "/v1/workflows/{workflow_id}/draft", "workflows"),
    Route(("POST",), "/v1/workflows/{workflow_id}/executions", "executions"),
    Route(("GET",), "/v1/executions", "executions"),
    Route(("GET",), "/v1/executions/{execution_id}", "executions"),
    Route(("GET",), "/v1/executions/{execution_id}/results", "executions"),
    Route(("POST",), "/v1/executions/{execution_id}/cancel", "executions"),
    Route(("GET", "POST"), "/v1/provider-configurations", "provider_configurations"),
    Route(
        ("GET", "PATCH", "DELETE"),
        "/v1/provider-configurations/{configuration_id}",
        "provider_configurations",
    ),
    Route(("POST",), "/v1/provider-configurations/{configuration_id}/disable", "provider_configurations"),
    Route(("POST",), "/v1/provider-configurations/{configuration_id}/enable", "provider_configurations"),
    Route(("POST",), "/v1/provider-configurations/{configuration_id}/test", "provider_configurations"),
    Route(("GET", "POST"), "/v1/executors", "executors"),
    Route(("GET", "PATCH", "DELETE"), "/v1/executors/{configuration_id}", "executors"),
    Route(("POST",), "/v1/executors/{configuration_id}/configure", "executors"),
    Route(("POST",), "/v1/executors/{configuration_id}/test", "executors"),
    Route(("POST",), "/v1/executors/{configuration_id}/activate", "executors"),
    Route(("POST",), "/v1/executors/{configuration_id}/disable", "executors"),
    Route(("POST",), "/v1/executors/{configuration_id}/enable", "executors"),
    Route(("GET",), "/v1/catalog/executors", "catalog"),
    Route(("GET",), "/v1/catalog/executors/{executor_id}", "catalog"),
    Route(("POST",), "/v1/catalog/executors/{executor_id}/validate", "catalog"),
    Route(("GET",), "/v1/catalog/triggers", "catalog"),
    Route(("GET",), "/v1/catalog/triggers/{trigger_id}", "catalog"),
    Route(("GET",), "/v1/catalog/providers", "catalog"),
    Route(("GET",), "/v1/catalog/providers/{provider_id}", "catalog"),
    Route(("GET",), "/v1/catalog/providers/{provider_id}/executors", "catalog"),
    Route(("GET",), "/v1/catalog/templates", "catalog"),
    Route(("GET",), "/v1/catalog/templates/{template_id}", "catalog"),
    Route(("POST",), "/v1/catalog/templates/{template_id}/validate", "catalog"),
    Route(("GET",), "/v1/dashboards/workflows/summary", "dashboards"),
    Route(("GET",), "/v1/dashboards/executions", "dashboards"),
    Route(("GET",), "/v1/audit-events", "audit_events"),
    Route(("GET",), "/v1/audit-events/export", "audit_events"),
    Route(("GET",), "/v1/audit-events/{event_id}", "audit_events"),
    Route(("GET",), "/v1/audit-events/{event_id}/verify", "audit_events"),
    Route(_ALL, "/v1/webhooks/{path+}", "webhooks"),
    Route(("GET",), "/health", "health"),
    Route(("GET",), "/health/live", "health"),
    Route(("GET",), "/health/ready", "health"),
    Route(("GET",), "/readyz", "health"),
    Route(("GET",), "/version", "health"),
    Route(("GET",), "/swagger", "api_docs"),
    Route(("GET",), "/swagger/", "api_docs"),
    Route(("GET",), "/swagger/{file}", "api_docs"),
)

PUBLIC = frozenset({"health", "api_docs"})
"""Functions whose routes need no API key."""
FALLBACK = "not_found"
"""Serves whatever no route matches."""


def function_for(path: str) -> str:
    """The function that answers a path, whatever the method: it also answers methods that the path does not have."""
    return next((route.function for route in ROUTES if route.matches(path)), FALLBACK)


def methods_of(path: str) -> set[str]:
    """The methods that a path has."""
    return {method for route in ROUTES if route.matches(path) for method in route.methods}
