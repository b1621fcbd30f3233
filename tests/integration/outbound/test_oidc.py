"""Calls with tokens of OpenID Connect, against a server that issues them (Flowker spec h)."""

import json
import logging
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import quote_plus

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import OutboundHttp
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse
from statemachines.stand_ins.http_service import Answer
from statemachines.stand_ins.oidc import DISCOVERY, OidcServer, running_oidc_server
from tests.fakes import ManualClock
from tests.integration.outbound.calls import BEARER, client, fails_for_good, fails_for_now, get, post, resolve
from tests.integration.outbound.provider_server import Call, ProviderServer


@pytest.fixture
def oidc() -> Iterator[OidcServer]:
    with running_oidc_server() as server:
        yield server


@dataclass
class World:
    """A provider that trusts the tokens of one OpenID Connect server, and calls to it."""

    http: OutboundHttp
    oidc: OidcServer
    provider: ProviderServer
    clock: ManualClock

    def auth(self, cache: Any = None, **config: Any) -> dict[str, Any]:
        """Client credentials; None leaves a field out."""
        client_id, secret = self.oidc.client
        usual = {"issuer_url": self.oidc.url, "client_id": client_id, "client_secret": secret}
        return self._auth("oidc_client_credentials", usual | config, cache)

    def user_auth(self, cache: Any = None, **config: Any) -> dict[str, Any]:
        """The password grant of a user; None leaves a field out."""
        (client_id, secret), (username, password) = self.oidc.client, self.oidc.user
        usual = {"token_url": self.oidc.token_url, "client_id": client_id, "client_secret": secret}
        usual |= {"username": username, "password": password}
        return self._auth("oidc_user", usual | config, cache)

    @staticmethod
    def _auth(kind: str, config: dict[str, Any], cache: Any) -> dict[str, Any]:
        given = {name: value for name, value in config.items() if value is not None}
        return {"type": kind, "config": given} | ({"cache": cache} if cache is not None else {})

    def call(self, auth: dict[str, Any] | None = None, **fields: Any) -> OutboundResponse:
        return self.http.send(self.request(auth or self.auth(), **fields))

    def request(self, auth: dict[str, Any], **fields: Any) -> OutboundRequest:
        return post(self.provider.url("/pay"), b'{"amount":1}', auth=auth, **fields)

    @property
    def seen(self) -> list[str | None]:
        """What the provider got as `Authorization`, call by call."""
        return [received.headers["Authorization"] for received in self.provider.received]


@pytest.fixture
def world(oidc: OidcServer, provider: ProviderServer) -> Iterator[World]:
    def guarded(call: Call) -> None:
        call.answer(200 if oidc.accepts(call.headers["Authorization"]) else 401)

    provider.behaviours["/pay"] = guarded
    clock = ManualClock()
    with client(now=lambda: clock.now().timestamp()) as http:
        yield World(http, oidc, provider, clock)


# --- client credentials -----------------------------------------------------------------------------------------------


def test_a_call_carries_a_token_of_the_discovered_endpoint(world: World) -> None:
    assert world.call().status == 200
    (request,) = world.oidc.token_requests
    assert request.form == {"grant_type": "client_credentials"}
    assert request.basic == world.oidc.client
    assert request.headers["accept"] == "application/json"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert world.seen == [f"Bearer {world.oidc.issued[0]}"]
    assert world.oidc.discoveries == 1


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_an_issuer_may_end_in_a_slash(world: World, slashes: str) -> None:
    assert world.call(world.auth(issuer_url=world.oidc.url + slashes)).status == 200


@pytest.mark.parametrize("spelling", ["token_url", "tokenURL"])
def test_a_token_url_needs_no_discovery(world: World, spelling: str) -> None:
    auth = world.auth(issuer_url="http://unresolvable.test", **{spelling: world.oidc.token_url})
    assert world.call(auth).status == 200
    assert world.oidc.discoveries == 0


