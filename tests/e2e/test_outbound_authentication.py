"""Calls with tokens of OpenID Connect: a user configures them, and sees neither secret nor token again (Flowker spec h, k)."""

from collections.abc import Iterator
from typing import Any

import pytest

from statemachines.stand_ins.oidc import OidcServer, running_oidc_server
from tests.provider import Provider
from tests.samples import activate, chain, create_configuration, execute, executor, trigger, unique
from tests.servers import Api, expect

MASK = "********"
ROUTE = "/v1/provider-configurations"


@pytest.fixture(scope="module")
def oidc() -> Iterator[OidcServer]:
    with running_oidc_server() as server:
        yield server


def client_credentials(oidc: OidcServer) -> dict[str, Any]:
    client_id, secret = oidc.client
    config = {"issuer_url": oidc.url, "client_id": client_id, "client_secret": secret, "scopes": "pay read"}
    return {"type": "oidc_client_credentials", "config": config, "cache": {"enabled": True}}


def password_grant(oidc: OidcServer) -> dict[str, Any]:
    (client_id, secret), (username, password) = oidc.client, oidc.user
    config = {"tokenURL": oidc.token_url, "clientID": client_id, "clientSecret": secret}
    return {"type": "oidc_user", "config": {**config, "username": username, "password": password}}


def run(api: Api, configuration: str, path: str) -> str:
    """The id of an execution that has ended, of a workflow with two calls to the provider."""
    document = chain(trigger(), executor("one", configuration, path), executor("two", configuration, path))
    execution = execute(api, activate(api, document), {"amount": 1500})
    api.results(execution)
    return execution


def told(api: Api, configuration: str, execution: str) -> str:
    """All that the API tells about a connection and an execution."""
    paths = (
        f"{ROUTE}/{configuration}",
        ROUTE,
        f"/v1/executions/{execution}",
        f"/v1/executions/{execution}/results",
    )
    return "".join(api.get(path).text for path in (*paths, "/v1/executions", "/v1/workflows"))


@pytest.mark.parametrize("auth_of", [client_credentials, password_grant])
def test_a_provider_is_called_with_a_token_that_nobody_sees(
    api: Api, provider: Provider, oidc: OidcServer, auth_of: Any
) -> None:
    path, auth = f"/score/{unique()}", auth_of(oidc)
    before = len(oidc.grants)
    configuration = create_configuration(api, provider.url, auth=auth)
    execution = run(api, configuration, path)
    assert api.results(execution)["status"] == "completed"
    sent = [call.headers["authorization"] for call in provider.to(path)]
    assert len(sent) == 2
    assert all(oidc.accepts(header) for header in sent)
    assert 1 <= len(oidc.grants) - before <= 2  # the two calls may have met different workers
    text = told(api, configuration, execution)
    assert [secret for secret in oidc.secrets() if secret in text] == []


@pytest.mark.parametrize("flat", [True, False])
def test_secrets_of_a_client_are_masked_and_kept_when_the_mask_comes_back(
    api: Api, provider: Provider, oidc: OidcServer, flat: bool
) -> None:
    auth, path = client_credentials(oidc), f"/score/{unique()}"
    given = {"auth_type": auth["type"], **auth["config"]} if flat else {"auth": auth}
    configuration = create_configuration(api, provider.url, **given)
    shown = expect(api.get(f"{ROUTE}/{configuration}"), 200)["config"]
    assert shown["client_secret" if flat else "auth"] == MASK
    expect(api.patch(f"{ROUTE}/{configuration}", {"config": {**shown, "timeout_ms": 9000}}), 200)
    assert api.results(run(api, configuration, path))["status"] == "completed"
    assert oidc.accepts(provider.to(path)[0].headers["authorization"])


def test_a_client_that_is_refused_fails_the_node_and_tells_only_why(
    api: Api, provider: Provider, oidc: OidcServer
) -> None:
    path, auth = f"/score/{unique()}", client_credentials(oidc)
    auth["config"]["client_secret"] = "wr0ng-secret"
    configuration = create_configuration(api, provider.url, auth=auth)
    execution = run(api, configuration, path)
    results = api.results(execution)
    assert results["status"] == "failed"
    reason = "failed to apply authentication: token endpoint answered with status 401 (invalid_client)"
    assert results["errorMessage"].startswith(
        f'node "one": executor call failed after 1 attempts: executor error: {reason}'
    )
    assert provider.to(path) == []
    assert "wr0ng-secret" not in told(api, configuration, execution)
