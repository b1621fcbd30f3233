"""Signed calls: judged by botocore's own computation and by moto as a server that checks signatures (Flowker spec g.5)."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from flowker.adapters.aws_signature import sts_client
from flowker.adapters.outbound_http import OutboundHttp
from flowker.model.outbound import OutboundRequest
from tests.fakes import ManualClock
from tests.integration.outbound.calls import client, fails_for_good, fails_for_now
from tests.integration.outbound.provider_server import ProviderServer, Received
from tests.servers import free_port

REGION = "eu-central-1"
KEYS: dict[str, Any] = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG"}
ROLE = "arn:aws:iam::123456789012:role/flowker-s3"


def put(
    url: str, body: bytes = b'{"a":1}', headers: dict[str, str] | None = None, **config: Any
) -> OutboundRequest:
    auth = {"type": "aws_sigv4", "config": {"service": "s3", "region": REGION, **config}}
    return OutboundRequest("PUT", url, headers or {}, body=body, auth=auth, timeout=20.0)


# --- the signature ----------------------------------------------------------------------------------------------------


def expected_signature(received: Received, url: str, auth: SigV4Auth) -> str:
    """What botocore computes for a request like the one that arrived, signed when that one was."""
    names = re.findall(r"SignedHeaders=([^,]+)", received.headers["Authorization"])[0].split(";")
    headers = {name: received.headers[name] for name in names}
    request = AWSRequest(method=received.method, url=url, headers=headers, data=received.body)
    request.context["timestamp"] = received.headers["X-Amz-Date"]
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


@pytest.mark.parametrize(("service", "kind"), [("s3", S3SigV4Auth), ("execute-api", SigV4Auth)])
@pytest.mark.parametrize("token", [None, "session-token"])
@pytest.mark.parametrize("path", ["/bucket/a/b.json", "/bucket/a%20b%2Bc/%C3%A9?b=2&a=1", ""])
def test_a_request_is_signed_as_botocore_signs_it(
    provider: ProviderServer,
    http: OutboundHttp,
    service: str,
    kind: type[SigV4Auth],
    token: str | None,
    path: str,
) -> None:
    request = put(provider.url(path), service=service, **KEYS, session_token=token)
    assert http.send(request).status == 200
    (received,) = provider.received
    authorization = received.headers["Authorization"]
    assert authorization.startswith(
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{received.headers['X-Amz-Date'][:8]}/"
    )
    assert f"/{REGION}/{service}/aws4_request" in authorization
    assert received.headers["X-Amz-Security-Token"] == token
    credentials = Credentials(KEYS["access_key_id"], KEYS["secret_access_key"], token)
    signature = expected_signature(received, provider.url(path), kind(credentials, service, REGION))
    assert authorization.endswith(f"Signature={signature}")


def test_what_proxies_may_change_is_not_signed(provider: ProviderServer, http: OutboundHttp) -> None:
    headers = {"X-Trace": "1", "x-amz-meta-a": "b", "Authorization": "Basic old", "X-Amz-Date": "old"}
    http.send(put(provider.url("/"), headers=headers, **KEYS))
    received = provider.received[0].headers
    signed = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a"
    assert f"SignedHeaders={signed}," in received["Authorization"]
    assert (received["X-Trace"], received.get_all("X-Amz-Date")) == ("1", [received["X-Amz-Date"]])
    assert received["X-Amz-Date"] != "old"


def test_a_redirect_within_the_origin_is_signed_anew(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/old"] = lambda call: call.redirect("/new", 307)
    assert http.send(put(provider.url("/old"), **KEYS)).status == 200
    auth = S3SigV4Auth(Credentials(KEYS["access_key_id"], KEYS["secret_access_key"]), "s3", REGION)
    first, second = provider.received
    for received, path in ((first, "/old"), (second, "/new")):
        signature = expected_signature(received, provider.url(path), auth)
        assert received.headers["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_signed_request_does_not_go_to_another_origin(
    provider: ProviderServer, other: ProviderServer, http: OutboundHttp, status: int
) -> None:
    provider.behaviours["/"] = lambda call: call.redirect(other.url("/"), status)
    text = fails_for_good(http, put(provider.url("/"), **KEYS))
    assert text == "request failed: a redirect to another origin is not followed"
    assert other.received == []


def test_a_refused_signature_is_not_tried_again(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.answer(401)
    assert http.send(put(provider.url("/"), **KEYS)).status == 401
    assert len(provider.received) == 1


# --- a server that checks ---------------------------------------------------------------------------------------------

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


@dataclass
class Aws:
    """Moto as a server, and in it a bucket, an access key and a role that may use it."""

    url: str
    http: OutboundHttp
    bucket: str
    keys: dict[str, Any]
    role: str

    @contextmanager
    def checking_signatures(self) -> Iterator[None]:
        """Moto lets everything pass until it is told to check from the next request on."""
        self._trust(0)
        try:
            yield
        finally:
            self._trust(float("inf"))

    def _trust(self, requests: float) -> None:
        reset = OutboundRequest("POST", f"{self.url}/moto-api/reset-auth", body=str(requests).encode())
        assert self.http.send(reset).status == 200

    def object_url(self, key: str) -> str:
        return f"{self.url}/{self.bucket}/{key}"

    def stored(self, key: str) -> tuple[bytes, str]:
        found = aws_client("s3", self.url).get_object(Bucket=self.bucket, Key=key)
        return found["Body"].read(), found["ContentType"]


@cache
def aws_client(service: str, url: str | None = None) -> Any:
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client(service, endpoint_url=url, config=ONCE)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url, name = f"http://{host}:{port}", f"signed-{uuid4()}"
    location = {"LocationConstraint": REGION}
    aws_client("s3", url).create_bucket(Bucket=name, CreateBucketConfiguration=location)
    iam = aws_client("iam", url)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="s3", PolicyDocument=POLICY)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="s3", PolicyDocument=POLICY)
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    with client() as http:
        yield Aws(url, http, name, keys, role)
    server.stop()


@pytest.mark.parametrize(("path", "key"), [("a/b.json", "a/b.json"), ("a%20b/%C3%A9-1.txt", "a b/é-1.txt")])
def test_a_signed_object_is_accepted_and_stored(aws: Aws, path: str, key: str) -> None:
    request = put(aws.object_url(path), b"hello", {"Content-Type": "text/plain"}, **aws.keys)
    with aws.checking_signatures():
        assert aws.http.send(request).status == 200
    assert aws.stored(key) == (b"hello", "text/plain")


def test_a_wrong_key_is_refused(aws: Aws) -> None:
    wrong = {**aws.keys, "secret_access_key": "guessed"}
    with aws.checking_signatures():
        response = aws.http.send(put(aws.object_url("k"), **wrong))
    assert response.status == 403
    assert b"SignatureDoesNotMatch" in response.body


# --- roles ------------------------------------------------------------------------------------------------------------


@dataclass
class Assuming:
    """Calls whose STS is moto's; remembers for which regions STS was asked."""

    aws: Aws
    http: OutboundHttp
    clock: ManualClock
    regions: list[str]

    def put(self, **config: Any) -> int:
        changed = {"role_arn": self.aws.role, "external_id": "p-1", **config}
        return self.http.send(put(self.aws.object_url("assumed"), **changed)).status


