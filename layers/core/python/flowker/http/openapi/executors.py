"""Executor configurations (Flowker spec a.2 #15–#18 and the extension below them, a.5, c.2)."""

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, UUID, Schema, array, integer, one_of, record, text
from flowker.http.openapi.operation import (
    INSTANT,
    NO_CONTENT,
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    list_parameters,
    list_refusals,
    page,
    ref,
)
from flowker.http.openapi.provider_configurations import TEST
from flowker.http.v1.executors import LIST
from flowker.model.executor_configuration import ExecutorConfigurationStatus
from flowker.usecases.executor_documents import (
    AUTHENTICATIONS,
    CONNECTION,
    DEFAULT_TIMEOUT,
    DESCRIPTION_LENGTH,
    ENDPOINT_NAME_LENGTH,
    LONGEST_TIMEOUT,
    METHODS,
    NAME_LENGTH,
    PATH_LENGTH,
    URL_LENGTH,
)

_SENT: dict[str, Schema] = {
    "name": described(
        {**text(1, NAME_LENGTH), "pattern": r"\S"}, "Unique among all executor configurations."
    ),
    "description": text(0, DESCRIPTION_LENGTH),
    "baseUrl": described(
        {**text(1, URL_LENGTH), "pattern": "^https?://"}, "Absolute, with a host and without credentials."
    ),
    "endpoints": described(array(ref("Endpoint"), minItems=1), "Their names are unique."),
    "authentication": ref("Authentication"),
    "metadata": described(OBJECT, "Free; keys of a change are added to those that are there."),
}
_ENDPOINT: dict[str, Schema] = {
    "name": text(1, ENDPOINT_NAME_LENGTH),
    "path": text(1, PATH_LENGTH),
    "method": described(one_of(*METHODS), "In any letter case."),
    "timeout": described(integer(1, LONGEST_TIMEOUT, default=DEFAULT_TIMEOUT), "Seconds."),
}
_NEEDED = ["name", *CONNECTION]
_EXAMPLE = {
    "name": "Fraud scores",
    "baseUrl": "https://scores.example.com",
    "endpoints": [{"name": "score", "path": "/v1/scores", "method": "POST", "timeout": 10}],
    "authentication": {"type": "api_key", "config": {"key": "…", "header": "X-API-Key"}},
}

SCHEMAS: Schemas = {
    "ExecutorConfigurationStatus": one_of(*ExecutorConfigurationStatus),
    "Endpoint": record(_ENDPOINT, required=["name", "path", "method"]),
    "PlacedEndpoint": record(_ENDPOINT, required=list(_ENDPOINT)),
    "Authentication": record(
        {
            "type": one_of(*AUTHENTICATIONS),
            "config": described(OBJECT, "What the type asks for; secrets are shown as `********`."),
        },
        required=["type"],
    ),
    "NewExecutorConfiguration": described(
        record(_SENT, required=["name"], examples=[_EXAMPLE, {"name": "Fraud scores"}]),
        "Either what is called, with `baseUrl`, `endpoints` and `authentication`, or none of these three yet.",
    ),
    "ExecutorConfigurationDefinition": record(_SENT, required=_NEEDED, examples=[_EXAMPLE]),
    "ExecutorConnection": record(
        _SENT,
        required=list(CONNECTION),
        examples=[{name: _EXAMPLE[name] for name in CONNECTION}],
    ),
    "ExecutorConfigurationCreated": record(
        {"id": UUID, "name": STRING, "status": ref("ExecutorConfigurationStatus"), "createdAt": INSTANT},
        required=["id", "name", "status", "createdAt"],
    ),
    "ExecutorConfiguration": record(
        {
            "id": UUID,
            "name": STRING,
            "description": STRING,
            "baseUrl": described(STRING, "Empty while it is unconfigured."),
            "endpoints": described(array(ref("PlacedEndpoint")), "Empty while it is unconfigured."),
            "authentication": ref("Authentication"),
            "metadata": OBJECT,
            "status": ref("ExecutorConfigurationStatus"),
            "createdAt": INSTANT,
            "updatedAt": INSTANT,
            "lastTestedAt": described(INSTANT, "Absent if it was never tested."),
        },
        required=["id", *_NEEDED, "status", "createdAt", "updatedAt"],
    ),
    "ExecutorConfigurationPage": page(ref("ExecutorConfiguration")),
    "ExecutorConfigurationTest": record(
        {"executorConfigId": UUID, **TEST}, required=["executorConfigId", *TEST]
    ),
}

_ONE = (errors.InvalidId, errors.ExecutorConfigurationNotFound)
_RULES = (
    *UNREADABLE,
    errors.ExecutorConfigurationNameTaken,
    errors.ExecutorConfigurationNameMissing,
    errors.ExecutorConfigurationNameTooLong,
    errors.BaseUrlMissing,
    errors.InvalidBaseUrl,
    errors.BaseUrlTooLong,
    errors.EndpointsMissing,
    errors.AuthenticationMissing,
    errors.ExecutorConfigurationDescriptionTooLong,
    errors.AuthenticationTypeMissing,
    errors.InvalidAuthenticationType,
    errors.EndpointNameMissing,
    errors.EndpointPathMissing,
    errors.EndpointMethodMissing,
    errors.InvalidEndpointMethod,
)
_SHOW = {200: json_body("The executor configuration, secrets masked.", ref("ExecutorConfiguration"))}
_TURN = Operation(
    answers=_SHOW,
    refusals=(*_ONE, errors.ExecutorConfigurationTransitionNotAllowed, errors.ChangedConcurrently),
)
_ITEM = "/v1/executors/{configuration_id}"

OPERATIONS: Operations = {
    ("POST", "/v1/executors"): Operation(
        answers={201: json_body("The new executor configuration.", ref("ExecutorConfigurationCreated"))},
        refusals=_RULES,
        body=ref("NewExecutorConfiguration"),
    ),
    ("GET", "/v1/executors"): Operation(
        answers={200: json_body("A page of executor configurations.", ref("ExecutorConfigurationPage"))},
        refusals=list_refusals(LIST),
        parameters=list_parameters(LIST),
    ),
    ("GET", _ITEM): Operation(answers=_SHOW, refusals=_ONE),
    ("PATCH", _ITEM): Operation(
        answers=_SHOW, refusals=(*_TURN.refusals, *_RULES), body=ref("ExecutorConfigurationDefinition")
    ),
    ("DELETE", _ITEM): Operation(answers={204: NO_CONTENT}, refusals=_TURN.refusals),
    ("POST", f"{_ITEM}/configure"): Operation(
        answers=_SHOW,
        refusals=(*_TURN.refusals, *_RULES),
        body=ref("ExecutorConnection"),
    ),
    ("POST", f"{_ITEM}/test"): Operation(
        answers={
            200: json_body(
                "What the stages found, whether they passed or not.", ref("ExecutorConfigurationTest")
            )
        },
        refusals=(*_TURN.refusals, errors.NoBaseUrl, errors.DestinationRefused),
    ),
    ("POST", f"{_ITEM}/activate"): _TURN,
    ("POST", f"{_ITEM}/disable"): _TURN,
    ("POST", f"{_ITEM}/enable"): _TURN,
}
