"""Each provider of the catalog is really called: what arrives there, and what the workflow learns (Flowker spec d.7, g.5)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.provider import Provider
from tests.samples import activate, chain, create_configuration, execute, executor, trigger, unique
from tests.servers import Api, expect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

Document = dict[str, Any]


def configure(api: Api, provider_id: str, **config: Any) -> str:
    body = {"name": unique(provider_id), "providerId": provider_id, "config": config}
    return str(expect(api.post("/v1/provider-configurations", body), 201)["id"])


def run(api: Api, data: Document, *nodes: Document) -> Document:
    """The results of a workflow of these nodes in a row."""
    return api.results(execute(api, activate(api, chain(trigger(), *nodes)), data))


def node(node_id: str, executor_id: str, configuration: str, **data: Any) -> Document:
    made = executor(node_id, configuration, executorId=executor_id, **data)
    if "path" not in data:
        del made["data"]["path"]
    return made


def mapping(**targets: str) -> list[Document]:
    return [{"source": source, "target": target} for target, source in targets.items()]


# --- midaz -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(api: Api, provider: Provider) -> tuple[str, str]:
    """A configuration of midaz, and where its calls arrive."""
    organization, ledger = str(uuid4()), "main ledger"
    configuration = configure(
        api,
        "midaz",
        onboarding_base_url=f"{provider.url}/onboarding/",
        transaction_base_url=f"{provider.url}/transaction",
        organization_id=organization,
        ledger_id=ledger,
    )
    return configuration, f"/v1/organizations/{organization}/ledgers/main%20ledger"


def test_midaz_books_a_transaction_and_tells_a_balance(
    api: Api, provider: Provider, ledger: tuple[str, str]
) -> None:
    configuration, below = ledger
    account = str(uuid4())
    send = {"asset": "BRL", "value": "15.00", "source": {"from": [{"accountAlias": "@ana"}]}}
    results = run(
        api,
        {"transaction": send, "account": account},
        node(
            "book",
            "midaz.create-transaction",
            configuration,
            inputMapping=mapping(send="workflow.transaction"),
        ),
        node(
            "balance",
            "midaz.get-account-balance",
            configuration,
            limit=5,
            inputMapping=mapping(accountId="workflow.account"),
        ),
    )
    assert results["status"] == "completed", results
    (booked,) = provider.to(f"/transaction{below}/transactions/json")
    assert (booked.method, booked.body) == ("POST", {"send": send})
    assert booked.headers["x-idempotency"] == booked.headers["idempotency-key"]
    (asked,) = provider.to(f"/transaction{below}/accounts/")
    assert (asked.method, asked.path, asked.raw) == (
        "GET", f"/transaction{below}/accounts/{account}/balances?limit=5", b"",
    )  # fmt: skip
    assert not {"authorization", "x-idempotency"} & set(asked.headers)


@pytest.mark.skip_moto
def test_midaz_opens_and_shows_accounts(api: Api, provider: Provider, ledger: tuple[str, str]) -> None:
    configuration, below = ledger
    account = str(uuid4())
    results = run(
        api,
        {},
        node("open", "midaz.create-account", configuration, assetCode="BRL", type="deposit"),
        node("show", "midaz.get-account", configuration, accountId=account),
    )
    assert results["status"] == "completed", results
    (opened, shown) = provider.to(f"/onboarding{below}/accounts")
    assert (opened.method, opened.body) == ("POST", {"assetCode": "BRL", "type": "deposit"})
    assert (shown.method, shown.path) == ("GET", f"/onboarding{below}/accounts/{account}")


@pytest.mark.skip_moto
def test_what_midaz_lacks_fails_the_node_without_a_call(
    api: Api, provider: Provider, ledger: tuple[str, str]
) -> None:
    configuration, below = ledger
    results = run(api, {}, node("show", "midaz.get-account", configuration))
    cause = 'missing required path parameter "accountId"'
    assert results["errorMessage"].startswith(f'node "show": failed to build runner input: {cause}')
    assert (results["errorCode"], results["failedNodeId"]) == ("FLK-0504", "show")
    assert results["stepResults"][0]["errorMessage"].startswith(cause)
    assert provider.to(f"/onboarding{below}") == []


# --- tracer ----------------------------------------------------------------------------------------------------------


def test_tracer_is_called_by_its_api_key_where_the_node_says(api: Api, provider: Provider) -> None:
    base = f"/{unique()}"
    configuration = configure(api, "tracer", base_url=f"{provider.url}{base}", api_key="tracer-s3cret")
    amount = mapping(amount="workflow.amount")
    results = run(
        api,
        {"amount": 1500},
        node(
            "path", "tracer.validate-transaction", configuration, path="/v1/validations", inputMapping=amount
        ),
        node(
            "name", "tracer.validate-transaction", configuration, endpointName="validate", inputMapping=amount
        ),
        node("base", "tracer.validate-transaction", configuration, inputMapping=amount),
    )
    assert results["status"] == "completed", results
    received = provider.to(base)
    assert [call.path for call in received] == [f"{base}/v1/validations", f"{base}/validate", base]
    assert {(call.method, call.headers["x-api-key"]) for call in received} == {("POST", "tracer-s3cret")}
    assert [call.body for call in received] == [{"amount": 1500}] * 3
    assert "tracer-s3cret" not in str(results)


# --- s3 --------------------------------------------------------------------------------------------------------------


KEYS = {"access_key_id": "AKIATEST", "secret_access_key": "bucket-s3cret"}


@dataclass
class ObjectStore:
    """An object store on loopback with an empty bucket `ledger`."""

    client: "S3Client"

    @property
    def url(self) -> str:
        return self.client.meta.endpoint_url

    def configure(self, api: Api, bucket: str = "ledger") -> str:
        return configure(api, "s3", region="us-east-1", bucket=bucket, endpoint_url=self.url, **KEYS)

    def get(self, key: str) -> "GetObjectOutputTypeDef":
        return self.client.get_object(Bucket="ledger", Key=key)


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.Session("AKIATEST", "s3cret", region_name="us-east-1").client(
        "s3", endpoint_url=f"http://{host}:{port}"
    )
    try:
        client.create_bucket(Bucket="ledger")
        yield ObjectStore(client)
    finally:
        client.close()
        server.stop()


def test_an_object_is_stored_and_its_place_told(api: Api, store: ObjectStore) -> None:
    key = f"receipts/{unique()} ü.json"
    static = {"key": "unused", "content_type": "application/json", "body": {"currency": "BRL"}}
    mapped = mapping(key="workflow.key", **{"body.amount": "workflow.amount"})
    put = node("store", "s3.put-object", store.configure(api), **static, inputMapping=mapped)
    results = run(api, {"key": key, "amount": 1500}, put)
    assert results["status"] == "completed", results
    stored = store.get(key)
    assert json.load(stored["Body"]) == {"currency": "BRL", "amount": 1500}
    assert stored["ContentType"] == "application/json"
    etag = stored["ETag"]
    assert results["stepResults"][0]["output"] == {
        "status": 200,
        "status_text": "OK",
        "url": f"s3://ledger/{key}",
        "headers": {"ETag": etag},
        "body": {"bucket": "ledger", "key": key, "etag": etag.strip('"')},
    }
    assert "s3cret" not in str(results)


@pytest.mark.skip_moto
def test_an_object_without_mapping_and_body_is_the_whole_context(api: Api, store: ObjectStore) -> None:
    key = unique("context")
    results = run(api, {"amount": 1500}, node("store", "s3.put-object", store.configure(api), key=key))
    assert results["status"] == "completed", results
    assert json.load(store.get(key)["Body"]) == {"workflow": {"amount": 1500}}


@pytest.mark.skip_moto
def test_a_bucket_that_is_not_there_fails_the_node_at_once(api: Api, store: ObjectStore) -> None:
    put = node("store", "s3.put-object", store.configure(api, "elsewhere"), key="k", body="x")
    results = run(api, {}, put)
    assert "after 1 attempts: executor error: http request failed with status 404" in results["errorMessage"]
    assert results["stepResults"][0]["statusCode"] == 404


@pytest.mark.skip_moto
@pytest.mark.parametrize(("bucket", "overall"), [("ledger", "passed"), ("elsewhere", "partial")])
def test_a_bucket_is_tested_by_listing_it(api: Api, store: ObjectStore, bucket: str, overall: str) -> None:
    configuration = store.configure(api, bucket)
    result = expect(api.post(f"/v1/provider-configurations/{configuration}/test"), 200)
    assert result["overallStatus"] == overall, result
    assert "s3cret" not in str(result)


# --- any service -----------------------------------------------------------------------------------------------------


def test_the_next_attempt_comes_no_sooner_than_the_provider_asks(api: Api, provider: Provider) -> None:
    path = f"/flaky/2/429/2/{unique()}"
    results = run(api, {}, executor("call", create_configuration(api, provider.url), path=path))
    assert results["stepResults"][0]["attempts"] == 3, results
    first, second, third = (call.at for call in provider.to(path))
    assert second - first > 1.9  # instead of 1 second
    assert third - second > 1.9  # and again, by the same name