@pytest.fixture
def assuming(aws: Aws) -> Iterator[Assuming]:
    regions: list[str] = []

    def sts(region: str, seconds: float) -> Any:
        assert 0 < seconds <= 20
        regions.append(region)
        return aws_client("sts", aws.url)

    clock = ManualClock(datetime.now(UTC))
    with client(sts=sts, now=lambda: clock.now().timestamp()) as http:
        yield Assuming(aws, http, clock, regions)


def test_an_assumed_role_signs(assuming: Assuming) -> None:
    assert assuming.put() == 200  # asks STS while moto still lets an unknown identity pass
    with assuming.aws.checking_signatures():
        assert assuming.put() == 200
    assert assuming.regions == [REGION]
    assert assuming.aws.stored("assumed") == (b'{"a":1}', "application/json")


def test_the_role_comes_before_a_key(provider: ProviderServer, assuming: Assuming) -> None:
    assuming.http.send(put(provider.url("/"), role_arn=assuming.aws.role, **KEYS))
    assert "AKIDEXAMPLE" not in provider.received[0].headers["Authorization"]
    assert provider.received[0].headers["X-Amz-Security-Token"]


def test_the_session_of_a_role_is_used_until_five_minutes_before_its_end(assuming: Assuming) -> None:
    for seconds in (0, 1, 3290):
        assuming.clock.advance(seconds)
        assert assuming.put() == 200
    assert assuming.regions == [REGION]
    assuming.clock.advance(20)
    assert assuming.put() == 200
    assert assuming.regions == [REGION, REGION]