def test_scopes_audience_and_extra_parameters_are_sent(world: World) -> None:
    extra = {"resource": "r&d", "n": 1, "grant_type": "password", "scope": "all"}
    world.call(world.auth(scopes=["read", "write"], audience="https://api", extra_params=extra))
    assert world.oidc.token_requests[0].form == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "audience": "https://api",
        "resource": "r&d",
        "n": "1",
    }


def test_a_client_is_encoded_before_it_goes_into_the_header(world: World) -> None:
    world.oidc.client = ("cli:ent é", "s3c r+t%&=")
    assert world.call().status == 200
    encoded = world.oidc.token_requests[0].headers["authorization"].removeprefix("Basic ")
    assert b64decode(encoded).decode() == f"{quote_plus('cli:ent é')}:{quote_plus('s3c r+t%&=')}"


def test_a_client_may_identify_itself_in_the_form(world: World) -> None:
    world.oidc.client = ("cli:ent é", "s3c r+t%&=")
    assert world.call(world.auth(token_endpoint_auth_method="client_secret_post")).status == 200
    (request,) = world.oidc.token_requests
    assert request.basic is None
    assert (request.form["client_id"], request.form["client_secret"]) == world.oidc.client


@pytest.mark.parametrize(
    ("token_type", "scheme"),
    [("Bearer", "Bearer"), ("bearer", "Bearer"), (None, "Bearer"), ("", "Bearer"), ("DPoP", "DPoP")],
)
def test_the_type_of_the_token_is_the_scheme(world: World, token_type: str | None, scheme: str) -> None:
    world.oidc.token_type = token_type
    world.call()
    assert world.seen[0] == f"{scheme} {world.oidc.issued[0]}"


def test_the_token_replaces_a_header_that_the_caller_gave(world: World) -> None:
    assert world.call(headers={"authorization": "Basic old"}).status == 200
    assert len(world.provider.received[0].headers.get_all("Authorization") or []) == 1


# --- users ------------------------------------------------------------------------------------------------------------


def test_a_user_signs_in_with_a_password(world: World) -> None:
    assert world.call(world.user_auth(audience="a", extra_params={"realm": "r"})).status == 200
    (request,) = world.oidc.token_requests
    assert request.basic is None
    assert request.form == {
        "grant_type": "password",
        "username": world.oidc.user[0],
        "password": world.oidc.user[1],
        "client_id": world.oidc.client[0],
        "client_secret": world.oidc.client[1],
        "scope": "openid",
        "audience": "a",
        "realm": "r",
    }


def test_a_user_of_a_public_client_sends_no_client_secret(world: World) -> None:
    world.oidc.public_clients = True
    auth = world.user_auth(token_url=None, issuer_url=world.oidc.url, client_secret=None, scopes="a b")
    assert world.call(auth).status == 200
    form = world.oidc.token_requests[0].form
    assert "client_secret" not in form
    assert form["scope"] == "a b"


def test_an_expired_token_of_a_user_is_refreshed(world: World) -> None:
    world.call(world.user_auth())
    world.clock.advance(3600)
    assert world.call(world.user_auth(), timeout=9.0).status == 200
    assert world.oidc.token_requests[1].form == {
        "grant_type": "refresh_token",
        "refresh_token": world.oidc.issued[1],
        "client_id": world.oidc.client[0],
        "client_secret": world.oidc.client[1],
    }
    world.clock.advance(3600)
    assert world.call(world.user_auth()).status == 200
    assert world.oidc.token_requests[2].form["refresh_token"] == world.oidc.issued[3]
    assert world.oidc.grants == ["password", "refresh_token", "refresh_token"]


def test_a_refresh_token_that_is_not_rotated_is_used_again(world: World) -> None:
    world.oidc.rotates = False
    for _ in range(3):
        assert world.call(world.user_auth()).status == 200
        world.clock.advance(3600)
    assert world.oidc.grants == ["password", "refresh_token", "refresh_token"]


