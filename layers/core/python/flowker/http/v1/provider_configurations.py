"""Provider configurations (Flowker spec a.2 #19–#25, a.6)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.errors import InvalidQuery
from flowker.http.app import answer, nothing, routes
from flowker.http.requests import ListRules, identifier, json_object, page_query
from flowker.model.provider import ProviderConfigurationStatus
from flowker.usecases.provider_configurations import document

router = routes()

LIST = ListRules(
    sorts=("createdAt", "updatedAt", "name"),
    filters={"status": tuple(ProviderConfigurationStatus), "providerId": None},
    limit_type_error=True,
    limit_range_error=InvalidQuery,
)


@router.post("/v1/provider-configurations")
def create_provider_configuration() -> Response[Any]:
    """Create an active configuration."""
    body = json_object(router.current_event)
    created = wiring.provider_configurations().create(
        name=body.get("name"),
        provider_id=body.get("providerId"),
        config=body.get("config"),
        description=body.get("description"),
        metadata=body.get("metadata"),
    )
    shown = {
        "id": created.id,
        "name": created.name,
        "status": created.status,
        "createdAt": created.created_at,
    }
    return answer(shown, 201)


@router.get("/v1/provider-configurations")
def list_provider_configurations() -> Response[Any]:
    """List configurations, newest first."""
    query = page_query(router.current_event.query_string_parameters or {}, LIST)
    return answer(wiring.provider_configurations().list(query).document(document))


@router.get("/v1/provider-configurations/<configuration_id>")
def get_provider_configuration(configuration_id: str) -> Response[Any]:
    """Get one configuration, secrets masked."""
    return answer(document(wiring.provider_configurations().get(identifier(configuration_id, "id"))))


@router.patch("/v1/provider-configurations/<configuration_id>")
def update_provider_configuration(configuration_id: str) -> Response[Any]:
    """Change the fields sent; a masked secret keeps its stored value."""
    configuration_id = identifier(configuration_id, "id")
    changes = json_object(router.current_event)
    return answer(document(wiring.provider_configurations().patch(configuration_id, changes)))


@router.delete("/v1/provider-configurations/<configuration_id>")
def delete_provider_configuration(configuration_id: str) -> Response[Any]:
    """Delete a configuration that no active workflow uses."""
    wiring.provider_configurations().delete(identifier(configuration_id, "id"))
    return nothing()


@router.post("/v1/provider-configurations/<configuration_id>/test")
def test_provider_configuration(configuration_id: str) -> Response[Any]:
    """Try whether the provider can be reached with a configuration; its own failures are results."""
    return answer(wiring.connection_tests().provider(identifier(configuration_id, "id")))


@router.post("/v1/provider-configurations/<configuration_id>/disable")
def disable_provider_configuration(configuration_id: str) -> Response[Any]:
    """Take a configuration out of use."""
    return answer(document(wiring.provider_configurations().disable(identifier(configuration_id, "id"))))


@router.post("/v1/provider-configurations/<configuration_id>/enable")
def enable_provider_configuration(configuration_id: str) -> Response[Any]:
    """Take a configuration into use again."""
    return answer(document(wiring.provider_configurations().enable(identifier(configuration_id, "id"))))
