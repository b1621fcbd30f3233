"""The catalog (Flowker spec a.2 #27–#37, a.7)."""

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, Schema, array, record
from flowker.errors import FlowkerError
from flowker.http.openapi.operation import (
    NAME_IN_PATH,
    UNREADABLE,
    Answer,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    ref,
)

_NAMED: dict[str, Schema] = {"id": STRING, "name": STRING, "version": STRING}
_SUMMARIES: dict[str, dict[str, Schema]] = {
    "CatalogExecutor": {**_NAMED, "category": STRING, "providerId": STRING},
    "CatalogTrigger": _NAMED,
    "CatalogProvider": {**_NAMED, "description": STRING},
    "CatalogTemplate": {**_NAMED, "description": STRING, "category": STRING},
}
_SCHEMA_FIELD = {
    "CatalogExecutor": ("schema", "its input"),
    "CatalogTrigger": ("schema", "the data of its nodes"),
    "CatalogProvider": ("configSchema", "the `config` of its provider configurations"),
    "CatalogTemplate": ("paramSchema", "its parameters"),
}


def _detail(name: str) -> Schema:
    """The summary, and a JSON Schema as text."""
    field, subject = _SCHEMA_FIELD[name]
    schema = {
        **STRING,
        "contentMediaType": "application/schema+json",
        "description": f"JSON Schema (2020-12) of {subject}, as text.",
    }
    shown = {**_SUMMARIES[name], field: schema}
    return record(shown, required=list(shown))


SCHEMAS: Schemas = {
    **{name: record(fields, required=list(fields)) for name, fields in _SUMMARIES.items()},
    **{f"{name}Detail": _detail(name) for name in _SUMMARIES},
    "ExecutorConfigCheck": record(
        {"config": OBJECT}, required=["config"], examples=[{"config": {"method": "GET", "url": "/scores"}}]
    ),
    "TemplateParamsCheck": record(
        {"params": OBJECT},
        required=["params"],
        examples=[{"params": {"workflowName": "Validated transfers"}}],
    ),
    "Valid": record({"valid": {"const": True}}, required=["valid"]),
}

_VALID: dict[int, Answer] = {200: json_body("It satisfies the schema.", ref("Valid"))}


def _every(name: str, refusals: tuple[type[FlowkerError], ...] = ()) -> Operation:
    return Operation(
        answers={200: json_body("All of them, by id.", array(ref(name)))},
        refusals=refusals,
        name=NAME_IN_PATH,
        stored=False,
    )


def _one(name: str, unknown: type[FlowkerError], *, stored: bool = False) -> Operation:
    return Operation(
        answers={200: json_body("It and its schema.", ref(f"{name}Detail"))},
        refusals=(unknown,),
        name=described(NAME_IN_PATH, "Its id in the catalog."),
        stored=stored,
    )


def _check(body: str, refusals: tuple[type[FlowkerError], ...]) -> Operation:
    return Operation(
        answers=_VALID,
        refusals=(*refusals, *UNREADABLE),
        body=ref(body),
        name=NAME_IN_PATH,
        stored=False,
    )


OPERATIONS: Operations = {
    ("GET", "/v1/catalog/executors"): _every("CatalogExecutor"),
    ("GET", "/v1/catalog/executors/{executor_id}"): _one("CatalogExecutor", errors.ExecutorNotFound),
    ("POST", "/v1/catalog/executors/{executor_id}/validate"): _check(
        "ExecutorConfigCheck", (errors.ExecutorNotFound, errors.InvalidExecutorConfig)
    ),
    ("GET", "/v1/catalog/triggers"): _every("CatalogTrigger"),
    ("GET", "/v1/catalog/triggers/{trigger_id}"): _one("CatalogTrigger", errors.TriggerNotFound),
    ("GET", "/v1/catalog/providers"): _every("CatalogProvider"),
    ("GET", "/v1/catalog/providers/{provider_id}"): _one("CatalogProvider", errors.ProviderNotFound),
    ("GET", "/v1/catalog/providers/{provider_id}/executors"): _every(
        "CatalogExecutor", (errors.ProviderNotFound,)
    ),
    ("GET", "/v1/catalog/templates"): _every("CatalogTemplate"),
    ("GET", "/v1/catalog/templates/{template_id}"): _one("CatalogTemplate", errors.TemplateNotFound),
    ("POST", "/v1/catalog/templates/{template_id}/validate"): _check(
        "TemplateParamsCheck", (errors.TemplateNotFound, errors.InvalidTemplateParameters)
    ),
}
