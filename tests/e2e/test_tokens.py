"""Logging in and out over HTTP (FlowRunner spec a.3 #1–#3, b)."""

from collections.abc import Iterator
from contextlib import closing

import jwt
import pytest

from tests.accounts import Tenant, admin, log_in, new_tenant, refused
from tests.servers import KEY, PASSWORD, Api, Server, expect


@pytest.fixture
def root(target: str) -> Iterator[Tenant]:
    tenant = admin(target)
    with closing(tenant.api):
        yield tenant


@pytest.fixture
def nobody(target: str) -> Iterator[Api]:
    with closing(Api(target, None)) as api:
        yield api


def test_a_token_is_refreshed_and_given_back(target: str, root: Tenant) -> None:
    session = expect(root.api.post("/api/v1/auth/refresh"), 200)
    assert session["account_id"] == root.id
    with closing(Api(target, None, session["token"])) as other:
        expect(other.get("/api/v1/accounts/me"), 200)
        assert expect(other.post("/api/v1/auth/logout"), 200) == {"message": "Logged out successfully"}
        for answer in (other.get("/api/v1/accounts/me"), other.post("/api/v1/auth/logout")):
            refused(answer, 401, "unauthorized")
    expect(root.api.get("/api/v1/accounts/me"), 200)


def test_the_token_tells_what_the_answer_tells(nobody: Api, root: Tenant) -> None:
    assert jwt.get_unverified_header(root.token)["alg"] == "HS256"
    claims = jwt.decode(root.token, options={"verify_signature": False})
    assert (claims["sub"], claims["account_id"], claims["role"]) == (root.id, root.id, "admin")
    assert claims["exp"] - claims["iat"] == 24 * 3600


def test_a_forged_token_opens_nothing(target: str, root: Tenant) -> None:
    claims = jwt.decode(root.token, options={"verify_signature": False})
    header = jwt.get_unverified_header(root.token)
    for token in (
        jwt.encode(claims, "guess" * 10, "HS256", headers={"kid": header["kid"]}),
        jwt.encode(claims, "", "none", headers={"kid": header["kid"]}),
        f"{root.token[:-3]}abc",
        root.token.rpartition(".")[0],
    ):
        with closing(Api(target, None, token)) as forger:
            refused(forger.get("/api/v1/accounts/me"), 401, "unauthorized")


def test_guessing_is_throttled(target: str, nobody: Api, root: Tenant) -> None:
    user = new_tenant(target, root)
    user.api.close()
    wrong = {"username": user.email, "password": "wrong password"}
    statuses = [nobody.post("/api/v1/auth/login", wrong).status_code for _ in range(12)]
    assert statuses.count(401) in range(5, 11)  # five in each minute, and there may be two of them
    answer = nobody.post("/api/v1/auth/login", {"username": user.email, "password": PASSWORD})
    refused(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_admins_may_use_the_first_face_and_the_trail_names_them(target: str, root: Tenant) -> None:
    expect(root.api.post("/v1/workflows", {"name": f"by {root.id}"}), 201)
    user = new_tenant(target, root)
    with closing(user.api):
        assert expect(user.api.get("/v1/workflows"), 403)["code"] == "FORBIDDEN"


@pytest.mark.skip_moto
def test_a_page_may_send_a_token(nobody: Api) -> None:
    answer = nobody.request(
        "OPTIONS",
        "/api/v1/flows",
        headers={"Origin": "https://console.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code == 204


def test_keys_live_in_the_data_folder_and_tokens_outlive_a_restart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("tokens") / "data"
    with Server(folder) as server:
        tenant = admin(server.url)
        tenant.api.close()
        kept = folder / "signing-keys"
        assert kept.stat().st_mode & 0o777 == 0o600
        server.stop()
        old = kept.read_text().strip()
        kept.write_text(f"new={'n' * 40},{old}\n")
        server.start()
        with closing(Api(server.url, None, tenant.token)) as api:
            expect(api.get("/api/v1/accounts/me"), 200)
        again = log_in(server.url, tenant.email)
        again.api.close()
        assert jwt.get_unverified_header(again.token)["kid"] == "new"
        assert KEY not in server.log.read_text()
        assert PASSWORD not in server.log.read_text()
