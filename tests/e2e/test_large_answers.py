"""No answer is larger than a Lambda function may give: pages end early, and results leave out what does not fit."""

import json
from typing import Any

import httpx
import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    execute,
    executor,
    trigger,
    unique,
)
from tests.servers import Api, expect

MOST = 6_291_556
"""Bytes of a function's answer, which is JSON with the body as a string."""
LARGE = {"text": '"' * 500_000}
"""With the rest of a body, nearly 1 MiB."""

pytestmark = pytest.mark.skip_moto


def fits(answer: httpx.Response) -> httpx.Response:
    assert len(json.dumps({"statusCode": answer.status_code, "body": answer.text})) < MOST
    return answer


def add(api: Api, route: str, name: str) -> str:
    if route == "/v1/workflows":
        return create_workflow(api, {"name": name, "metadata": LARGE})
    if route == "/v1/executors":
        return str(expect(api.post(route, {"name": name, "metadata": LARGE}), 201)["id"])
    body = {
        "name": name,
        "providerId": "http",
        "config": {"base_url": "https://provider.test"},
        "metadata": LARGE,
    }
    return str(expect(api.post(route, body), 201)["id"])


@pytest.mark.parametrize("route", ["/v1/workflows", "/v1/executors", "/v1/provider-configurations"])
@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_page_of_large_things_ends_early_and_a_walk_sees_them_all(api: Api, route: str, order: str) -> None:
    made = [add(api, route, unique("large")) for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while not {*made} <= {*seen}:
        parameters = {"limit": 100, "sortOrder": order, "cursor": cursor}
        page = expect(fits(api.get(route, params=parameters)), 200)
        assert page["items"]
        assert sum(item["id"] in made for item in page["items"]) < len(made)
        assert all(item["metadata"] == LARGE for item in page["items"] if item["id"] in made)
        seen += [item["id"] for item in page["items"]]
        assert page["hasMore"] is bool(page["nextCursor"])
        cursor = page["nextCursor"]
        assert cursor or {*made} <= {*seen}
    assert len(seen) == len({*seen})
    for each in made:
        expect(api.delete(f"{route}/{each}"), 204)


def test_metadata_cannot_be_merged_into_something_too_large_to_show(api: Api) -> None:
    workflow_id = create_workflow(api, {"name": (name := unique())})
    path = f"/v1/workflows/{workflow_id}"
    answers = [
        api.put(path, {"name": name, "metadata": {f"text{number}": LARGE["text"]}}) for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    expect(answers[-1], 400, "FLK-0001")
    assert len(expect(fits(api.get(path)), 200)["metadata"]) == 2
    expect(api.delete(path), 204)


def test_results_that_are_too_large_say_what_they_leave_out(api: Api, provider: Provider) -> None:
    configuration = create_configuration(api, provider.url)
    calls = [executor(f"call{number}", configuration, path=f"/big/{1_000_000}") for number in range(6)]
    execution_id = execute(api, activate(api, chain(trigger(), *calls)), {})
    expect(api.get(f"/v1/executions/{execution_id}", headers={"Prefer": "wait=25"}), 200)
    results: dict[str, Any] = expect(fits(api.get(f"/v1/executions/{execution_id}/results")), 200)
    assert results["finalOutputOmitted"] is True
    assert "finalOutput" not in results
    assert [len(step["output"]["body"]) for step in results["stepResults"] if "output" in step] == [
        1_000_000
    ] * 4
    assert [step["nodeId"] for step in results["stepResults"] if "outputOmitted" in step] == [
        "call4",
        "call5",
    ]
    assert all(("output" in step) is not ("outputOmitted" in step) for step in results["stepResults"])
