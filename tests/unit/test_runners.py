"""From a node and its provider configuration to the request that is sent (Flowker spec d.6, g.2, g.5)."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.catalog.registry import CATALOG
from flowker.model.graph import Node
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.base import CallFailure, Endpoint, Failure, Result, Run
from flowker.nodes.executor import Executor
from flowker.nodes.runners.base import Call
from flowker.nodes.runners.registry import RUNNERS
from tests.integration.samples import configuration
from tests.samples import executor

Document = dict[str, Any]

CONTEXT: Document = {
    "workflow": {"id": "a/b c", "dots": "..", "amount": 1500, "price": Decimal("1.50"), "none": None},
    "earlier": {"status": 200, "status_text": "200 OK", "url": "u", "headers": {}, "body": {"score": 7}},
}
KEY = "11111111-2222-4333-8444-555555555555"
BASE = {"base_url": "https://api.test/v2/"}
LEDGER = {
    "onboarding_base_url": "https://onboarding.test/",
    "transaction_base_url": "https://transaction.test/api",
    "organization_id": "org 1",
    "ledger_id": "led/1",
}
BELOW = "/v1/organizations/org%201/ledgers/led%2F1"
BUCKET = {"region": "eu-west-1", "bucket": "ledger", "access_key_id": "AKIA", "secret_access_key": "s3cr3t"}
ENDPOINT = Endpoint("https://other.test/base", "/from-endpoint", "PUT", 7.0)


class Sent:
    """Runs an executor node against a provider that remembers what it was sent."""

    def __init__(self, *, endpoint: Endpoint | None = None, headers: dict[str, str] | None = None) -> None:
        self.requests: list[OutboundRequest] = []
        self.provider: ProviderConfiguration | None = None
        self._endpoint = endpoint
        self._headers = headers or {"Content-Type": "application/json"}

    def run(self, executor_id: str, config: Document, /, **data: Any) -> Result:
        self.provider = configuration(provider_id=executor_id.partition(".")[0], config=config)
        node = executor("call", self.provider.id, **{"executorId": executor_id, "path": None, **data})
        run = Run(CONTEXT, self.provider, KEY, self._answer, endpoint=self._endpoint)
        return Executor().run(Node.model_validate(node), run)

    def request(self, executor_id: str, config: Document, /, **data: Any) -> OutboundRequest:
        self.run(executor_id, config, **data)
        (request,) = self.requests
        return request

    def _answer(self, request: OutboundRequest) -> OutboundResponse:
        self.requests.append(request)
        return OutboundResponse(200, "OK", request.url, self._headers, b"")


def request(executor_id: str, config: Document, /, **data: Any) -> OutboundRequest:
    return Sent().request(executor_id, config, **data)


def refusal(executor_id: str, config: Document, /, **data: Any) -> Failure:
    sent = Sent()
    with pytest.raises(Failure) as raised:
        sent.run(executor_id, config, **data)
    assert sent.requests == []
    return raised.value


def mapping(**targets: str) -> list[Document]:
    return [{"source": source, "target": target} for target, source in targets.items()]


def references(executor_id: str, **data: Any) -> frozenset[str] | None:
    node = executor("call", "11111111-1111-4111-8111-111111111111", **{"executorId": executor_id, **data})
    return Executor().references(Node.model_validate(node))


def test_every_provider_of_the_catalog_has_a_runner_and_its_executors_are_named_after_it() -> None:
    assert set(RUNNERS) == set(CATALOG.providers)
    assert all(entry.id.partition(".")[0] == entry.provider_id for entry in CATALOG.executors.values())


@pytest.mark.parametrize("executor_id", ["clearsale.score", "midaz.delete-account", "s3.get-object"])
def test_an_executor_that_nobody_knows_fails_and_says_so(executor_id: str) -> None:
    failure = refusal(executor_id, BASE)
    assert failure.reason == f'no runner registered for executor "{executor_id}": FLK-0220'
    assert (failure.code, failure.transient) == ("FLK-0220", False)


# --- any service that speaks HTTP ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "url"),
    [
        ({}, "https://api.test/v2/"),
        ({"path": ""}, "https://api.test/v2/"),
        ({"path": "/score"}, "https://api.test/v2/score"),
        ({"path": "score/"}, "https://api.test/v2/score/"),
        ({"path": "/v1/../x//y"}, "https://api.test/v2/x/y"),
        ({"path": "//score"}, "https://api.test/v2/score"),
        ({"path": "../../../etc"}, "https://api.test/etc"),
        ({"path": "/score?full=1"}, "https://api.test/v2/score?full=1"),
        ({"path": "/score", "endpointName": "other"}, "https://api.test/v2/score"),
        ({"endpointName": "validate"}, "https://api.test/v2/validate"),
        ({"path": 5, "endpointName": "validate"}, "https://api.test/v2/validate"),
        ({"path": "/score", "url": "items"}, "https://api.test/v2/items"),
        ({"url": "https://API.test:443/items"}, "https://API.test:443/items"),
        ({"url": "items/${workflow.id}"}, "https://api.test/v2/items/a%2Fb%20c"),
        ({"url": "items/${ context.workflow.id }"}, "https://api.test/v2/items/a%2Fb%20c"),
        ({"url": "items/${workflow.amount}/${workflow.price}"}, "https://api.test/v2/items/1500/1.50"),
        ({"url": "items/${earlier.score}"}, "https://api.test/v2/items/7"),
        (
            {"url": "items?id=${workflow.id}&d=${workflow.dots}"},
            "https://api.test/v2/items?id=a%2Fb%20c&d=..",
        ),
        ({"url": "items/v${workflow.dots}"}, "https://api.test/v2/items/v.."),
    ],
)
def test_the_url_of_a_call(data: Document, url: str) -> None:
    assert request("http", BASE, **data).url == url


@pytest.mark.parametrize(
    ("config", "data", "cause"),
    [
        ({}, {}, "url is required"),
        ({}, {"path": "/score"}, "url is required"),
        ({}, {"url": "items"}, "url is required"),
        (BASE, {"url": "https://evil.test/items"}, "url leaves the origin of the provider configuration"),
        (BASE, {"url": "http://api.test/items"}, "url leaves the origin of the provider configuration"),
        (BASE, {"url": "https://api.test:8443/"}, "url leaves the origin of the provider configuration"),
        (BASE, {"url": "//evil.test/items"}, "url leaves the origin of the provider configuration"),
        (BASE, {"url": "https://[::1/"}, "url cannot be parsed"),
        (BASE, {"url": "https://api.test:x/"}, "url cannot be parsed"),
        (BASE, {"url": "items/${workflow.missing}"}, "field not found: workflow.missing"),
        (BASE, {"url": "items/${workflow..id}"}, "malformed path"),
        (BASE, {"url": "items/${}"}, "malformed path"),
        (BASE, {"url": "items/${workflow.dots}/x"}, "must not be a dot segment"),
        (BASE, {"url": "items/.${workflow.dots}"}, None),
        ({"base_url": "https://[::1/"}, {"path": "/score"}, "url cannot be parsed"),
        (BASE, {"body": "\ud800"}, "a text holds half of a character"),
    ],
)
def test_a_url_that_cannot_be_built_fails_for_good(
    config: Document, data: Document, cause: str | None
) -> None:
    if cause is None:
        request("http", config, **data)
        return
    failure = refusal("http", config, **data)
    assert failure.reason.startswith("failed to build runner input: ")
    assert cause in failure.detail
    assert failure.detail == failure.reason.removeprefix("failed to build runner input: ")
    assert (failure.code, failure.transient) == ("FLK-0504", False)


def test_without_a_base_url_a_node_may_call_any_url() -> None:
    assert request("http", {}, url="https://any.test/x").url == "https://any.test/x"


def test_a_value_cannot_lead_to_another_host() -> None:
    failure = refusal("http", BASE, url="https://${workflow.id}/items")
    assert "leaves the origin" in failure.reason


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ("POST", {"Idempotency-Key": KEY})),
        ({"method": "put"}, ("PUT", {"Idempotency-Key": KEY})),
        ({"method": "GET"}, ("GET", {})),
        ({"method": "HEAD"}, ("HEAD", {})),
    ],
)
def test_calls_that_change_something_carry_the_idempotency_key(
    data: Document, expected: tuple[str, Document]
) -> None:
    sent = request("http", BASE, **data)
    assert (sent.method, sent.headers) == expected
    assert sent.body is not None


def test_headers_of_the_node_win_over_those_of_the_provider_and_only_texts_count() -> None:
    config = BASE | {"headers": {"X-A": "provider", "X-B": "provider", "X-C": 1, "idempotency-key": "own"}}
    sent = request("http", config, headers={"x-b": "node", "X-D": 2}, query={"a": "1", "b": 2})
    assert sent.headers == {"X-A": "provider", "x-b": "node", "idempotency-key": "own"}
    assert sent.query == {"a": "1"}


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"body": {"a": 1}}, b'{"a":1}'),
        ({"body": "plain"}, b"plain"),
        ({"body": None}, None),
        (
            {"body": {"a": {"b": 1}}, "inputMapping": mapping(**{"a.c": "workflow.amount"})},
            b'{"a":{"b":1,"c":1500}}',
        ),
        ({"inputMapping": mapping(price="workflow.price")}, b'{"price":1.50}'),
    ],
)
def test_the_body_of_a_call(data: Document, body: bytes | None) -> None:
    assert request("http", BASE, **data).body == body


@pytest.mark.parametrize(
    ("config", "data", "seconds"),
    [
        ({}, {}, 30),
        ({"timeout_ms": 5000}, {}, 5),
        ({"timeout_seconds": 12, "timeout_ms": 5000}, {}, 12),
        ({"timeout_ms": 5000}, {"timeout": Decimal("1.5")}, 1.5),
        ({}, {"timeout_seconds": 90}, 90),
        ({}, {"timeout": 10, "timeout_seconds": 90}, 10),
        ({}, {"timeout": 10**400}, 300),
        ({}, {"timeout": Decimal("1e999")}, 300),
        ({}, {"timeout": -1}, 30),
        ({"timeout_ms": 5000}, {"timeout": "10"}, 5),
        ({}, {"timeout": True}, 30),
    ],
)
def test_how_long_a_call_may_take(config: Document, data: Document, seconds: float) -> None:
    assert request("http", BASE | config, **data).timeout == seconds


# --- as whom ---------------------------------------------------------------------------------------------------------

BEARER = {"type": "bearer", "config": {"token": "t"}}
OIDC = {
    "issuer_url": "https://id.test", "token_url": "https://id.test/token", "client_id": "c", "client_secret": "s",
    "scopes": ["a"], "audience": "aud", "extra_params": {"x": "1"}, "token_endpoint_auth_method": "client_secret_post",
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "data", "auth"),
    [
        ({}, {}, None),
        ({"auth": {}}, {}, None),
        ({"auth": BEARER}, {}, BEARER),
        ({"auth": BEARER | {"cache": {"enabled": False}}}, {}, BEARER | {"cache": {"enabled": False}}),
        ({"auth": BEARER}, {"auth": {"type": "none"}}, {"type": "none"}),
        ({"auth": {"type": "none"}}, {"auth": BEARER}, BEARER),
        ({"auth_type": "none", "api_key": "k"}, {}, None),
        ({"auth_type": "api_key", "api_key": "k"}, {}, {"type": "api_key", "config": {"key": "k"}}),
        ({"auth_type": "api_key"}, {}, {"type": "api_key", "config": {}}),
        (
            {"auth_type": "api_key", "value": "k", "key": "X-K", "location": "query", "prefix": "p"},
            {},
            {"type": "api_key", "config": {"value": "k", "key": "X-K", "location": "query", "prefix": "p"}},
        ),
        ({"auth_type": "bearer", "bearer_token": "t"}, {}, BEARER),
        (
            {"auth_type": "basic", "username": "u", "password": "p"},
            {},
            {"type": "basic", "config": {"username": "u", "password": "p"}},
        ),
        (
            {"auth_type": "oidc_client_credentials", "cache": {"enabled": True}} | OIDC,
            {},
            {"type": "oidc_client_credentials", "config": OIDC, "cache": {"enabled": True}},
        ),
        (
            {"auth_type": "oidc_user", "tokenURL": "u", "clientID": "c", "username": "n", "password": "p"},
            {},
            {
                "type": "oidc_user",
                "config": {"tokenURL": "u", "clientID": "c", "username": "n", "password": "p"},
            },
        ),
    ],
)
def test_authentication_comes_from_the_node_or_the_provider(
    config: Document, data: Document, auth: Document | None
) -> None:
    assert request("http", BASE | config, **data).auth == auth


SIGNED = {"type": "aws_sigv4", "config": {"service": "s3", "region": "eu-west-1", "role_arn": "arn"}}


@pytest.mark.parametrize("executor_id", ["http", "tracer.validate-transaction"])
@pytest.mark.parametrize(
    "config", [{"auth": SIGNED}, {"auth_type": "aws_sigv4"}, {"auth": "x"}, {"auth": {"type": ["none"]}}]
)
def test_users_cannot_borrow_the_identity_of_flowker_itself(executor_id: str, config: Document) -> None:
    failure = refusal(executor_id, BASE | config)
    assert isinstance(failure, CallFailure)
    assert failure.reason.startswith("executor error: failed to create auth provider: ")
    assert not failure.transient


def test_neither_can_they_through_a_node_or_an_executor_configuration() -> None:
    assert "failed to create auth provider" in refusal("http", BASE, auth=SIGNED).reason
    sent = Sent(endpoint=Endpoint("https://other.test", "/", "POST", 30, SIGNED))
    with pytest.raises(CallFailure, match="failed to create auth provider"):
        sent.run("http", BASE)


# --- an executor configuration stands in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ("PUT", "https://other.test/base/from-endpoint", 7.0)),
        ({"endpointName": "first"}, ("PUT", "https://other.test/base/from-endpoint", 7.0)),
        ({"path": "/own"}, ("PUT", "https://other.test/base/own", 7.0)),
        ({"url": "own?a=1"}, ("PUT", "https://other.test/base/own?a=1", 7.0)),
        ({"method": "GET", "timeout": 3}, ("GET", "https://other.test/base/from-endpoint", 3.0)),
    ],
)
def test_what_the_node_leaves_open_the_endpoint_says(
    data: Document, expected: tuple[str, str, float]
) -> None:
    sent = Sent(endpoint=ENDPOINT).request("http", BASE | {"timeout_ms": 5000}, **data)
    assert (sent.method, sent.url, sent.timeout) == expected


@pytest.mark.parametrize(
    ("own", "node", "auth"),
    [
        (None, {}, {"type": "api_key", "config": {"key": "k"}}),
        ({"type": "none"}, {}, {"type": "api_key", "config": {"key": "k"}}),
        (BEARER, {}, BEARER),
        (BEARER, {"auth": {"type": "none"}}, {"type": "none"}),
    ],
)
def test_authentication_of_the_endpoint_replaces_the_providers(
    own: Document | None, node: Document, auth: Document
) -> None:
    endpoint = Endpoint("https://other.test", "/", "POST", 30, own)
    config = BASE | {"auth_type": "api_key", "api_key": "k"}
    assert Sent(endpoint=endpoint).request("http", config, **node).auth == auth


def test_a_url_of_the_node_stays_on_the_origin_of_the_endpoint() -> None:
    sent = Sent(endpoint=ENDPOINT)
    with pytest.raises(Failure, match="leaves the origin"):
        sent.run("http", BASE, url="https://api.test/v2/x")


# --- tracer ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ("POST", "https://api.test/v2/", {})),
        ({"path": "/v1/validations"}, ("POST", "https://api.test/v2/v1/validations", {})),
        ({"endpointName": "validate"}, ("POST", "https://api.test/v2/validate", {})),
        ({"url": "https://evil.test"}, ("POST", "https://api.test/v2/", {})),
        ({"path": "/v1/validations", "method": "GET"}, ("GET", "https://api.test/v2/v1/validations", {})),
    ],
)
def test_tracer_is_called_by_its_api_key(data: Document, expected: tuple[str, str, Document]) -> None:
    sent = request("tracer.validate-transaction", BASE | {"api_key": "k"}, **data)
    assert (sent.method, sent.url, sent.query) == expected
    assert sent.auth == {"type": "api_key", "config": {"key": "k"}}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_static_fields_and_mapped_ones_over_them_are_the_body_for_tracer(method: str) -> None:
    data = {
        "path": "/v1/validations",
        "limit": 5,
        "cursor": "c",
        "inputMapping": mapping(limit="workflow.amount"),
    }
    sent = request("tracer.list-validations", BASE | {"api_key": "k"}, method=method, **data)
    assert sent.body == b'{"limit":1500,"cursor":"c"}'


# --- midaz -----------------------------------------------------------------------------------------------------------

ACCOUNT = "0c9d6b1e-5ad0-4a51-8f6c-1d3f5e7a9b11"


@pytest.mark.parametrize(
    ("executor_id", "method", "url"),
    [
        ("create-transaction", "POST", f"https://transaction.test/api{BELOW}/transactions/json"),
        ("create-account", "POST", f"https://onboarding.test{BELOW}/accounts"),
        ("get-account", "GET", f"https://onboarding.test{BELOW}/accounts/{ACCOUNT}"),
        ("get-account-balance", "GET", f"https://transaction.test/api{BELOW}/accounts/{ACCOUNT}/balances"),
    ],
)
def test_each_executor_of_midaz_has_its_method_base_and_path(executor_id: str, method: str, url: str) -> None:
    sent = request(f"midaz.{executor_id}", LEDGER, accountId=ACCOUNT, path="/ignored", method="PATCH")
    assert (sent.method, sent.url, sent.query) == (method, url, {})
    assert (sent.body is None) is (method == "GET")
    assert sent.auth is None


def test_midaz_knows_the_idempotency_key_by_its_own_name_too() -> None:
    sent = request("midaz.create-transaction", LEDGER | {"headers": {"X-A": "1", "X-B": 2}})
    assert sent.headers == {"Idempotency-Key": KEY, "X-Idempotency": KEY, "X-A": "1"}
    assert request("midaz.get-account", LEDGER, accountId=ACCOUNT).headers == {}


@pytest.mark.parametrize(
    ("config", "data", "account"),
    [
        ({"accountId": "config"}, {"accountId": "node"}, "config"),
        ({"accountId": ""}, {"accountId": "node", "inputMapping": mapping(accountId="workflow.id")}, "node"),
        ({"accountId": 5}, {"inputMapping": mapping(accountId="workflow.id")}, "a%2Fb%20c"),
        ({}, {"accountId": "", "inputMapping": mapping(accountId="workflow.id")}, "a%2Fb%20c"),
    ],
)
def test_a_path_parameter_is_the_first_text_of_configuration_node_and_body(
    config: Document, data: Document, account: str
) -> None:
    assert request("midaz.get-account", LEDGER | config, **data).url.endswith(f"/accounts/{account}")


@pytest.mark.parametrize(
    ("config", "data", "cause"),
    [
        ({}, {}, 'missing required path parameter "accountId"'),
        (
            {},
            {"inputMapping": mapping(accountId="workflow.amount")},
            'missing required path parameter "accountId"',
        ),
        ({"ledger_id": ""}, {"accountId": "a"}, 'missing required path parameter "ledger_id"'),
        ({"onboarding_base_url": ""}, {"accountId": "a"}, 'missing required field "onboarding_base_url"'),
        ({}, {"inputMapping": mapping(accountId="workflow.dots")}, '"accountId" must not be a dot segment'),
    ],
)
def test_what_midaz_needs_and_lacks_is_named(config: Document, data: Document, cause: str) -> None:
    failure = refusal("midaz.get-account", LEDGER | config, **data)
    assert failure.reason == f"failed to build runner input: {failure.detail}"
    assert cause in failure.detail


@pytest.mark.parametrize(
    ("data", "query"),
    [
        ({}, {}),
        ({"limit": 10, "cursor": "c"}, {"limit": "10", "cursor": "c"}),
        ({"limit": 10, "inputMapping": mapping(limit="workflow.amount")}, {"limit": "1500"}),
        ({"cursor": "", "inputMapping": mapping(limit="workflow.none")}, {}),
    ],
)
def test_balances_are_paged_by_query(data: Document, query: Document) -> None:
    assert request("midaz.get-account-balance", LEDGER, accountId=ACCOUNT, **data).query == query


def test_only_balances_are_paged() -> None:
    assert request("midaz.get-account", LEDGER, accountId=ACCOUNT, limit=10).query == {}


def test_midaz_posts_static_fields_with_mapped_ones_over_them() -> None:
    static = {"send": {"asset": "BRL", "value": "1"}, "code": "x"}
    sent = request(
        "midaz.create-transaction", LEDGER, **static, inputMapping=mapping(**{"send.value": "workflow.price"})
    )
    assert sent.body == b'{"send":{"asset":"BRL","value":1.50},"code":"x"}'


def test_midaz_authenticates_with_client_credentials() -> None:
    block = {"issuer_url": "https://id.test", "client_id": "c", "client_secret": "s", "scopes": ["a"]}
    sent = request("midaz.create-account", LEDGER | {"auth": block | {"cache": {"enabled": False}}})
    assert sent.auth == {"type": "oidc_client_credentials", "config": block, "cache": {"enabled": False}}


def test_midaz_has_the_time_that_the_node_or_the_configuration_gives() -> None:
    assert request("midaz.create-account", LEDGER | {"timeout_seconds": 9}).timeout == 9
    assert request("midaz.create-account", LEDGER | {"timeout_seconds": 9}, timeout=4).timeout == 4
    assert Sent(endpoint=ENDPOINT).request("midaz.create-account", LEDGER).timeout == 30


# --- s3 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key", "url"),
    [
        ({}, "a/b.json", "https://ledger.s3.eu-west-1.amazonaws.com/a/b.json"),
        ({}, "/a//b/", "https://ledger.s3.eu-west-1.amazonaws.com//a//b/"),
        ({}, "ä b?c#d%+=&~", "https://ledger.s3.eu-west-1.amazonaws.com/%C3%A4%20b%3Fc%23d%25%2B%3D%26~"),
        ({"region": "cn-north-1"}, "k", "https://ledger.s3.cn-north-1.amazonaws.com.cn/k"),
        ({"bucket": "my.ledger"}, "k", "https://s3.eu-west-1.amazonaws.com/my.ledger/k"),
        ({"bucket": "evil.test/"}, "k", "https://s3.eu-west-1.amazonaws.com/evil.test%2F/k"),
        ({"endpoint_url": "http://127.0.0.1:9000"}, "a/b", "http://127.0.0.1:9000/ledger/a/b"),
        ({"endpoint_url": "https://minio.test/s3/"}, "a", "https://minio.test/s3/ledger/a"),
    ],
)
def test_an_object_is_put_at_its_key(config: Document, key: str, url: str) -> None:
    sent = request("s3.put-object", BUCKET | config, key=key, body="x", method="POST", path="/ignored")
    assert (sent.method, sent.url, sent.query) == ("PUT", url, {})


@pytest.mark.parametrize(
    ("data", "body", "content_type"),
    [
        ({"body": "plain"}, b"plain", "application/octet-stream"),
        ({"body": {"a": Decimal("1.50")}}, b'{"a":1.50}', "application/octet-stream"),
        ({"body": [1], "content_type": "application/json"}, b"[1]", "application/json"),
        ({"body": None}, b"", "application/octet-stream"),
        ({"inputMapping": mapping(body="workflow.price")}, b"1.50", "application/octet-stream"),
        (
            {
                "body": {"a": 1},
                "content_type": "a/b",
                "inputMapping": mapping(**{"body.b": "workflow.amount"}),
            },
            b'{"a":1,"b":1500}',
            "a/b",
        ),
        ({"inputMapping": mapping(body="workflow.missing")}, b"", "application/octet-stream"),
        (
            {"inputMapping": mapping(body="workflow.id", content_type="workflow.amount")},
            b"a/b c",
            "application/octet-stream",
        ),
    ],
)
def test_the_content_of_an_object(data: Document, body: bytes, content_type: str) -> None:
    sent = request("s3.put-object", BUCKET, key="k", **data)
    assert (sent.body, sent.headers) == (body, {"Content-Type": content_type})


@pytest.mark.parametrize(
    ("made", "content"), [("text", b"text"), ([1], b"[1]"), ({"body": 5}, b"5"), (None, b"")]
)
def test_what_transforms_make_is_the_content_unless_it_is_an_object_of_fields(
    made: Any, content: bytes
) -> None:
    data = {"executorId": "s3.put-object", "key": "k", "transforms": [{"operation": "pass", "spec": {}}]}
    body = {"key": "k", **made} if isinstance(made, dict) else made
    call = Call(data, configuration(provider_id="s3", config=BUCKET), CONTEXT, body, KEY)
    assert RUNNERS["s3"].request(call).body == content


def test_a_mapped_key_wins_over_the_static_one() -> None:
    sent = request("s3.put-object", BUCKET, key="k", body="x", inputMapping=mapping(key="workflow.id"))
    assert sent.url.endswith("/a/b%20c")


def test_without_mapping_and_static_body_the_whole_context_is_the_object() -> None:
    sent = request("s3.put-object", BUCKET, key="k")
    assert sent.body is not None
    assert b'"workflow":{"id":"a/b c"' in sent.body
    assert b'"earlier":' in sent.body


@pytest.mark.parametrize(
    ("config", "data", "cause"),
    [
        ({}, {}, 'missing required field "key"'),
        ({}, {"key": "", "body": "x"}, 'missing required field "key"'),
        (
            {},
            {"inputMapping": mapping(key="workflow.amount", body="workflow.id")},
            'missing required field "key"',
        ),
        ({}, {"inputMapping": mapping(key="workflow.id")}, 'missing required field "body"'),
        ({}, {"key": "a/../b", "body": "x"}, 'field "key" must not contain dot segments'),
        ({}, {"key": "k", "body": "x" * (1024 * 1024 + 1)}, "the object is too large"),
        ({}, {"key": "\ud800", "body": "x"}, "a text holds half of a character"),
        ({"region": "eu/west"}, {"key": "k", "body": "x"}, 'field "region" is not the name of a region'),
        ({"bucket": ""}, {"key": "k", "body": "x"}, 'missing required field "bucket"'),
    ],
)
def test_an_object_that_cannot_be_put_fails_for_good(config: Document, data: Document, cause: str) -> None:
    failure = refusal("s3.put-object", BUCKET | config, **data)
    assert failure.detail.startswith(cause)
    assert failure.reason == f"failed to build runner input: {failure.detail}"
    assert not failure.transient


def test_an_object_of_exactly_one_mebibyte_fits() -> None:
    body = request("s3.put-object", BUCKET, key="k", body="x" * 1024 * 1024).body
    assert body is not None
    assert len(body) == 1024 * 1024


def test_an_object_is_signed_with_the_access_key() -> None:
    auth = request("s3.put-object", BUCKET, key="k", body="x").auth
    keys = {"access_key_id": "AKIA", "secret_access_key": "s3cr3t"}
    assert auth == {"type": "aws_sigv4", "config": {"service": "s3", "region": "eu-west-1", **keys}}


def test_an_object_is_signed_by_the_role_where_there_is_one() -> None:
    sent = Sent()
    auth = sent.request(
        "s3.put-object", BUCKET | {"role_arn": "arn:aws:iam::1:role/r"}, key="k", body="x"
    ).auth
    assert sent.provider is not None
    role = {"role_arn": "arn:aws:iam::1:role/r", "external_id": sent.provider.id}
    assert auth == {"type": "aws_sigv4", "config": {"service": "s3", "region": "eu-west-1", **role}}


def test_the_output_of_put_object_names_the_object() -> None:
    answered = Sent(headers={"Etag": '"abc"', "X-Amz-Version-Id": "v1", "X-Amz-Request-Id": "r"})
    assert answered.run("s3.put-object", BUCKET, key="a b", body="x").output == {
        "status": 200,
        "status_text": "OK",
        "url": "s3://ledger/a b",
        "headers": {"ETag": '"abc"'},
        "body": {"bucket": "ledger", "key": "a b", "etag": "abc", "versionId": "v1"},
    }


# --- what of the context is read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("executor_id", "data", "roots"),
    [
        ("http", {}, None),
        ("http", {"body": 1}, set()),
        ("http", {"body": 1, "url": "x/${workflow.id}/${ first.a }"}, {"workflow", "first"}),
        ("http", {"body": 1, "url": "x/${context.first.a}"}, {"context", "first"}),
        ("http", {"body": 1, "url": "x/${..}/${workflow.id}"}, {"workflow"}),
        ("http", {"inputMapping": mapping(a="first.b"), "url": "${second.c}"}, {"first", "second"}),
        ("tracer.list-validations", {"limit": 1}, set()),
        ("midaz.get-account", {"inputMapping": mapping(accountId="first.id")}, {"first"}),
        ("s3.put-object", {"key": "k"}, None),
        ("s3.put-object", {"key": "k", "body": "x"}, set()),
        ("s3.put-object", {"key": "k", "inputMapping": mapping(body="first.b")}, {"first"}),
        ("clearsale.score", {"a": 1}, set()),
    ],
)
def test_a_node_is_given_what_its_request_is_made_of(
    executor_id: str, data: Document, roots: set[str] | None
) -> None:
    assert references(executor_id, **data) == (None if roots is None else frozenset(roots))
