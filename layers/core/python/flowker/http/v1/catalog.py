"""The catalog: bare arrays and entries with their schemas as JSON text (Flowker spec a.2 #27–#37, a.7)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.http.app import answer, routes
from flowker.http.requests import json_object
from flowker.usecases import catalog

router = routes()


@router.get("/v1/catalog/executors")
def list_executors() -> Response[Any]:
    """All executors."""
    return answer([entry.summary() for entry in catalog.executors()])


@router.get("/v1/catalog/executors/<executor_id>")
def get_executor(executor_id: str) -> Response[Any]:
    """One executor with its schema."""
    return answer(catalog.executor(executor_id).detail())


@router.post("/v1/catalog/executors/<executor_id>/validate")
def validate_executor_config(executor_id: str) -> Response[Any]:
    """Does a configuration satisfy the executor's schema?"""
    catalog.executor(executor_id)
    catalog.validate_executor_config(executor_id, json_object(router.current_event).get("config"))
    return answer({"valid": True})


@router.get("/v1/catalog/triggers")
def list_triggers() -> Response[Any]:
    """All triggers."""
    return answer([entry.summary() for entry in catalog.triggers()])


@router.get("/v1/catalog/triggers/<trigger_id>")
def get_trigger(trigger_id: str) -> Response[Any]:
    """One trigger with its schema."""
    return answer(catalog.trigger(trigger_id).detail())


@router.get("/v1/catalog/providers")
def list_providers() -> Response[Any]:
    """All providers."""
    return answer([entry.summary() for entry in catalog.providers()])


@router.get("/v1/catalog/providers/<provider_id>")
def get_provider(provider_id: str) -> Response[Any]:
    """One provider with the schema of its configurations."""
    return answer(catalog.provider(provider_id).detail())


@router.get("/v1/catalog/providers/<provider_id>/executors")
def list_provider_executors(provider_id: str) -> Response[Any]:
    """The operations of one provider."""
    return answer([entry.summary() for entry in catalog.provider_executors(provider_id)])


@router.get("/v1/catalog/templates")
def list_templates() -> Response[Any]:
    """All templates."""
    return answer([template.summary() for template in wiring.templates().list()])


@router.get("/v1/catalog/templates/<template_id>")
def get_template(template_id: str) -> Response[Any]:
    """One template with the schema of its parameters, and the provider configurations to choose from."""
    return answer(wiring.templates().detail(template_id))


@router.post("/v1/catalog/templates/<template_id>/validate")
def validate_template_params(template_id: str) -> Response[Any]:
    """Do parameters satisfy the template's schema?"""
    wiring.templates().get(template_id)
    wiring.templates().check(template_id, json_object(router.current_event).get("params"))
    return answer({"valid": True})
