"""Flows over HTTP, as their owners see them (FlowRunner spec a.3 #4-#8, a.4, c.8, g)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.accounts import Tenant, admin, new_tenant, refused
from tests.flow_samples import CATALOGUE, HELLO, ORDERS, SEED, chain, flow
from tests.servers import Api, expect

FLOWS = "/api/v1/flows"


@pytest.fixture(scope="module")
def root(target: str) -> Iterator[Tenant]:
    first = admin(target)
    yield first
    first.api.close()


@pytest.fixture(scope="module")
def owner(target: str, root: Tenant) -> Iterator[Tenant]:
    """An account of its own for this module."""
    tenant = new_tenant(target, root)
    yield tenant
    tenant.api.close()


@pytest.fixture
def mine(owner: Tenant) -> Api:
    return owner.api


def created(api: Api, definition: str = HELLO, **members: Any) -> dict[str, Any]:
    return expect(api.post(FLOWS, {"name": "My Flow", "definition": definition, **members}), 201)


def problems(error: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["code"], each["field"]) for each in error["details"]["errors"]]


def test_a_flow_lives_from_creation_to_deletion(mine: Api) -> None:
    body = {"name": "My Flow", "description": "A simple flow", "definition": SEED, "tags": ["production"]}
    answer = mine.post(FLOWS, body)
    made = expect(answer, 201)
    assert set(made) == {"id", "name", "description", "version", "created_at", "updated_at", "tags"}
    assert answer.headers["Location"] == f"{FLOWS}/{made['id']}"
    assert (made["version"], made["tags"]) == ("1.0.0", ["production"])
    path = f"{FLOWS}/{made['id']}"
    assert expect(mine.get(path), 200) == {**made, "definition": SEED}
    text = SEED.replace("1.0.0", "1.0.1")
    changed = {"name": "Updated Flow", "definition": text, "tags": ["production", "updated"]}
    after = expect(mine.put(path, changed), 200)
    assert (after["name"], after["version"], after["tags"]) == (
        "Updated Flow",
        "1.0.1",
        ["production", "updated"],
    )
    assert after["created_at"] == made["created_at"]
    assert expect(mine.get(path), 200)["definition"] == text
    assert expect(mine.delete(path), 200) == {"message": "Flow deleted successfully"}
    refused(mine.get(path), 404, "not_found")
    refused(mine.delete(path), 404, "not_found")


@pytest.mark.parametrize("text", [ORDERS, CATALOGUE, "# ünï 😀\r\n\n" + HELLO + "\n\n# end"])
@pytest.mark.skip_moto
def test_definitions_come_back_byte_for_byte(mine: Api, text: str) -> None:
    made = created(mine, text)
    assert expect(mine.get(f"{FLOWS}/{made['id']}"), 200)["definition"] == text


def test_a_long_definition_is_kept(mine: Api) -> None:
    text = HELLO + "#" + "x" * (256 * 1024 - len(HELLO) - 1)
    made = created(mine, text)
    assert expect(mine.get(f"{FLOWS}/{made['id']}"), 200)["definition"] == text
    error = refused(mine.post(FLOWS, {"name": "n", "definition": text + "x"}), 422, "validation_error")
    assert problems(error) == [("limit_exceeded", "definition")]


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "n"},
        {"definition": HELLO},
        {"name": 1, "definition": HELLO},
        {"name": None, "definition": HELLO},
        {"name": "n", "definition": {"a": 1}},
        {"name": "n", "definition": HELLO, "tags": "t"},
        {"name": "n", "definition": HELLO, "tags": [1]},
        {"name": "n", "definition": HELLO, "description": None},
        [],
    ],
)
def test_what_is_missing_or_of_the_wrong_type_is_an_invalid_request(mine: Api, body: Any) -> None:
    refused(mine.post(FLOWS, body), 400, "invalid_request")


def test_all_problems_are_told_with_their_places(mine: Api) -> None:
    text = "metadata: {}\nnodes:\n  a:\n    type: teleport\n    next: {error: nowhere}\n"
    for method, path in (("POST", FLOWS), ("POST", f"{FLOWS}/validate")):
        error = refused(
            mine.request(method, path, json={"name": "n", "definition": text}), 422, "validation_error"
        )
        assert problems(error) == [
            ("name_required", "metadata.name"),
            ("unknown_node_type", "nodes.a.type"),
            ("unknown_target", "nodes.a.next.error"),
        ]
        assert (error["details"]["field"], error["details"]["reason"]) == (
            "metadata.name",
            "a flow needs a name",
        )
        last = error["details"]["errors"][2]
        assert (last["line"], last["column"]) == (5, 12)
        assert "nowhere" in last["reason"]


@pytest.mark.skip_moto
def test_scripts_are_checked_by_the_real_engine(mine: Api) -> None:
    nodes = {"a": {"type": "transform", "params": {"script": "return {"}}}
    error = refused(mine.post(FLOWS, {"name": "n", "definition": flow(nodes)}), 422, "validation_error")
    assert problems(error) == [("script_syntax", "nodes.a.params.script")]


def test_a_failed_update_changes_nothing(mine: Api) -> None:
    made = created(mine, SEED)
    path = f"{FLOWS}/{made['id']}"
    refused(mine.put(path, {"definition": "nodes: ["}), 422, "validation_error")
    refused(mine.put(path, {"name": ""}), 422, "validation_error")
    refused(mine.put(path, {}), 400, "invalid_request")
    refused(mine.put(path, {"unknown": 1}), 400, "invalid_request")
    assert expect(mine.get(path), 200) == {**made, "definition": SEED}


@pytest.mark.skip_moto
def test_validating_tells_what_there_is(mine: Api) -> None:
    verdict = expect(mine.post(f"{FLOWS}/validate", {"definition": SEED}), 200)
    assert verdict == {"valid": True, "name": "My Flow", "version": "1.0.0", "start": "start", "nodes": 2}
    refused(mine.post(f"{FLOWS}/validate", {}), 400, "invalid_request")


@pytest.mark.skip_moto
def test_warnings_name_keys_and_secrets_that_mean_nothing(owner: Tenant) -> None:
    expect(owner.api.post(f"{owner.path}/secrets", {"key": "CASES_KEY", "value": "v"}), 201)
    made = created(owner.api, f"{ORDERS}\nauthor: me\n")
    assert [(each["code"], each["field"]) for each in made["warnings"]] == [
        ("unknown_key", "author"),
        ("unknown_secret", "nodes.load_order.params.headers.Authorization"),
    ]
    assert all(each["line"] and each["column"] and each["reason"] for each in made["warnings"])


def test_versions_are_listed_and_read_by_label_and_number(mine: Api) -> None:
    made = created(mine, chain("a"))
    path = f"{FLOWS}/{made['id']}"
    assert expect(mine.put(path, {"definition": chain("b")}), 200)["version"] == "1.0.1"
    assert expect(mine.put(path, {"definition": chain("c", version="a b/ü")}), 200)["version"] == "a b/ü"
    found = expect(mine.get(f"{path}/versions"), 200)
    shown = [(each["revision"], each["version"]) for each in found["versions"]]
    assert shown == [(3, "a b/ü"), (2, "1.0.1"), (1, "1.0.0")]
    assert (found["total"], found["limit"], found["offset"]) == (3, 10, 0)
    assert len(expect(mine.get(f"{path}/versions?limit=1&offset=1"), 200)["versions"]) == 1
    assert expect(mine.get(f"{path}/versions/1.0.0"), 200)["definition"] == chain("a")
    assert expect(mine.get(f"{path}/versions/3"), 200)["definition"] == chain("c", version="a b/ü")
    refused(mine.get(f"{path}/versions/4"), 404, "not_found")


@pytest.mark.skip_moto
def test_flows_are_listed_newest_first(target: str, root: Tenant) -> None:
    tenant = new_tenant(target, root)
    api = tenant.api
    ids = [created(api, tags=["even", "t"] if number % 2 == 0 else ["t"])["id"] for number in range(12)][::-1]
    page = expect(api.get(FLOWS), 200)
    assert [each["id"] for each in page["flows"]] == ids[:10]
    assert (page["total"], page["limit"], page["offset"]) == (12, 10, 0)
    assert "definition" not in page["flows"][0]
    page = expect(api.get(f"{FLOWS}?limit=5&offset=9&tag=t"), 200)
    assert [each["id"] for each in page["flows"]] == ids[9:]
    assert (page["total"], page["limit"], page["offset"]) == (12, 5, 9)
    assert expect(api.get(f"{FLOWS}?tag=even"), 200)["total"] == 6
    assert expect(api.get(f"{FLOWS}?tag=EVEN"), 200)["total"] == 0
    assert expect(api.get(f"{FLOWS}?limit=1000"), 200)["limit"] == 100
    for query in ("limit=0", "limit=x", "offset=-1", "offset=1.5", "limit="):
        refused(api.get(f"{FLOWS}?{query}"), 400, "invalid_request")
    api.close()


@pytest.mark.skip_moto
def test_metadata_can_be_changed_and_searched(target: str, root: Tenant) -> None:
    tenant = new_tenant(target, root)
    api = tenant.api
    first, second = created(api, name="Orders"), created(api, name="Invoices", tags=["x"])
    path = f"{FLOWS}/{first['id']}/metadata"
    patch = {"category": "desk", "status": "draft", "custom": {"a": 1, "b": [1.50]}, "tags": ["y"]}
    after = expect(api.patch(path, patch), 200)
    assert {name: after[name] for name in patch} == patch
    after = expect(api.patch(path, {"status": None, "custom": {"a": None}}), 200)
    assert "status" not in after
    assert after["custom"] == {"b": [1.5]}
    refused(api.patch(path, {"custom": [1]}), 400, "invalid_request")
    refused(api.patch(path, {"status": "x" * 101}), 422, "validation_error")

    def found(**conditions: Any) -> list[str]:
        page = expect(api.post(f"{FLOWS}/search", conditions), 200)
        return [each["id"] for each in page["flows"]]

    assert found() == [second["id"], first["id"]]
    assert found(name_contains="ORD") == [first["id"]]
    assert found(tags=["x", "z"]) == [second["id"]]
    assert found(category="desk") == [first["id"]]
    assert found(page=2, page_size=1) == [first["id"]]
    assert found(created_after=first["created_at"], created_before="2999-01-01T00:00:00Z") == found()
    for wrong in ({"page": "1"}, {"page": 1.5}, {"created_after": 7}, {"tags": "x"}, {"status": 1}):
        refused(api.post(f"{FLOWS}/search", wrong), 400, "invalid_request")
    for wrong in ({"page": 0}, {"page_size": 10**10}, {"created_after": "yesterday"}):
        error = refused(api.post(f"{FLOWS}/search", wrong), 422, "validation_error")
        assert [error["details"]["field"]] == [*wrong]
    assert expect(api.post(f"{FLOWS}/search"), 200)["total"] == 2
    api.close()


def test_flows_of_other_accounts_do_not_exist(target: str, root: Tenant, mine: Api) -> None:
    made = created(mine)
    path = f"{FLOWS}/{made['id']}"
    stranger = new_tenant(target, root)
    for api in (stranger.api, root.api):
        refused(api.get(path), 404, "not_found")
        refused(api.put(path, {"name": "n"}), 404, "not_found")
        refused(api.put(path, {"definition": "nodes: ["}), 404, "not_found")
        refused(api.delete(path), 404, "not_found")
        refused(api.patch(f"{path}/metadata", {"status": "x"}), 404, "not_found")
        refused(api.get(f"{path}/versions"), 404, "not_found")
        refused(api.get(f"{path}/versions/1"), 404, "not_found")
    assert expect(stranger.api.get(FLOWS), 200)["flows"] == []
    assert expect(mine.get(path), 200)["name"] == "My Flow"
    stranger.api.close()


@pytest.mark.skip_moto
def test_nobody_gets_in_without_a_token(target: str) -> None:
    nobody = Api(target, None)
    refused(nobody.get(FLOWS), 401, "unauthorized")
    refused(nobody.post(FLOWS, {}), 401, "unauthorized")
    nobody.close()


@pytest.mark.skip_moto
def test_dangerous_yaml_is_refused(mine: Api) -> None:
    bomb = "\n".join(
        ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    )
    for text in (
        bomb,
        "[" * 100_000,
        "a: !!python/object/apply:os.system ['id']",
        "a: \x00",
        "{",
        "? " * 50_000,
    ):
        error = refused(mine.post(FLOWS, {"name": "n", "definition": text}), 422, "validation_error")
        assert error["details"]["errors"][0]["line"] >= 1
