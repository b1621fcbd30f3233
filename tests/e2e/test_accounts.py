"""Accounts over HTTP: who may do what, and what is refused how (FlowRunner spec a.3 #14–#18, b)."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.accounts import Tenant, admin, create_account, log_in, new_tenant, refused
from tests.samples import unique
from tests.servers import PASSWORD, Api, expect

UNKNOWN = "account-0f8fad5b-d9cb-469f-a165-70867728950e"
ACCOUNTS = "/api/v1/accounts"


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


def account(**changes: Any) -> dict[str, Any]:
    body = {"name": "New Account", "email": f"{unique()}@example.com", "password": PASSWORD, **changes}
    return {name: value for name, value in body.items() if value is not None}


def test_an_account_is_created_read_changed_and_deleted(target: str, root: Tenant) -> None:
    sent = account(name="Ünïcode ✓", role="user")
    answer = root.api.post(ACCOUNTS, sent)
    created = expect(answer, 201)
    path = f"{ACCOUNTS}/{created['id']}"
    assert answer.headers["Location"] == path
    assert created == {
        "id": created["id"],
        "name": "Ünïcode ✓",
        "email": sent["email"],
        "role": "user",
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created["created_at"])
    assert expect(root.api.get(path), 200) == created
    changed = expect(root.api.put(path, {"name": "Other", "email": f"new-{sent['email']}"}), 200)
    assert (changed["name"], changed["email"]) == ("Other", f"new-{sent['email']}")
    assert changed["created_at"] == created["created_at"] <= changed["updated_at"]
    with closing(log_in(target, f"new-{sent['email']}").api) as api:
        assert expect(api.get(f"{ACCOUNTS}/me"), 200) == changed
    assert expect(root.api.delete(path), 200) == {"message": "Account deleted successfully"}
    for answer in (root.api.get(path), root.api.delete(path), root.api.put(path, {"name": "x"})):
        refused(answer, 404, "not_found")
    create_account(root, email=sent["email"])


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"name": None}, 400, "name"),
        ({"email": None}, 400, "email"),
        ({"password": None}, 400, "password"),
        ({"name": 1}, 400, "name"),
        ({"email": ["a@example.com"]}, 400, "email"),
        ({"role": True}, 400, "role"),
        ({"name": ""}, 422, "name"),
        ({"name": " \t"}, 422, "name"),
        ({"name": "x" * 101}, 422, "name"),
        ({"email": ""}, 422, "email"),
        ({"email": "nobody"}, 422, "email"),
        ({"email": "a@b@c"}, 422, "email"),
        ({"email": "a b@example.com"}, 422, "email"),
        ({"email": "a@-example.com"}, 422, "email"),
        ({"email": f"{'a' * 250}@example.com"}, 422, "email"),
        ({"password": "x" * 7}, 422, "password"),
        ({"password": "x" * 129}, 422, "password"),
        ({"role": "root"}, 422, "role"),
        ({"role": "ADMIN"}, 422, "role"),
    ],
)
def test_what_is_missing_or_cannot_be_accepted_is_named(
    root: Tenant, changes: dict[str, Any], status: int, field: str
) -> None:
    code = "invalid_request" if status == 400 else "validation_error"
    error = refused(root.api.post(ACCOUNTS, account(**changes)), status, code)
    assert error["details"]["field"] == field
    assert error["details"]["reason"]


@pytest.mark.skip_moto
def test_unknown_members_are_ignored_and_the_longest_values_accepted(root: Tenant) -> None:
    sent = account(name="x" * 100, password="x" * 128, colour="red", id=UNKNOWN)
    assert expect(root.api.post(ACCOUNTS, sent), 201)["id"] != UNKNOWN


def test_an_address_has_one_account_whatever_the_letter_case(root: Tenant, user: Tenant) -> None:
    refused(root.api.post(ACCOUNTS, account(email=user.email.upper())), 409, "conflict")
    other = create_account(root)
    refused(root.api.put(f"{ACCOUNTS}/{other['id']}", {"email": user.email.title()}), 409, "conflict")


def test_users_see_and_change_only_themselves(target: str, root: Tenant, user: Tenant) -> None:
    assert expect(user.api.get(user.path), 200) == expect(user.api.get(f"{ACCOUNTS}/me"), 200)
    for path in (root.path, f"{ACCOUNTS}/{UNKNOWN}"):
        changes = [user.api.put(path, body) for body in ({"name": "x"}, {"name": 1})]
        for answer in (user.api.get(path), *changes, user.api.delete(path)):
            refused(answer, 403, "forbidden")
    for query in ("", "?limit=0"):
        refused(user.api.get(f"{ACCOUNTS}{query}"), 403, "forbidden")
    for body in (account(), {}):
        refused(user.api.post(ACCOUNTS, body), 403, "forbidden")
    refused(user.api.put(user.path, {"role": "admin"}), 403, "forbidden")
    assert expect(user.api.put(user.path, {"role": "user", "name": "Me"}), 200)["name"] == "Me"
    expect(user.api.delete(user.path), 200)
    refused(user.api.get(user.path), 401, "unauthorized")


@pytest.mark.skip_moto
def test_a_change_changes_something(user: Tenant) -> None:
    for body in ({}, {"colour": "red"}, {"current_password": PASSWORD}):
        refused(user.api.put(user.path, body), 400, "invalid_request")


@pytest.mark.skip_moto
def test_accounts_are_listed_by_age_in_pages(target: str, root: Tenant) -> None:
    made = [create_account(root, role=role)["id"] for role in ("user", "admin", "user")]
    first = expect(root.api.get(ACCOUNTS, params={"limit": 2}), 200)
    assert (first["limit"], first["offset"], len(first["accounts"])) == (2, 0, 2)
    total = first["total"]
    everybody = [
        each
        for offset in range(0, total, 100)
        for each in expect(root.api.get(ACCOUNTS, params={"limit": 500, "offset": offset}), 200)["accounts"]
    ]
    assert [each["id"] for each in everybody][-3:] == made
    assert everybody == sorted(everybody, key=lambda each: str(each["created_at"]))
    last = expect(root.api.get(ACCOUNTS, params={"limit": 101, "offset": total - 1}), 200)
    assert (last["limit"], last["offset"], last["total"]) == (100, total - 1, total)
    assert [each["id"] for each in last["accounts"]] == made[-1:]
    admins = expect(root.api.get(ACCOUNTS, params={"role": "admin", "limit": 100}), 200)
    assert {each["role"] for each in admins["accounts"]} == {"admin"}
    assert made[1] in [each["id"] for each in admins["accounts"]]
    assert admins["total"] < total
    beyond = expect(root.api.get(ACCOUNTS, params={"offset": 10**17}), 200)
    assert (beyond["accounts"], beyond["total"]) == ([], total)


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.5",
        "offset=-1",
        "offset=x",
        "role=root",
        "limit=" + "9" * 30,
    ],
)
def test_a_list_cannot_be_asked_for_anything(root: Tenant, query: str) -> None:
    error = refused(root.api.get(f"{ACCOUNTS}?{query}"), 400, "invalid_request")
    assert error["details"]["field"] == query.partition("=")[0]


def test_the_last_admin_stays(root: Tenant, target: str) -> None:
    for each in expect(root.api.get(ACCOUNTS, params={"role": "admin", "limit": 100}), 200)["accounts"]:
        if each["id"] != root.id:
            expect(root.api.delete(f"{ACCOUNTS}/{each['id']}"), 200)
    refused(root.api.put(root.path, {"role": "user"}), 409, "conflict")
    refused(root.api.delete(root.path), 409, "conflict")
    second = new_tenant(target, root, role="admin")
    with closing(second.api):
        expect(second.api.put(second.path, {"role": "user"}), 200)
        refused(second.api.get(second.path), 401, "unauthorized")
    refused(root.api.delete(root.path), 409, "conflict")


@pytest.mark.skip_moto
def test_of_admins_who_demote_each_other_at_once_one_stays(target: str, root: Tenant) -> None:
    others = [new_tenant(target, root, role="admin") for _ in range(6)]
    for each in expect(root.api.get(ACCOUNTS, params={"role": "admin", "limit": 100}), 200)["accounts"]:
        if each["id"] not in (root.id, *(other.id for other in others)):
            expect(root.api.delete(f"{ACCOUNTS}/{each['id']}"), 200)
    with ThreadPoolExecutor(len(others)) as pool:
        statuses = [*pool.map(lambda each: each.api.put(each.path, {"role": "user"}).status_code, others)]
    assert statuses == [200] * len(others)
    refused(root.api.put(root.path, {"role": "user"}), 409, "conflict")
    for other in others:
        other.api.close()


@pytest.mark.skip_moto
def test_an_unknown_path_is_answered_in_the_envelope(root: Tenant, target: str) -> None:
    for method, path in [
        ("GET", "/api/v1/nothing"),
        ("PATCH", ACCOUNTS),
        ("GET", "/api/v1"),
        ("PUT", "/api/v1/auth/login"),
    ]:
        refused(root.api.request(method, path), 404, "not_found")
    with closing(Api(target, None)) as nobody:
        refused(nobody.get("/api/v1/nothing"), 401, "unauthorized")
    answer = root.api.request("POST", ACCOUNTS, content=b"{", headers={"Content-Type": "application/json"})
    refused(answer, 400, "invalid_request")
    huge = b'{"name": "' + b"x" * 1_100_000 + b'"}'
    answer = root.api.request("POST", ACCOUNTS, content=huge, headers={"Content-Type": "application/json"})
    refused(answer, 400, "invalid_request")