def test_a_token_that_lives_shorter_than_the_margin_is_refreshed_for_each_call(world: World) -> None:
    world.oidc.lifetime = 30
    for _ in range(3):
        assert world.call(world.user_auth()).status == 200
    assert world.oidc.grants == ["password", "refresh_token", "refresh_token"]


@pytest.mark.parametrize("status", [400, 503])
def test_a_refresh_that_fails_falls_back_to_the_password(world: World, status: int) -> None:
    world.call(world.user_auth())
    world.clock.advance(3600)
    world.oidc.refuse(status, {"error": "invalid_grant"})
    assert world.call(world.user_auth()).status == 200
    assert world.oidc.grants == ["password", "refresh_token", "password"]


def test_refresh_tokens_need_not_be_used(world: World) -> None:
    for _ in range(2):
        assert world.call(world.user_auth(cache={"use_refresh_token": False})).status == 200
        world.clock.advance(3600)
    assert world.oidc.grants == ["password", "password"]


# --- the cache --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cache", "until"),
    [
        (None, 3540),
        ({}, 3540),
        ({"enabled": True}, 3540),
        ({"use_refresh_token": False}, 3540),
        ({"refresh_before_expiry_seconds": 600}, 3000),
        ({"refresh_before_expiry_seconds": 0}, 3600),
    ],
)
def test_a_token_is_used_until_shortly_before_it_expires(world: World, cache: Any, until: int) -> None:
    auth = world.auth(cache)
    world.call(auth)
    world.clock.advance(until - 1)
    world.call(auth)
    assert len(world.oidc.grants) == 1
    world.clock.advance(1)
    world.call(auth)
    assert world.oidc.grants == ["client_credentials"] * 2


@pytest.mark.parametrize("lifetime", [0, -1, None, "soon", "0", "-5", False, [3600], {}])
def test_a_token_without_a_lifetime_is_used_once(world: World, lifetime: Any) -> None:
    world.oidc.lifetime = lifetime
    assert [world.call().status for _ in range(2)] == [200, 200]
    assert len(world.oidc.grants) == 2


@pytest.mark.parametrize("lifetime", [3600, 3600.5, "3600", 10**30])
def test_a_lifetime_is_a_number_even_where_it_is_written_as_a_text(world: World, lifetime: Any) -> None:
    world.oidc.lifetime = lifetime
    assert [world.call().status for _ in range(2)] == [200, 200]
    assert len(world.oidc.grants) == 1


def test_without_a_cache_each_call_asks_for_a_token(world: World) -> None:
    for _ in range(3):
        world.call(world.user_auth(cache={"enabled": False}))
    assert world.oidc.grants == ["password"] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"audience": "other"},
        {"scopes": ["other"]},
        {"extra_params": {"a": "b"}},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_secret": "other"},
    ],
)
def test_another_configuration_is_another_token(world: World, change: dict[str, Any]) -> None:
    world.call()
    if "client_secret" in change:
        world.oidc.client = (world.oidc.client[0], "other")
    world.call(world.auth(**change))
    assert len(world.oidc.grants) == 2
    world.call(world.auth(**change))
    assert len(world.oidc.grants) == 2


def test_a_wrong_secret_does_not_get_the_token_of_the_right_one(world: World) -> None:
    assert world.call().status == 200
    wrong = world.request(world.auth(client_secret="guessed"))
    assert fails_for_good(world.http, wrong) == (
        "failed to apply authentication: token endpoint answered with status 401 (invalid_client)"
    )


def test_a_user_and_the_client_have_different_tokens(world: World) -> None:
    world.call(world.auth(issuer_url=None, token_url=world.oidc.token_url))
    world.call(world.user_auth())
    assert world.oidc.grants == ["client_credentials", "password"]


def test_twenty_threads_make_one_token_request(world: World) -> None:
    world.oidc.delay = 0.2
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: world.call(timeout=20.0).status, range(20)))
    assert answers == [200] * 20
    assert (len(world.oidc.grants), world.oidc.discoveries) == (1, 1)


