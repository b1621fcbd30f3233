"""Every route of both faces and the public ones, and the function that serves it: what the gateways of both homes are told."""

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Route:
    """`path` with `{names}`; a name with `+` takes the rest of the path. `methods` are upper case. The routes are written in
    the module of the noun, in the folder of the face; as a rule it is called like the function."""

    methods: tuple[str, ...]
    path: str
    function: str
    noun: str = ""

    @property
    def face(self) -> str:
        """The folder of its noun."""
        return "api_v1" if self.path.startswith("/api/v1/") else "v1"

    @property
    def module(self) -> str:
        """Where its functions are."""
        return f"flowker.http.{self.face}.{self.noun or self.function}"

    @property
    def public(self) -> bool:
        """Whether nobody has to say who they are."""
        return self.function in PUBLIC or self.path in PUBLIC_PATHS

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
    Route(("POST",), "/api/v1/auth/login", "auth"),
    Route(("POST",), "/api/v1/auth/refresh", "auth"),
    Route(("POST",), "/api/v1/auth/logout", "auth"),
    Route(("GET", "POST"), "/api/v1/flows", "flows"),
    Route(("POST",), "/api/v1/flows/validate", "flows"),
    Route(("POST",), "/api/v1/flows/search", "flows"),
    Route(("GET", "PUT", "DELETE"), "/api/v1/flows/{flow_id}", "flows"),
    Route(("PATCH",), "/api/v1/flows/{flow_id}/metadata", "flows"),
    Route(("GET",), "/api/v1/flows/{flow_id}/versions", "flows"),
    Route(("GET",), "/api/v1/flows/{flow_id}/versions/{version}", "flows"),
    Route(("POST",), "/api/v1/flows/{flow_id}/run", "runs"),
    Route(("GET",), "/api/v1/executions", "runs"),
    Route(("GET", "DELETE"), "/api/v1/executions/{execution_id}", "runs"),
    Route(("GET",), "/api/v1/executions/{execution_id}/logs", "runs"),
    Route(("POST",), "/api/v1/executions/{execution_id}/signals/{key}", "runs"),
    Route(("GET", "POST"), "/api/v1/accounts", "accounts"),
    Route(("GET", "PUT", "DELETE"), "/api/v1/accounts/{account_id}", "accounts"),
    Route(("GET", "POST"), "/api/v1/accounts/{account_id}/secrets", "accounts", "secrets"),
    Route(("GET", "PUT", "DELETE"), "/api/v1/accounts/{account_id}/secrets/{key}", "accounts", "secrets"),
    Route(("POST",), "/api/v1/executions/{execution_id}/ws-ticket", "websocket", "sockets"),
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
PUBLIC_PATHS = frozenset({"/api/v1/auth/login"})
"""Single routes for which nobody has to say who they are."""
FALLBACK = "not_found"
"""Serves whatever no route matches."""


def function_for(path: str) -> str:
    """The function that answers a path, whatever the method: it also answers methods that the path does not have."""
    return next((route.function for route in ROUTES if route.matches(path)), FALLBACK)


def methods_of(path: str) -> set[str]:
    """The methods that a path has."""
    return {method for route in ROUTES if route.matches(path) for method in route.methods}
