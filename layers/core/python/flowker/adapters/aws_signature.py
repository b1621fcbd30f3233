"""Requests signed as AWS asks for (Signature Version 4), with a key or with a role that is assumed.

Not a choice of users: the `s3` provider's calls are signed this way. botocore is imported with the first signature.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flowker.adapters.credentials import Credentials, Fields, impossible
from flowker.adapters.deadline import Deadline
from flowker.adapters.shared_cache import SharedCache
from flowker.model.outbound import CallFailed, CallFailedForNow

SESSION_NAME = "flowker"
EARLY = 300.0
"""Seconds before its end in which the session of a role is not used any more."""
_MOST = 256
_CONNECT_SECONDS = 2.0
_LEAST_SECONDS = 0.1
_MADE_HERE = frozenset({"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})

StsFor = Callable[[str, float], Any]
"""The boto3 client of STS in a region, for one request that may take so many seconds."""

# At DEBUG botocore logs what it signs, session token included, and the keys that STS answers with.
logging.getLogger("botocore").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key; `expires_at` in seconds since the epoch for one of a session."""

    id: str
    secret: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expires_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class Role:
    arn: str
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Signer:
    """For whom and with what to sign."""

    service: str
    region: str
    source: Keys | Role


def signer_of(fields: Fields) -> Signer:
    """From `{service, region}` with `role_arn, external_id?` or `access_key_id, secret_access_key, session_token?`; the
    role comes first. Raises `CallFailed`: `failed to create auth provider: …`."""
    service, region = fields.required("service"), fields.required("region")
    role_arn = fields.text("role_arn")
    if role_arn is not None:
        return Signer(service, region, Role(role_arn, fields.text("external_id")))
    key_id = fields.text("access_key_id")
    if key_id is None:
        raise impossible("access_key_id or role_arn is required")
    keys = Keys(key_id, fields.required("secret_access_key"), fields.text("session_token"))
    return Signer(service, region, keys)


def sts_client(region: str, seconds: float) -> Any:
    """STS as this process's own identity. One attempt: the caller's deadline is near."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=min(_CONNECT_SECONDS, seconds),
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    # A session of its own, because the shared one must not make clients in two threads at once.
    return boto3.Session().client("sts", region_name=region, config=config)


class Roles:
    """The sessions of the roles that this process has assumed, for many threads."""

    def __init__(self, sts: StsFor, now: Callable[[], float], most: int = _MOST) -> None:
        self._sts = sts
        self._now = now
        self._sessions: SharedCache[Keys] = SharedCache(most)

    def keys(self, role: Role, region: str, deadline: Deadline) -> Keys:
        """Keys of a session that goes on for at least five minutes. Raises `CallFailed`, `CallFailedForNow`."""

        def fetch(stale: Keys | None) -> Keys:
            return self._assumed(role, region, max(deadline.left, _LEAST_SECONDS))

        key = "\n".join((role.arn, role.external_id or "", region))
        try:
            return self._sessions.get(key, lambda it: self._now() < it.expires_at - EARLY, fetch, deadline)
        except TimeoutError:
            raise CallFailedForNow("failed to apply authentication: timed out waiting for a role") from None

    def _assumed(self, role: Role, region: str, seconds: float) -> Keys:
        from botocore.exceptions import BotoCoreError, ClientError

        from flowker.adapters.aws_errors import code, is_transient

        external = {"ExternalId": role.external_id} if role.external_id else {}
        try:
            with closing(self._sts(region, seconds)) as sts:
                answer = sts.assume_role(RoleArn=role.arn, RoleSessionName=SESSION_NAME, **external)
        except (ClientError, BotoCoreError) as error:
            reason = code(error) if isinstance(error, ClientError) else type(error).__name__
            kind = CallFailedForNow if is_transient(error) else CallFailed
            raise kind(f"failed to apply authentication: the role cannot be assumed ({reason})") from None
        session = answer["Credentials"]
        return Keys(
            session["AccessKeyId"],
            session["SecretAccessKey"],
            session["SessionToken"],
            session["Expiration"].timestamp(),
        )


@dataclass(frozen=True, slots=True)
class AwsAuthentication:
    """`Authentication` by signature."""

    signer: Signer
    roles: Roles

    def credentials(self, deadline: Deadline) -> Credentials:
        signer = self.signer
        match signer.source:
            case Role() as role:
                keys = self.roles.keys(role, signer.region, deadline)
            case Keys() as keys:
                pass
        return Credentials(sign=partial(_signature, signer.service, signer.region, keys))

    def renewed(self, refused: Credentials, deadline: Deadline) -> Credentials | None:
        return None


def _signature(
    service: str,
    region: str,
    keys: Keys,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Mapping[str, str]:
    """The headers that sign this request: its address, its body, and of its headers what no proxy changes."""
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as BotoCredentials

    signed = {name: value for name, value in headers.items() if _is_signed(name.lower())}
    request = AWSRequest(method=method, url=url, headers=signed, data=body)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    kind(BotoCredentials(keys.id, keys.secret, keys.session_token), service, region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() in _MADE_HERE}


def _is_signed(name: str) -> bool:
    return name == "content-type" or (name.startswith("x-amz-") and name not in _MADE_HERE)
