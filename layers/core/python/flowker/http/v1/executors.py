"""Executor configurations (Flowker spec a.2 #15–#18 and the extension below them, a.5, c.2)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.http.app import answer, nothing, routes
from flowker.http.requests import ListRules, identifier, json_object, page_query
from flowker.model.executor_configuration import ExecutorConfigurationStatus
from flowker.usecases.executor_documents import document

router = routes()

LIST = ListRules(
    sorts=("createdAt", "updatedAt", "name"), filters={"status": tuple(ExecutorConfigurationStatus)}
)


@router.post("/v1/executors")
def create_executor_configuration() -> Response[Any]:
    """Create a configured one, or an unconfigured one from a name alone."""
    created = wiring.executor_configurations().create(json_object(router.current_event))
    shown = {
        "id": created.id,
        "name": created.name,
        "status": created.status,
        "createdAt": created.created_at,
    }
    return answer(shown, 201)


@router.get("/v1/executors")
def list_executor_configurations() -> Response[Any]:
    """List executor configurations, newest first."""
    query = page_query(router.current_event.query_string_parameters or {}, LIST)
    return answer(wiring.executor_configurations().list(query).document(document))


@router.get("/v1/executors/<configuration_id>")
def get_executor_configuration(configuration_id: str) -> Response[Any]:
    """Get one executor configuration, secrets masked."""
    return answer(document(wiring.executor_configurations().get(identifier(configuration_id, "id"))))


@router.patch("/v1/executors/<configuration_id>")
def update_executor_configuration(configuration_id: str) -> Response[Any]:
    """Replace an executor configuration; a masked secret keeps its stored value, metadata are merged."""
    configuration_id = identifier(configuration_id, "id")
    body = json_object(router.current_event)
    return answer(document(wiring.executor_configurations().patch(configuration_id, body)))


@router.delete("/v1/executors/<configuration_id>")
def delete_executor_configuration(configuration_id: str) -> Response[Any]:
    """Delete an executor configuration that is neither tested nor active."""
    wiring.executor_configurations().delete(identifier(configuration_id, "id"))
    return nothing()


@router.post("/v1/executors/<configuration_id>/configure")
def configure_executor_configuration(configuration_id: str) -> Response[Any]:
    """Say what an unconfigured one calls; name and description may be left out."""
    configuration_id = identifier(configuration_id, "id")
    body = json_object(router.current_event, empty=True)
    return answer(document(wiring.executor_configurations().configure(configuration_id, body)))


@router.post("/v1/executors/<configuration_id>/test")
def test_executor_configuration(configuration_id: str) -> Response[Any]:
    """Try whether a configured one works; if all of it does, it is tested."""
    return answer(wiring.connection_tests().executor(identifier(configuration_id, "id")))


@router.post("/v1/executors/<configuration_id>/activate")
def activate_executor_configuration(configuration_id: str) -> Response[Any]:
    """Take a tested one into use."""
    return answer(document(wiring.executor_configurations().activate(identifier(configuration_id, "id"))))


@router.post("/v1/executors/<configuration_id>/disable")
def disable_executor_configuration(configuration_id: str) -> Response[Any]:
    """Take an active one out of use: nodes that refer to it fail."""
    return answer(document(wiring.executor_configurations().disable(identifier(configuration_id, "id"))))


@router.post("/v1/executors/<configuration_id>/enable")
def enable_executor_configuration(configuration_id: str) -> Response[Any]:
    """Take a disabled one into use again."""
    return answer(document(wiring.executor_configurations().enable(identifier(configuration_id, "id"))))