def test_discovery_is_repeated_after_an_hour(world: World) -> None:
    auth = world.auth(cache={"refresh_before_expiry_seconds": 3600})
    for seconds in (0, 3599, 1):
        world.clock.advance(seconds)
        world.call(auth)
    assert (world.oidc.discoveries, len(world.oidc.grants)) == (2, 3)


# --- tokens that the provider refuses ---------------------------------------------------------------------------------


def test_a_refused_token_is_replaced_and_the_call_repeated_once(world: World) -> None:
    world.call()
    world.oidc.revoke()
    response = world.call(headers={"Idempotency-Key": "i-1"})
    assert response.status == 200
    first, second = world.provider.received[1:]
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert (first.body, first.headers["Idempotency-Key"]) == (second.body, second.headers["Idempotency-Key"])
    assert world.call().status == 200
    assert len(world.oidc.grants) == 2


def test_a_refused_session_of_a_user_begins_anew_with_the_password(world: World) -> None:
    world.call(world.user_auth())
    world.oidc.revoke()
    assert world.call(world.user_auth()).status == 200
    assert world.oidc.grants == ["password", "password"]


@pytest.mark.parametrize("cache", [None, {"enabled": False}])
def test_a_provider_that_refuses_every_token_is_called_twice_and_no_more(world: World, cache: Any) -> None:
    world.provider.behaviours["/pay"] = lambda call: call.answer(401, b"no")
    response = world.call(world.auth(cache))
    assert (response.status, response.body) == (401, b"no")
    assert (len(world.seen), len(world.oidc.grants)) == (2, 2)


def test_twenty_threads_replace_a_refused_token_once(world: World) -> None:
    world.call()
    world.oidc.revoke()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: world.call(timeout=20.0).status, range(20)))
    assert answers == [200] * 20
    assert len(world.oidc.grants) == 2


def test_no_fresh_token_after_a_refused_one_fails_the_call(world: World) -> None:
    world.call()
    world.oidc.revoke()
    world.oidc.refuse(503)
    assert fails_for_now(world.http, world.request(world.auth())) == (
        "failed to apply authentication: token endpoint answered with status 503"
    )


def test_other_credentials_that_are_refused_are_not_tried_again(world: World) -> None:
    assert world.call(BEARER).status == 401
    assert len(world.seen) == 1


def test_a_token_stays_with_its_origin_and_is_not_judged_by_another_one(
    other: ProviderServer, world: World
) -> None:
    world.provider.behaviours["/pay"] = lambda call: call.redirect(other.url("/no"), 307)
    other.behaviours["/no"] = lambda call: call.answer(401)
    assert world.call().status == 401
    assert [received.headers["Authorization"] for received in other.received] == [None]
    assert (len(world.seen), len(world.oidc.grants)) == (1, 1)


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_a_token_endpoint_that_is_busy_or_down_fails_for_now(world: World, status: int) -> None:
    world.oidc.refuse(status, {"error": "temporarily_unavailable"})
    assert fails_for_now(world.http, world.request(world.auth())) == (
        f"failed to apply authentication: token endpoint answered with status {status} (temporarily_unavailable)"
    )
    assert world.call().status == 200


@pytest.mark.parametrize(
    ("status", "document", "text"),
    [
        (400, {"error": "invalid_scope"}, "answered with status 400 (invalid_scope)"),
        (401, {"error": "invalid_client", "error_description": "S"}, "answered with status 401 (invalid_client)"),
        (403, {"error": "Not For You"}, "answered with status 403"),
        (403, {"error": "x" * 41}, "answered with status 403"),
        (403, {"error": {"code": "invalid"}}, "answered with status 403"),
        (403, ["invalid_client"], "answered with status 403"),
        (404, None, "answered with status 404"),
        (201, {"access_token": "S", "expires_in": 60}, "answered with status 201"),
        (204, None, "answered with status 204"),
        (200, None, "did not answer with a JSON object"),
        (200, ["S"], "did not answer with a JSON object"),
        (200, {}, "gave no access_token, or one that cannot be sent"),
        (200, {"access_token": ""}, "gave no access_token, or one that cannot be sent"),
        (200, {"access_token": 7}, "gave no access_token, or one that cannot be sent"),
        (200, {"access_token": "S\r\nX: y"}, "gave no access_token, or one that cannot be sent"),
        (200, {"access_token": "S", "token_type": "a b"}, "gave a token_type that is not valid"),
        (200, {"access_token": "S", "token_type": 1}, "gave a token_type that is not valid"),
    ],
)  # fmt: skip
def test_other_answers_of_the_token_endpoint_fail_for_good(
    world: World, status: int, document: Any, text: str
) -> None:
    world.oidc.refuse(status, document)
    failure = fails_for_good(world.http, world.request(world.auth()))
    assert failure == f"failed to apply authentication: token endpoint {text}"
    assert world.seen == []


