"""What the catalog offers: lists, details, and the trial of an executor's configuration."""

import json
from typing import Any

import pytest

from flowker.catalog.registry import CATALOG
from flowker.errors import (
    ExecutorNotFound,
    InvalidBody,
    InvalidExecutorConfig,
    ProviderNotFound,
    TriggerNotFound,
)
from flowker.usecases import catalog

UUID = "0b54a1f4-6c3e-4a57-9f1b-0f1c2d3e4f50"


def test_a_schema_text_is_the_schema() -> None:
    for entry in (*CATALOG.providers.values(), *CATALOG.executors.values(), *CATALOG.triggers.values()):
        assert json.loads(entry.schema_text) == entry.schema
        assert entry.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_lists_are_sorted_by_id() -> None:
    assert [each.id for each in catalog.providers()] == ["http", "midaz", "s3", "tracer"]
    assert [each.id for each in catalog.triggers()] == ["schedule", "webhook"]
    assert [each.id for each in catalog.executors()] == [
        "http",
        "midaz.create-account",
        "midaz.create-transaction",
        "midaz.get-account",
        "midaz.get-account-balance",
        "s3.put-object",
        "tracer.list-validations",
        "tracer.validate-transaction",
    ]


def test_summaries_and_details_have_the_fields_of_the_api() -> None:
    midaz, account, webhook = (
        catalog.provider("midaz"),
        catalog.executor("midaz.get-account"),
        catalog.trigger("webhook"),
    )
    assert midaz.summary() == {
        "id": "midaz",
        "name": "Midaz",
        "description": midaz.description,
        "version": "v1",
    }
    assert midaz.detail() == midaz.summary() | {"configSchema": midaz.schema_text}
    assert account.summary() == {
        "id": "midaz.get-account",
        "name": "Get Account",
        "category": "Midaz",
        "version": "v1",
        "providerId": "midaz",
    }
    assert account.detail() == account.summary() | {"schema": account.schema_text}
    assert webhook.summary() == {"id": "webhook", "name": "Webhook", "version": "v1"}
    assert webhook.detail() == webhook.summary() | {"schema": webhook.schema_text}


def test_every_executor_belongs_to_a_provider() -> None:
    found = [executor for each in catalog.providers() for executor in catalog.provider_executors(each.id)]
    assert sorted(executor.id for executor in found) == [each.id for each in catalog.executors()]
    assert [each.id for each in catalog.provider_executors("tracer")] == [
        "tracer.list-validations",
        "tracer.validate-transaction",
    ]


def test_unknown_ids_are_not_found() -> None:
    with pytest.raises(ProviderNotFound):
        catalog.provider("nope")
    with pytest.raises(ProviderNotFound):
        catalog.provider_executors("nope")
    with pytest.raises(ExecutorNotFound):
        catalog.executor("nope")
    with pytest.raises(TriggerNotFound):
        catalog.trigger("nope")


def test_a_valid_executor_config_passes() -> None:
    catalog.validate_executor_config("midaz.get-account", {"accountId": UUID})


def test_an_invalid_executor_config_names_its_fields() -> None:
    with pytest.raises(InvalidExecutorConfig) as raised:
        catalog.validate_executor_config(
            "tracer.validate-transaction", {"account": {"type": "x"}, "requestId": "r"}
        )
    assert raised.value.fields == {
        "config.requestId": "must be a UUID",
        "config.account.type": "must be one of checking, savings, credit",
        "config.account.accountId": "is required",
        "config.account.status": "is required",
        "config.transactionType": "is required",
        "config.amount": "is required",
        "config.currency": "is required",
        "config.transactionTimestamp": "is required",
    }


@pytest.mark.parametrize("config", [None, [], "x", 1])
def test_an_executor_config_must_be_an_object(config: Any) -> None:
    with pytest.raises(InvalidBody) as raised:
        catalog.validate_executor_config("http", config)
    assert raised.value.fields == {"config": "must be an object"}


def test_an_unknown_executor_is_reported_before_its_config_is_looked_at() -> None:
    with pytest.raises(ExecutorNotFound):
        catalog.validate_executor_config("nope", None)
