"""Provider configurations (Flowker spec a.2 #19–#26, a.6, c.3)."""

from flowker import errors
from flowker.catalog.entries import FILLED, OBJECT, STRING, UUID, Schema, array, one_of, record, text
from flowker.http.openapi.operation import (
    COUNT,
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
from flowker.http.v1.provider_configurations import LIST
from flowker.model.provider import ProviderConfigurationStatus
from flowker.usecases.connectivity import Overall, StageStatus
from flowker.usecases.provider_configurations import DESCRIPTION_LENGTH, NAME_LENGTH

_CONFIG: Schema = {
    **OBJECT,
    "minProperties": 1,
    "description": "As the provider's `configSchema` in the catalog asks for. A value that was read as `********` and is"
    " sent back keeps what is stored.",
}
_CHANGEABLE: dict[str, Schema] = {
    "name": described(
        {**text(1, NAME_LENGTH), "pattern": r"\S"}, "Unique among all provider configurations."
    ),
    "description": text(0, DESCRIPTION_LENGTH),
    "config": _CONFIG,
    "metadata": described(OBJECT, "Free; keys of a change are added to those that are there."),
}
_SHOWN: dict[str, Schema] = {
    "id": UUID,
    "name": STRING,
    "description": STRING,
    "providerId": STRING,
    "config": described(OBJECT, "Secrets are shown as `********`."),
    "status": ref("ProviderConfigurationStatus"),
    "metadata": OBJECT,
    "createdAt": INSTANT,
    "updatedAt": INSTANT,
}
TEST_STAGE = record(
    {
        "name": STRING,
        "status": one_of(*StageStatus),
        "durationMs": COUNT,
        "message": STRING,
        "details": OBJECT,
        "error": described(STRING, "Why it failed."),
    },
    required=["name", "status", "durationMs", "message"],
)
TEST: dict[str, Schema] = {
    "overallStatus": described(one_of(*Overall), "`partial`: some stages passed, some failed."),
    "durationMs": COUNT,
    "stages": array(ref("TestStage")),
    "summary": STRING,
    "startedAt": INSTANT,
    "completedAt": INSTANT,
}

SCHEMAS: Schemas = {
    "ProviderConfigurationStatus": one_of(*ProviderConfigurationStatus),
    "NewProviderConfiguration": record(
        {**_CHANGEABLE, "providerId": described(FILLED, "A provider of the catalog.")},
        required=["name", "providerId", "config"],
        examples=[
            {
                "name": "Fraud scores",
                "providerId": "http",
                "config": {
                    "base_url": "https://scores.example.com",
                    "auth_type": "bearer",
                    "bearer_token": "…",
                },
            }
        ],
    ),
    "ProviderConfigurationChanges": record(
        _CHANGEABLE, examples=[{"description": "Moved to the new data centre."}]
    ),
    "ProviderConfigurationCreated": record(
        {
            "id": UUID,
            "name": STRING,
            "status": {"const": str(ProviderConfigurationStatus.ACTIVE)},
            "createdAt": INSTANT,
        },
        required=["id", "name", "status", "createdAt"],
    ),
    "ProviderConfiguration": record(
        _SHOWN, required=["id", "name", "providerId", "config", "status", "createdAt", "updatedAt"]
    ),
    "ProviderConfigurationPage": page(ref("ProviderConfiguration")),
    "TestStage": TEST_STAGE,
    "ProviderConfigurationTest": record(
        {"providerConfigId": UUID, "providerId": STRING, **TEST},
        required=["providerConfigId", "providerId", *TEST],
    ),
}

_ONE = (errors.InvalidId, errors.ProviderConfigurationNotFound)
_RULES = (
    *UNREADABLE,
    errors.ProviderConfigurationNameTaken,
    errors.ProviderConfigViolatesSchema,
    errors.UnknownProvider,
    errors.ProviderConfigurationNameMissing,
    errors.ProviderConfigurationNameTooLong,
    errors.ProviderConfigMissing,
    errors.ProviderConfigurationDescriptionTooLong,
)
_SHOW = {200: json_body("The provider configuration, secrets masked.", ref("ProviderConfiguration"))}
_TURN = Operation(
    answers=_SHOW,
    refusals=(*_ONE, errors.ProviderConfigurationTransitionNotAllowed, errors.ChangedConcurrently),
)

OPERATIONS: Operations = {
    ("POST", "/v1/provider-configurations"): Operation(
        answers={
            201: json_body("The new provider configuration, active.", ref("ProviderConfigurationCreated"))
        },
        refusals=(*_RULES, errors.ProviderIdMissing),
        body=ref("NewProviderConfiguration"),
    ),
    ("GET", "/v1/provider-configurations"): Operation(
        answers={200: json_body("A page of provider configurations.", ref("ProviderConfigurationPage"))},
        refusals=list_refusals(LIST),
        parameters=list_parameters(LIST),
    ),
    ("GET", "/v1/provider-configurations/{configuration_id}"): Operation(answers=_SHOW, refusals=_ONE),
    ("PATCH", "/v1/provider-configurations/{configuration_id}"): Operation(
        answers=_SHOW,
        refusals=(*_ONE, *_RULES, errors.ChangedConcurrently),
        body=ref("ProviderConfigurationChanges"),
    ),
    ("DELETE", "/v1/provider-configurations/{configuration_id}"): Operation(
        answers={204: NO_CONTENT}, refusals=_TURN.refusals
    ),
    ("POST", "/v1/provider-configurations/{configuration_id}/disable"): _TURN,
    ("POST", "/v1/provider-configurations/{configuration_id}/enable"): _TURN,
    ("POST", "/v1/provider-configurations/{configuration_id}/test"): Operation(
        answers={
            200: json_body(
                "What the stages found, whether they passed or not.", ref("ProviderConfigurationTest")
            )
        },
        refusals=(*_ONE, errors.NoBaseUrl, errors.DestinationRefused),
    ),
}
