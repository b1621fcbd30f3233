"""Mappings and operations as users see them: in calls, answers and results (Flowker spec f, d.5, d.6)."""

import re
from typing import Any

import pytest

from flowker.model import exact_json
from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    conditional,
    create_configuration,
    execute,
    executor,
    trigger,
    unique,
)
from tests.servers import Api

Document = dict[str, Any]

UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INPUT = {"doc": "12.345-6", "name": "Ana", "tier": None, "at": "2026-03-01T10:00:00Z", "tags": ["x", "y"]}


def op(operation: str, spec: Document) -> Document:
    return {"operation": operation, "spec": spec}


def action(node_id: str, **data: Any) -> Document:
    return {"id": node_id, "type": "action", "data": {"actionType": "transform", **data}}


def run(api: Api, document: Document, data: Document) -> Document:
    """The results of running a workflow once."""
    return api.results(execute(api, activate(api, document), data))


def test_values_are_transformed_on_their_way_to_a_provider_and_back(api: Api, provider: Provider) -> None:
    """A mapping before the call and one after it, then an action that makes the result of both."""
    configuration = create_configuration(api, provider.url)
    path = f"/score/{unique()}"
    call = executor("call", configuration, path=path, inputMapping=[
        {"source": "workflow.doc", "target": "executor.document",
         "transformation": {"type": "remove_characters", "config": {"characters": ".-"}}},
        {"source": "workflow.at", "target": "executor.day",
         "transformation": {"type": "timestamp", "config": {
             "inputFormat": "2006-01-02T15:04:05Z07:00", "outputFormat": "02/01/2006"}}},
        {"source": "workflow.zip", "target": "executor.address.zip"},
    ], outputMapping=[
        {"source": "body.echo.day", "target": "day", "transformation": {"type": "add_prefix", "config": {"prefix": "on "}}},
        {"source": "status", "target": "workflow.code"},
    ])  # fmt: skip
    make = action("make", transforms=[
        op("shift", {"name": "workflow.name", "code": "workflow.code", "day": "call.day", "tags": "workflow.tags"}),
        op("default", {"tags[+]": "z"}),
        op("concat", {"sources": [{"path": "name"}, {"path": "code"}], "targetPath": "label", "delim": "-"}),
        op("uuid", {"random": {"version": 4}, "ref": {"version": 5, "namespace": "DNS", "names": [
            {"path": "name"}, {"path": "tier", "default": "gold"}]}}),
    ])  # fmt: skip
    results = run(api, chain(trigger(), call, make, conditional("check", "make.label == 'Ana-200'")), INPUT)
    assert results["status"] == "completed", results
    (sent,) = provider.to(path)
    assert sent.body == {"document": "123456", "day": "01/03/2026", "address": {"zip": None}}
    made = results["stepResults"][1]["output"]
    assert UUID4.fullmatch(made.pop("random"))
    assert made == {
        "name": "Ana",
        "code": 200,
        "day": "on 01/03/2026",
        "tags": ["x", "y", "z"],
        "label": "Ana-200",
        "ref": "c127d603-4067-582f-8032-01f0198819db",
    }
    assert results["stepResults"][2]["output"]["result"] is True
    assert results["finalOutput"]["make"]["label"] == "Ana-200"


def test_operations_may_make_a_body_that_is_no_object_and_keep_numbers_exact(
    api: Api, provider: Provider
) -> None:
    configuration = create_configuration(api, provider.url)
    path = f"/echo/{unique()}"
    call = executor(
        "call", configuration, path=path, transforms=[op("extract", {"path": "workflow.amounts"})]
    )
    data = exact_json.loads('{"amounts": [9007199254740993, 0.10, 1e2]}')
    workflow_id = activate(api, chain(trigger(), call))
    body = exact_json.dumps({"inputData": data})
    headers = {"Idempotency-Key": unique(), "Content-Type": "application/json"}
    answer = api.request("POST", f"/v1/workflows/{workflow_id}/executions", content=body, headers=headers)
    results = api.results(answer.json()["executionId"])
    assert results["status"] == "completed", results
    assert provider.to(path)[0].raw == b"[9007199254740993,0.10,1E+2]"


@pytest.mark.skip_moto
def test_the_same_identifiers_are_sent_again_when_a_call_is_repeated(api: Api, provider: Provider) -> None:
    configuration = create_configuration(api, provider.url)
    path = f"/flaky/1/503/{unique()}"
    call = executor("call", configuration, path=path, transforms=[
        op("shift", {"name": "workflow.name"}), op("uuid", {"id": {"version": 4}})])  # fmt: skip
    results = run(api, chain(trigger(), call), INPUT)
    assert results["status"] == "completed", results
    first, second = provider.to(path)
    assert first.body == second.body
    assert UUID4.fullmatch(first.body["id"])


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("operation", "detail"),
    [
        (op("timestamp", {"workflow.name": {"inputFormat": "2006", "outputFormat": "06"}}),
         "[1] timestamp: workflow.name does not match the layout 2006"),
        ({**op("extract", {"path": "workflow.zip"}), "require": True}, "[1] extract: field not found: workflow.zip"),
    ],
)  # fmt: skip
def test_an_operation_that_fails_ends_the_execution_before_the_call(
    api: Api, provider: Provider, operation: Document, detail: str
) -> None:
    configuration = create_configuration(api, provider.url)
    path = f"/score/{unique()}"
    call = executor("call", configuration, path=path, transforms=[{"operation": "pass"}, operation])
    results = run(api, chain(trigger(), call), INPUT)
    assert results["errorMessage"] == 'node "call": input transformation failed (FLK-0504)'
    assert results["stepResults"][0]["errorMessage"] == f"input transformation failed: {detail}"
    assert provider.to(path) == []


@pytest.mark.skip_moto
def test_a_document_that_grows_without_end_fails_its_execution_only(api: Api) -> None:
    double = op("concat", {"sources": [{"path": "name"}, {"path": "name"}], "targetPath": "name"})
    grow = action("grow", transforms=[op("shift", {"name": "workflow.name"}), *[double] * 50])
    results = run(api, chain(trigger(), grow), INPUT)
    assert results["status"] == "failed"
    assert "the result is too large" in results["stepResults"][0]["errorMessage"]
    assert (
        run(api, chain(trigger(), action("fine", transforms=[{"operation": "pass"}])), INPUT)["status"]
        == "completed"
    )