def test_an_error_code_that_is_made_of_a_secret_is_not_repeated(world: World) -> None:
    world.oidc.refuse(400, {"error": "invalid_hunter_two"})
    assert fails_for_good(world.http, world.request(world.auth(client_secret="hunter"))) == (
        "failed to apply authentication: token endpoint answered with status 400"
    )


def test_an_answer_of_the_token_endpoint_is_bounded(world: World) -> None:
    world.oidc.refuse(200, {"access_token": "x" * 70_000})
    failure = fails_for_good(world.http, world.request(world.auth()))
    assert failure == "failed to apply authentication: response too large: more than 65536 bytes"


def test_absurd_nesting_is_no_token(world: World) -> None:
    world.oidc.scripted.append(Answer(200, b"[" * 60_000))
    assert "JSON" in fails_for_good(world.http, world.request(world.auth()))


@pytest.mark.parametrize(
    ("status", "document", "text"),
    [
        (404, {}, "discovery answered with status 404"),
        (204, {}, "discovery answered with status 204"),
        (200, {"issuer": "x"}, "discovery gave no token_endpoint"),
        (200, {"token_endpoint": ""}, "discovery gave no token_endpoint"),
        (200, {"token_endpoint": 7}, "discovery gave no token_endpoint"),
        (200, [], "discovery did not answer with a JSON object"),
        (200, {"token_endpoint": "file:///etc/passwd"}, "unsupported url: the scheme must be http or https"),
        (
            200,
            {"token_endpoint": "http://metadata.google.internal/token"},
            'destination blocked: host name "metadata.google.internal" is not allowed',
        ),
    ],
)
def test_a_discovery_that_leads_nowhere_fails_for_good(
    world: World, status: int, document: Any, text: str
) -> None:
    world.oidc.discovery_status, world.oidc.discovery = status, document
    failure = fails_for_good(world.http, world.request(world.auth()))
    assert failure == f"failed to apply authentication: {text}"
    assert (world.oidc.grants, world.seen) == ([], [])


def test_a_discovery_that_fails_is_not_remembered(world: World) -> None:
    world.oidc.discovery_status = 502
    assert fails_for_now(world.http, world.request(world.auth())).endswith("answered with status 502")
    world.oidc.discovery_status = 200
    assert world.call().status == 200


def test_a_token_endpoint_that_cannot_be_reached_fails_for_now(world: World, refusing: str) -> None:
    refused = fails_for_now(world.http, world.request(world.auth(token_url=refusing)))
    assert refused.startswith("failed to apply authentication: request failed: ")
    unknown = fails_for_now(world.http, world.request(world.auth(issuer_url="http://nowhere.test")))
    assert unknown.startswith('failed to apply authentication: request failed: cannot resolve "nowhere.test"')


@pytest.fixture
def refusing(oidc: OidcServer) -> str:
    """The token URL of a server that is not there any more."""
    with running_oidc_server() as gone:
        return gone.token_url


def test_a_slow_token_endpoint_uses_up_the_deadline_of_the_call(world: World) -> None:
    world.oidc.delay = 0.6
    text = fails_for_now(world.http, world.request(world.auth(), timeout=0.2))
    assert text == "failed to apply authentication: request failed: timed out after 0.2 s"
    assert world.seen == []


