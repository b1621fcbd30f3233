"""Secrets over HTTP: written, listed, deleted, and never read (FlowRunner spec a.3 #19–#21, f)."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.accounts import Tenant, admin, new_tenant, refused
from tests.servers import expect

UNKNOWN = "/api/v1/accounts/account-0f8fad5b-d9cb-469f-a165-70867728950e/secrets"


@pytest.fixture
def root(target: str) -> Iterator[Tenant]:
    tenant = admin(target)
    with closing(tenant.api):
        yield tenant


@pytest.fixture
def user(target: str, root: Tenant) -> Iterator[Tenant]:
    tenant = new_tenant(target, root)
    with closing(tenant.api):
        yield tenant


def put(tenant: Tenant, key: Any, value: Any, of: Tenant | None = None) -> Any:
    return tenant.api.post(f"{(of or tenant).path}/secrets", {"key": key, "value": value})


def keys(tenant: Tenant) -> list[str]:
    found = expect(tenant.api.get(f"{tenant.path}/secrets"), 200)
    assert found["total"] == len(found["secrets"])
    return [each["key"] for each in found["secrets"]]


def test_a_secret_is_stored_replaced_and_deleted(user: Tenant) -> None:
    created = expect(put(user, "API_KEY", "first value"), 201)
    assert created.keys() == {"key", "created_at", "updated_at"}
    replaced = expect(put(user, "API_KEY", "second value"), 200)
    assert replaced["created_at"] == created["created_at"] <= replaced["updated_at"]
    expect(put(user, "A", ""), 201)
    assert keys(user) == ["A", "API_KEY"]
    path = f"{user.path}/secrets/API_KEY"
    assert expect(user.api.get(path), 200) == replaced
    expect(user.api.put(path, {"value": "third value"}), 200)
    assert expect(user.api.delete(path), 200) == {"message": "Secret deleted successfully"}
    for answer in (user.api.get(path), user.api.put(path, {"value": "x"}), user.api.delete(path)):
        refused(answer, 404, "not_found")
    assert keys(user) == ["A"]


def test_a_key_with_special_characters_works_in_paths(user: Tenant) -> None:
    key = "key-with.special_chars@domain.com"
    expect(put(user, key, "v"), 201)
    expect(user.api.get(f"{user.path}/secrets/{key}"), 200)
    expect(user.api.put(f"{user.path}/secrets/{quote(key, safe='')}", {"value": "w"}), 200)
    expect(user.api.delete(f"{user.path}/secrets/{quote(key, safe='').replace('-', '%2D')}"), 200)
    assert keys(user) == []


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    "value",
    ["", 'ünï✓\n\t"{}', "x" * 65_536, "ü" * 32_768, "\x00"],
    ids=["empty", "unicode", "longest", "wide", "nul"],
)
def test_any_text_is_a_value(user: Tenant, value: str) -> None:
    expect(put(user, "KEY", value), 201)


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("key", "value", "status", "field"),
    [
        ("", "v", 422, "key"),
        ("a b", "v", 422, "key"),
        ("a/b", "v", 422, "key"),
        ("ü", "v", 422, "key"),
        ("KEY\n", "v", 422, "key"),
        ("x" * 129, "v", 422, "key"),
        (1, "v", 400, "key"),
        ("KEY", 1, 400, "value"),
        ("KEY", None, 400, "value"),
        ("KEY", "x" * 65_537, 422, "value"),
        ("KEY", "ü" * 32_769, 422, "value"),
    ],
)
def test_what_is_no_secret_is_refused(user: Tenant, key: Any, value: Any, status: int, field: str) -> None:
    code = "invalid_request" if status == 400 else "validation_error"
    assert refused(put(user, key, value), status, code)["details"]["field"] == field
    assert keys(user) == []


def test_the_secrets_of_another_account_are_none_of_ones_business(
    target: str, root: Tenant, user: Tenant
) -> None:
    expect(put(user, "KEY", "v"), 201)
    other = new_tenant(target, root)
    with closing(other.api):
        for path in (f"{user.path}/secrets", UNKNOWN):
            refused(other.api.get(path), 403, "forbidden")
            for body in ({"key": "KEY", "value": "x"}, {}):
                refused(other.api.post(path, body), 403, "forbidden")
            refused(other.api.get(f"{path}/KEY"), 403, "forbidden")
            refused(other.api.put(f"{path}/KEY", {"value": "x"}), 403, "forbidden")
            refused(other.api.delete(f"{path}/KEY"), 403, "forbidden")
    assert keys(user) == ["KEY"]


def test_an_admin_administers_them_but_reads_none(root: Tenant, user: Tenant) -> None:
    expect(put(root, "KEY", "given by the admin", of=user), 201)
    found = expect(root.api.get(f"{user.path}/secrets"), 200)
    assert "given by the admin" not in str(found)
    expect(root.api.delete(f"{user.path}/secrets/KEY"), 200)
    for answer in (root.api.get(UNKNOWN), root.api.post(UNKNOWN, {"key": "K", "value": "v"})):
        refused(answer, 404, "not_found")


def test_they_go_with_their_account(target: str, root: Tenant, user: Tenant) -> None:
    expect(put(user, "KEY", "v"), 201)
    expect(root.api.delete(user.path), 200)
    refused(root.api.get(f"{user.path}/secrets"), 404, "not_found")
    refused(user.api.get(f"{user.path}/secrets"), 401, "unauthorized")


@pytest.mark.parametrize("key", ["a" * 129, "k" * 5000, "a%20b"], ids=["long", "longer", "blank"])
def test_a_key_that_no_secret_can_have_is_unknown(user: Tenant, key: str) -> None:
    path = f"{user.path}/secrets/{key}"
    for answer in (user.api.get(path), user.api.put(path, {"value": "x"}), user.api.delete(path)):
        refused(answer, 404, "not_found")
