"""Every operation of a running Flowker, called with what its description allows and with what it does not: no answer is a
server error, and none is undocumented in its status, media type, headers or body."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flowker.http.openapi.document import API_V1, document
from tests import runs
from tests.accounts import Tenant, admin, create_account
from tests.flow_samples import HELLO
from tests.openapi import operations
from tests.provider import running_provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    execute,
    set_output,
    trigger,
    unique,
)
from tests.servers import KEY, Api, Server, expect

EXAMPLES, SECOND_EXAMPLES = 15, 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [(method, path) for method, path, _ in operations()]
SECOND = schemathesis.openapi.from_dict(document(API_V1))
SECOND_OPERATIONS = [(method, path) for method, path, _ in operations(API_V1.name)]
KEYLESS = [("POST", "/v1/workflows"), ("GET", "/v1/executions"), ("POST", "/v1/webhooks/{path}")]


@dataclass(frozen=True)
class World:
    """A running Flowker, a provider for it, and clients that make things: one with a key, and an admin."""

    api: Api
    root: Tenant
    session: requests.Session
    url: str
    provider: str

    def known(self, method: str, path: str) -> dict[str, str]:
        """Path parameters that name something, made anew because operations may use it up."""
        hook = f"hooks/{unique()}"
        draft = chain(trigger(path=hook, method=method), set_output("end", decision="approved"))
        workflow = activate(self.api, draft)
        ids = {
            "executorId": "http",
            "triggerId": "webhook",
            "providerId": "http",
            "templateId": "tracer-midaz-validation",
            "path": hook,
            "file": "doc.json",
            "configurationId": create_configuration(self.api, self.provider),
            "workflowId": workflow,
        }
        if path.startswith("/v1/executors/"):
            ids["configurationId"] = self._executor_configuration()
        elif path.endswith(("/activate", "/clone")) or path == "/v1/workflows/{workflowId}":
            ids["workflowId"] = create_workflow(self.api, {"name": unique()})
        elif "{executionId}" in path:
            ids["executionId"] = execute(self.api, workflow, {})
        elif "{eventId}" in path:
            ids["eventId"] = self.api.get("/v1/audit-events").json()["items"][0]["eventId"]
        return ids

    def known_to_root(self) -> dict[str, str]:
        """As `known`, on the second face."""
        account = create_account(self.root)["id"]
        expect(self.root.api.post(f"/api/v1/accounts/{account}/secrets", {"key": "KEY", "value": "v"}), 201)
        flow_id = runs.create_flow(self.root, HELLO)
        execution_id = runs.start(self.root.api, flow_id, {"name": "A"})
        return {
            "account_id": account,
            "key": "KEY",
            "flow_id": flow_id,
            "version": "1",
            "execution_id": execution_id,
        }

    def another_token(self) -> str:
        """One that an operation may make unusable; logging in would be throttled by what others try."""
        return str(expect(self.root.api.post("/api/v1/auth/refresh"), 200)["token"])

    def _executor_configuration(self) -> str:
        body = {
            "name": unique(),
            "baseUrl": self.provider,
            "endpoints": [{"name": "score", "path": "/score", "method": "GET"}],
            "authentication": {"type": "bearer", "config": {"token": "t"}},
        }
        return str(expect(self.api.post("/v1/executors", body), 201)["id"])

    def call(self, case: Case[Any], **headers: str) -> None:
        """Raises for an answer that is not as documented."""
        response = case.call(base_url=self.url, session=self.session, headers=headers)
        case.validate_response(response, checks=CHECKS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("schemathesis") / "data"
    with (
        running_provider() as provider,
        Server(folder) as server,
        closing(Api(server.url)) as api,
        requests.Session() as session,
    ):
        root = admin(server.url)
        with closing(root.api):
            yield World(api, root, session, server.url, provider.url)


def cases(operation: APIOperation[Any, Any, Any, Any], known: dict[str, str]) -> st.SearchStrategy[Case[Any]]:
    """What the description allows, and what it does not; for things that exist, and for any."""
    needed = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
    return st.one_of(
        [
            operation.as_strategy(mode, path_parameters=parameters)
            for parameters in ([needed, None] if needed else [None])
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        ]
    )


def bounded(examples: int) -> Any:
    """The same few examples each time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(world: World, method: str, path: str) -> None:
    operation = SCHEMA[path][method]

    @bounded(EXAMPLES)
    @given(case=cases(operation, world.known(method, path)))
    def call(case: Case[Any]) -> None:
        world.call(case, **{"X-API-Key": KEY})

    call()


@pytest.mark.parametrize(("method", "path"), KEYLESS)
def test_so_is_every_answer_to_a_stranger(world: World, method: str, path: str) -> None:
    @bounded(4)
    @given(case=SCHEMA[path][method].as_strategy())
    def call(case: Case[Any]) -> None:
        world.call(case)

    call()


@pytest.mark.parametrize(("method", "path"), SECOND_OPERATIONS)
def test_so_is_every_answer_of_the_second_face(world: World, method: str, path: str) -> None:
    token = world.another_token()

    @bounded(SECOND_EXAMPLES)
    @given(case=cases(SECOND[path][method], world.known_to_root() if "{" in path else {}))
    def call(case: Case[Any]) -> None:
        world.call(case, Authorization=f"Bearer {token}")

    call()