def test_a_deadline_is_for_the_token_and_the_call_together(world: World) -> None:
    world.oidc.delay = 0.3

    def slow(call: Call) -> None:
        call.server.stopping.wait(0.5)

    world.provider.behaviours["/pay"] = slow
    text = fails_for_now(world.http, world.request(world.auth(), timeout=0.6))
    assert text == "request failed: timed out after 0.6 s"


def test_waiting_for_the_token_of_another_call_ends_at_the_own_deadline(world: World) -> None:
    world.oidc.delay = 0.6
    with ThreadPoolExecutor(2) as threads:
        patient = threads.submit(world.call, timeout=5.0)
        while not world.oidc.discoveries:
            Event().wait(0.005)
        with pytest.raises(CallFailedForNow, match=r"^failed to apply authentication: .*timed out"):
            world.call(timeout=0.2)
        assert patient.result().status == 200
    assert len(world.oidc.grants) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_endpoint_does_not_redirect_secrets_to_another_origin(
    other: ProviderServer, world: World, status: int
) -> None:
    world.oidc.redirect(other.url("/token"), status)
    failure = fails_for_good(world.http, world.request(world.user_auth()))
    assert (
        failure
        == "failed to apply authentication: request failed: a redirect to another origin is not followed"
    )
    assert (other.received, world.seen) == ([], [])


@pytest.mark.parametrize("status", [307, 308])
def test_a_token_endpoint_may_redirect_within_its_origin(world: World, status: int) -> None:
    world.oidc.redirect("/token/", status)
    assert world.call().status == 200
    assert len(world.oidc.grants) == 2


def test_a_discovery_does_not_lead_to_another_origin(other: ProviderServer, world: World) -> None:
    other.behaviours[DISCOVERY] = lambda call: call.redirect(f"{world.oidc.url}{DISCOVERY}")
    assert "another origin" in fails_for_good(world.http, world.request(world.auth(issuer_url=other.url())))
    assert world.oidc.discoveries == 0


@pytest.mark.parametrize(
    "place",
    [
        {"token_url": "http://169.254.169.254/token"},
        {"token_url": "http://metadata.google.internal/token"},
        {"issuer_url": "http://localhost:8000"},
        {"issuer_url": "http://127.0.0.1:8000"},
        {"token_url": "https://api.example.test/token"},
    ],
)
def test_tokens_are_not_asked_for_at_forbidden_destinations(place: dict[str, str]) -> None:
    http = OutboundHttp(Destinations(False, resolve))
    auth = {
        "type": "oidc_client_credentials",
        "config": {"client_id": "c", "client_secret": "s3cret", **place},
    }
    with pytest.raises(
        CallFailed, match=r"^failed to apply authentication: destination blocked: "
    ) as failure:
        http.send(get("https://api.example.test/", auth=auth))
    assert not isinstance(failure.value, CallFailedForNow)
    http.close()


def test_a_target_that_makes_no_sense_costs_no_token(world: World) -> None:
    assert fails_for_good(world.http, get("ftp://x", auth=world.auth())).startswith("unsupported url: ")
    assert world.oidc.discoveries == 0


def test_no_secret_appears_in_failures_or_logs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [str(world.call(world.user_auth()).headers), str(world.call().headers)]
    for auth in (
        world.auth(client_secret="wr0ng-secret"),
        world.user_auth(password="wr0ng-password"),
        world.auth(token_url="http://169.254.169.254/wr0ng-path?key=wr0ng-key"),
        world.auth(issuer_url="http://u:wr0ng-userinfo@id.test"),
    ):
        texts.append(fails_for_good(world.http, world.request(auth)))
    world.oidc.refuse(500, {"error": world.oidc.client[1]})
    texts.append(fails_for_now(world.http, world.request(world.auth(audience="x"))))
    told = json.dumps(texts) + caplog.text
    assert "wr0ng" not in told
    assert [secret for secret in world.oidc.secrets() if secret in told] == []