@pytest.mark.parametrize("change", [{"external_id": "p-2"}, {"region": "us-east-1"}])
def test_another_use_of_a_role_is_another_session(assuming: Assuming, change: dict[str, Any]) -> None:
    assuming.put()
    assuming.put(**change)
    assert assuming.regions == [REGION, change.get("region", REGION)]


def test_twenty_threads_assume_a_role_once(provider: ProviderServer, assuming: Assuming) -> None:
    request = put(provider.url("/"), role_arn=assuming.aws.role)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: assuming.http.send(request).status, range(20)))
    assert (answers, len(assuming.regions)) == ([200] * 20, 1)


@contextmanager
def answering(prepare: Callable[[Stubber], None]) -> Iterator[OutboundHttp]:
    """A client whose STS answers as prepared."""
    sts = aws_client("sts")
    stubber = Stubber(sts)
    prepare(stubber)
    with stubber, client(sts=lambda region, seconds: sts) as http:
        yield http


def test_sts_is_asked_for_a_session_with_the_external_id(provider: ProviderServer) -> None:
    session = {
        "AccessKeyId": "ASIAEXAMPLEEXAMPLE",
        "SecretAccessKey": "s3cret",
        "SessionToken": "s3ssion",
        "Expiration": datetime(2100, 1, 1, tzinfo=UTC),
    }
    asked = {"RoleArn": ROLE, "RoleSessionName": "flowker", "ExternalId": "p-1"}
    with answering(lambda sts: sts.add_response("assume_role", {"Credentials": session}, asked)) as http:
        assert http.send(put(provider.url("/"), role_arn=ROLE, external_id="p-1")).status == 200
    assert "Credential=ASIAEXAMPLEEXAMPLE/" in provider.received[0].headers["Authorization"]


@pytest.mark.parametrize(
    ("code", "status", "for_now"),
    [
        ("AccessDenied", 403, False),
        ("ValidationError", 400, False),
        ("ThrottlingException", 400, True),
        ("InternalFailure", 500, True),
    ],
)
def test_a_role_that_cannot_be_assumed_fails_the_call(
    provider: ProviderServer, code: str, status: int, for_now: bool
) -> None:
    def refuse(sts: Stubber) -> None:
        sts.add_client_error("assume_role", code, "User s3cret is not authorized", status)

    with answering(refuse) as http:
        fails = fails_for_now if for_now else fails_for_good
        text = fails(http, put(provider.url("/"), role_arn=ROLE))
    assert text == f"failed to apply authentication: the role cannot be assumed ({code})"
    assert provider.received == []


@pytest.mark.parametrize(
    ("role", "fails", "reason"),
    [
        ("short", fails_for_good, "ParamValidationError"),
        (ROLE, fails_for_now, "EndpointConnectionError"),
    ],
)
def test_an_impossible_role_and_an_unreachable_sts_fail_the_call(
    provider: ProviderServer, role: str, fails: Callable[[OutboundHttp, OutboundRequest], str], reason: str
) -> None:
    with client(sts=lambda region, seconds: aws_client("sts", f"http://127.0.0.1:{free_port()}")) as http:
        text = fails(http, put(provider.url("/"), role_arn=role))
    assert text == f"failed to apply authentication: the role cannot be assumed ({reason})"


@pytest.mark.parametrize("region", ["no region", "evil.test/?"])
def test_an_impossible_region_fails_for_good(provider: ProviderServer, region: str) -> None:
    with client() as http:
        text = fails_for_good(http, put(provider.url("/"), role_arn=ROLE, region=region))
    assert text == "failed to apply authentication: the role cannot be assumed (InvalidRegionError)"


def test_sts_is_asked_once_and_within_the_time_that_is_left() -> None:
    sts = sts_client(REGION, 1.5)
    assert sts.meta.region_name == REGION
    assert (sts.meta.config.connect_timeout, sts.meta.config.read_timeout) == (1.5, 1.5)
    assert sts.meta.config.retries["total_max_attempts"] == 1
    sts.close()


def test_neither_keys_nor_sessions_are_logged(assuming: Assuming, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    assuming.put()
    assuming.http.send(put(assuming.aws.object_url("x"), session_token="s3ssion", **KEYS))
    mine = "\n".join(line.getMessage() for line in caplog.records if not line.name.startswith("moto"))
    assert not re.search("s3ssion|wJalrX|Signature=|SecretAccessKey|SessionToken", mine)


def test_calls_that_are_not_signed_do_not_pay_for_botocore() -> None:
    program = "import sys, flowker.adapters.outbound_http; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
