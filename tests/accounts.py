"""Accounts of a running Flowker, and the clients that are logged in to them."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.samples import unique
from tests.servers import ADMIN, PASSWORD, Api, expect


@dataclass(frozen=True)
class Tenant:
    """An account and a client that is logged in to it."""

    api: Api
    id: str
    email: str
    token: str
    password: str = PASSWORD

    @property
    def path(self) -> str:
        return f"/api/v1/accounts/{self.id}"


def log_in(url: str, email: str, password: str = PASSWORD) -> Tenant:
    """Close its `api` when it is not needed any more."""
    nobody = Api(url, None)
    try:
        session = expect(nobody.post("/api/v1/auth/login", {"username": email, "password": password}), 200)
    finally:
        nobody.close()
    token = session["token"]
    return Tenant(Api(url, None, token), session["account_id"], email, token, password)


def admin(url: str) -> Tenant:
    """The account that the server was started with."""
    return log_in(url, ADMIN)


def create_account(by: Tenant, **fields: Any) -> dict[str, Any]:
    """By an admin; names what is not said."""
    body = {"name": "Tenant", "email": f"{unique()}@example.com", "password": PASSWORD, **fields}
    return expect(by.api.post("/api/v1/accounts", body), 201)


def new_tenant(url: str, by: Tenant, **fields: Any) -> Tenant:
    """Create an account and log in to it."""
    return log_in(url, create_account(by, **fields)["email"])


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer that has this status and, in the envelope of `/api/v1`, this code."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == code, answer.text
    assert error["request_id"] == answer.headers["X-Request-ID"]
    return error
