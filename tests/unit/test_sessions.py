"""Logging in and out, throttling, roles, and what a token opens, through the functions (FlowRunner spec a, b)."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import jwt
import pytest

from flowker import wiring
from flowker.errors import LoginThrottled
from flowker.http.authentication import ANONYMOUS
from flowker.model.audit import NOTHING, AuditEvent, EventType, Result, actor
from flowker.settings import Settings
from flowker.usecases.tokens import LONGEST_SESSION
from flowker.wiring.accounts import accounts, first_admin, sessions, throttle
from flowker.wiring.secrets import secret_store
from tests.fakes import ManualClock, MemoryTable
from tests.functions import ADDRESS, Answered, call
from tests.trails import trail, use

EMAIL, PASSWORD = "root@example.com", "correct horse"
KEY = "k" * 32
SETTINGS = Settings(
    jwt_keys={"k1": KEY.encode()},
    admin_email=EMAIL,
    admin_password=PASSWORD,
    api_keys={"bank": sha256(b"key").hexdigest()},
)


class World:
    def __init__(self) -> None:
        self.table = MemoryTable()
        self.clock = ManualClock()
        use(self.table)
        wiring.use(replace(wiring.home(), settings=SETTINGS, clock=self.clock))

    def call(
        self, method: str, path: str, body: Any = None, token: str | None = None, **given: Any
    ) -> Answered:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return call(method, f"/api/v1{path}", body, headers, **given)

    def login(self, email: str = EMAIL, password: str = PASSWORD) -> Answered:
        return self.call("POST", "/auth/login", {"username": email, "password": password})

    def token(self, email: str = EMAIL, password: str = PASSWORD) -> str:
        return str(self.login(email, password).ok()["token"])

    def account(self, role: str = "user", email: str = "user@example.com") -> dict[str, Any]:
        body = {"name": "User", "email": email, "password": PASSWORD, "role": role}
        created: dict[str, Any] = self.call("POST", "/accounts", body, self.token()).ok(201)
        return created

    def events(self) -> list[AuditEvent]:
        wiring.audit_trail().append_pending()
        return [entry.event for entry in trail(self.table)]


@pytest.fixture
def world() -> World:
    return World()


def error(answer: Answered, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status, answer
    found: dict[str, Any] = answer.json["error"]
    assert found["code"] == code
    assert found["request_id"] == answer.headers["X-Request-ID"]
    return found


def test_a_login_gives_a_token_with_its_end(world: World) -> None:
    answer = world.login("ROOT@Example.com")
    session = answer.ok()
    assert session.keys() == {"token", "expires_at", "account_id"}
    assert session["expires_at"] == "2026-03-02T10:00:00Z"
    assert answer.headers["Cache-Control"] == "no-store"
    me = world.call("GET", "/accounts/me", token=session["token"]).ok()
    assert (me["id"], me["email"], me["role"]) == (session["account_id"], EMAIL, "admin")


@pytest.mark.parametrize(
    "body", [{}, {"username": EMAIL}, {"password": PASSWORD}, {"username": 1, "password": "x"}, "[]", "{"]
)
def test_an_incomplete_login_is_a_bad_request(world: World, body: Any) -> None:
    error(world.call("POST", "/auth/login", body), 400, "invalid_request")
    assert world.events() == []


def test_a_wrong_password_and_an_unknown_account_are_the_same(world: World) -> None:
    answers = [world.login(EMAIL, "wrong"), world.login("nobody@example.com", "wrong")]
    first, second = (error(answer, 401, "unauthorized") for answer in answers)
    assert first == second
    assert all(answer.headers["WWW-Authenticate"] == "Bearer" for answer in answers)


def test_after_five_failures_for_an_address_the_right_password_waits_for_the_next_minute(
    world: World,
) -> None:
    world.clock.advance(15)
    for _ in range(5):
        error(world.login(EMAIL.upper(), "wrong"), 401, "unauthorized")
    answer = world.login()
    error(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "45"
    error(world.login("other@example.com"), 401, "unauthorized")
    world.clock.advance(45)
    world.login().ok()


def test_after_twenty_failures_from_a_place_nobody_logs_in_from_there(world: World) -> None:
    for number in range(20):
        error(world.login(f"user{number}@example.com", "wrong"), 401, "unauthorized")
    error(world.login(), 429, "rate_limited")
    assert len([event for event in world.events() if event.type is EventType.SESSION_CREATED]) == 20


def test_guessing_many_at_a_time_is_of_no_use(world: World) -> None:
    world.login().ok()

    def others() -> None:
        for _ in range(5):
            throttle().failed(EMAIL, actor().ip_address)

    racing = replace(sessions(), first_admin=others)
    with pytest.raises(LoginThrottled):
        racing.login(EMAIL, PASSWORD)


def test_successes_do_not_count(world: World) -> None:
    for _ in range(25):
        world.login().ok()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic cm9vdDpyb290"},
        {"x-api-key": "key"},
    ],
)
@pytest.mark.parametrize("path", ["/accounts/me", "/auth/refresh", "/nowhere"])
def test_without_a_token_everything_else_is_refused(world: World, headers: dict[str, str], path: str) -> None:
    answer = call("GET", f"/api/v1{path}", None, headers)
    error(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_may_be_in_any_letter_case(world: World) -> None:
    call("GET", "/api/v1/accounts/me", None, {"authorization": f"bEARER  {world.token()}"}).ok()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("PATCH", "/accounts"),
        ("GET", "/auth/login"),
        ("GET", ""),
        ("POST", "/accounts/a/b/c/d"),
    ],
)
def test_an_unknown_route_or_method_is_not_found(world: World, method: str, path: str) -> None:
    token = None if path == "/auth/login" else world.token()
    error(world.call(method, path, token=token), 404, "not_found")


def test_a_refreshed_token_is_another_one_and_the_old_one_stays_valid(world: World) -> None:
    old = world.token()
    world.clock.advance(3600)
    session = world.call("POST", "/auth/refresh", token=old).ok()
    assert session["expires_at"] == "2026-03-02T11:00:00Z"
    assert session["token"] != old
    for token in (old, session["token"]):
        world.call("GET", "/accounts/me", token=token).ok()


def test_a_session_cannot_be_refreshed_for_ever(world: World) -> None:
    token = world.token()
    refreshed = 0
    while (answer := world.call("POST", "/auth/refresh", token=token)).status == 200:
        token = answer.json["token"]
        world.clock.advance(23 * 3600)
        refreshed += 1
    error(answer, 401, "unauthorized")
    assert refreshed == LONGEST_SESSION // (23 * 3600) + 1


def test_logging_out_revokes_this_token_only(world: World) -> None:
    token, other = world.token(), world.token()
    assert world.call("POST", "/auth/logout", token=token).ok() == {"message": "Logged out successfully"}
    for path in ("/auth/logout", "/auth/refresh"):
        error(world.call("POST", path, token=token), 401, "unauthorized")
    error(world.call("GET", "/accounts/me", token=token), 401, "unauthorized")
    world.call("GET", "/accounts/me", token=other).ok()


def test_one_read_tells_whose_request_it_is(world: World) -> None:
    token = world.token()
    reads: list[int] = []

    class Counting(MemoryTable):
        def get(self, keys: Any) -> Any:
            reads.append(len(keys))
            return world.table.get(keys)

    wiring.use(replace(wiring.home(), table=Counting()))
    sessions().principal(token)
    assert reads == [2]


def test_a_new_password_or_role_revokes_every_token(world: World) -> None:
    account = world.account()
    user = world.token("user@example.com")
    path = f"/accounts/{account['id']}"
    world.call("PUT", path, {"name": "New"}, user).ok()
    world.call("PUT", path, {"role": "admin"}, world.token()).ok()
    error(world.call("GET", "/accounts/me", token=user), 401, "unauthorized")
    user = world.token("user@example.com")
    world.call("PUT", path, {"password": "another one"}, world.token()).ok()
    error(world.call("GET", "/accounts/me", token=user), 401, "unauthorized")
    error(world.login("user@example.com"), 401, "unauthorized")
    world.token("user@example.com", "another one")


def test_whoever_changes_their_own_password_shows_that_they_know_the_old_one(world: World) -> None:
    world.account()
    token = world.token("user@example.com")
    change = {"password": "another one"}
    assert error(world.call("PUT", "/accounts/me", change, token), 400, "invalid_request")["details"] == {
        "field": "current_password",
        "reason": "required",
    }
    wrong = change | {"current_password": "wrong"}
    for _ in range(5):
        error(world.call("PUT", "/accounts/me", wrong, token), 422, "validation_error")
    right = change | {"current_password": PASSWORD}
    error(world.call("PUT", "/accounts/me", right, token), 429, "rate_limited")
    world.clock.advance(60)
    world.call("PUT", "/accounts/me", right, token).ok()
    world.token("user@example.com", "another one")


def test_the_first_admin_is_made_once(world: World) -> None:
    assert first_admin()
    wiring.use(wiring.home())
    assert not first_admin()
    user = world.account("admin", "second@example.com")
    root = world.call("GET", "/accounts/me", token=world.token()).ok()
    world.call("DELETE", f"/accounts/{root['id']}", token=world.token("second@example.com")).ok()
    wiring.use(wiring.home())
    error(world.login(), 401, "unauthorized")
    assert world.call("GET", "/accounts", token=world.token("second@example.com")).ok()["accounts"] == [user]


def test_an_admin_that_cannot_be_made_is_a_mistake_of_the_deployment() -> None:
    world = World()
    wiring.use(replace(wiring.home(), settings=replace(SETTINGS, admin_password="short")))
    error(world.login(), 500, "internal_error")


# --- the first face --------------------------------------------------------------------------------------------------


def test_the_token_of_an_admin_opens_v1_and_the_trail_names_the_account(world: World) -> None:
    session = world.login().ok()
    bearer = {"authorization": f"Bearer {session['token']}"}
    call("POST", "/v1/workflows", {"name": "one"}, bearer).ok(201)
    created = world.events()[-1]
    assert (created.type, created.actor.type, created.actor.id) == (
        EventType.WORKFLOW_CREATED,
        "user",
        session["account_id"],
    )


def test_other_accounts_do_not_enter_v1(world: World) -> None:
    world.account()
    bearer = {"authorization": f"Bearer {world.token('user@example.com')}"}
    call("GET", "/v1/workflows", None, bearer).refused(403, "FORBIDDEN")


def test_a_key_counts_more_than_a_token(world: World) -> None:
    bearer = {"authorization": f"Bearer {world.token()}"}
    call("GET", "/v1/workflows", None, {**bearer, "x-api-key": "wrong"}).refused(401, "UNAUTHORIZED")
    call("GET", "/v1/workflows", None, {"authorization": "Bearer x.y.z", "x-api-key": "key"}).ok()
    call("GET", "/v1/workflows", None, {"authorization": "Bearer x.y.z"}).refused(401, "UNAUTHORIZED")


# --- the trail -------------------------------------------------------------------------------------------------------


def test_sessions_are_in_the_trail(world: World) -> None:
    session = world.login().ok()
    world.call("POST", "/auth/refresh", token=session["token"]).ok()
    world.call("POST", "/auth/logout", token=session["token"]).ok()
    world.login(EMAIL, "wrong")
    made, *found, failed = world.events()
    assert (made.type, made.actor.id) == (EventType.ACCOUNT_CREATED, ANONYMOUS)
    assert [event.type for event in found] == [
        EventType.SESSION_CREATED,
        EventType.SESSION_UPDATED,
        EventType.SESSION_DELETED,
    ]
    for event in found:
        about = (event.result, event.resource_id, event.resource_type, event.actor.id, event.actor.ip_address)
        assert about == (Result.SUCCESS, session["account_id"], "account", session["account_id"], ADDRESS)
    assert (failed.type, failed.result, failed.resource_id) == (
        EventType.SESSION_CREATED,
        Result.FAILED,
        NOTHING,
    )
    assert (failed.actor.id, failed.actor.ip_address) == (ANONYMOUS, ADDRESS)


def test_refused_changes_of_accounts_and_secrets_are_in_the_trail(world: World) -> None:
    account = world.account()
    token = world.token("user@example.com")
    other = "account-0f8fad5b-d9cb-469f-a165-70867728950e"
    before = len(world.events())
    world.call("POST", "/accounts", {}, token)
    world.call("DELETE", f"/accounts/{other}", token=token)
    world.call("POST", "/accounts/me/secrets", {"key": "ü", "value": "x"}, token)
    world.call("DELETE", "/accounts/me/secrets/NOTHING", token=token)
    world.call("GET", f"/accounts/{other}", token=token)
    found = world.events()[before:]
    assert [(event.type, event.resource_id, event.metadata["error"]) for event in found] == [
        (EventType.ACCOUNT_CREATED, NOTHING, "forbidden"),
        (EventType.ACCOUNT_DELETED, other, "forbidden"),
        (EventType.SECRET_CREATED, account["id"], "validation_error"),
        (EventType.SECRET_DELETED, account["id"], "not_found"),
    ]
    assert {event.actor.id for event in found} == {account["id"]}


def test_no_password_token_or_secret_is_in_what_is_stored_as_it_is(world: World) -> None:
    world.account()
    token = world.token("user@example.com")
    world.call("PUT", "/accounts/me", {"password": "another one", "current_password": PASSWORD}, token)
    world.events()
    stored = str(world.table.__dict__)
    for hidden in (PASSWORD, "another one", token, KEY):
        assert hidden not in stored


def test_what_belonged_to_a_deleted_account_is_cleared_away_once_more_later(world: World) -> None:
    account = world.account()
    token = world.token("user@example.com")
    world.call("POST", "/accounts/me/secrets", {"key": "A", "value": "x"}, token).ok(201)
    world.call("DELETE", "/accounts/me", token=token).ok()
    assert secret_store().heads(account["id"]) == []
    secret_store().put(account["id"], "B", "y", "2026-03-01T10:00:00.000Z")  # one that came late
    assert accounts().clear_departed() == 0
    world.clock.advance(121)
    assert accounts().clear_departed() == 1
    assert accounts().clear_departed() == 0
    assert secret_store().heads(account["id"]) == []
    error(world.call("GET", "/accounts/me", token=token), 401, "unauthorized")


def test_a_token_of_ours_for_an_account_that_never_was_is_refused(world: World) -> None:
    claims = jwt.decode(world.token(), options={"verify_signature": False})
    claims |= {"sub": "account-x", "account_id": "account-x"}
    error(
        world.call("GET", "/accounts/me", token=jwt.encode(claims, KEY, "HS256", headers={"kid": "k1"})),
        401,
        "unauthorized",
    )
