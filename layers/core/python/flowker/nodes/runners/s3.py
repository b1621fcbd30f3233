"""S3, the object store: one signed PUT for each object (Flowker spec g.5 [R])."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from flowker.model.exact_json import Json
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.base import EVERYTHING
from flowker.nodes.runners.authentication import SIGNATURE, Auth
from flowker.nodes.runners.base import Call, Runner, encoded, no_runner, unbuildable
from flowker.nodes.runners.settings import is_mapped, static_config, timeout

MAX_OBJECT: Final = 1024 * 1024
DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"

_PUT_OBJECT = "s3.put-object"
_REGION = re.compile(r"[a-z0-9-]+")
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Bucket names that can be part of a host name; a dot in it would not fit the certificate of S3."""


class S3(Runner):
    def reads(self, data: Mapping[str, Any]) -> frozenset[str] | None:
        own = is_mapped(data) or "body" in static_config(data)
        return frozenset() if own else EVERYTHING

    def request(self, call: Call) -> OutboundRequest:
        """Executor configurations do not apply: the bucket says where to go."""
        if call.data.get("executorId") != _PUT_OBJECT:
            raise no_runner(call.data)
        fields = _fields(call)
        content_type = fields.get("content_type")
        known = isinstance(content_type, str) and bool(content_type)
        return OutboundRequest(
            method="PUT",
            url=_url(call.config, _key(fields)),
            headers={"Content-Type": str(content_type) if known else DEFAULT_CONTENT_TYPE},
            body=_content(fields),
            auth=self.auth(call.provider),
            timeout=timeout(call.data, None, call.config),
        )

    def auth(self, provider: ProviderConfiguration) -> Auth | None:
        """By role where there is one, else by access key. The id of the provider configuration is the external id: a role
        that insists on it cannot be used through anybody else's configuration."""
        config = provider.config
        how = {"service": "s3", "region": _required(config, "region")}
        if config.get("role_arn"):
            by = {"role_arn": config["role_arn"], "external_id": provider.id}
        else:
            names = ("access_key_id", "secret_access_key", "session_token")
            by = {name: config[name] for name in names if config.get(name)}
        return {"type": SIGNATURE, "config": how | by}

    def headers(self, provider: ProviderConfiguration) -> dict[str, str]:
        return {}

    def test_url(self, config: Mapping[str, Any]) -> object:
        """The bucket, whose content is listed for whoever may."""
        return _url(config, "")

    def output(self, call: Call, response: OutboundResponse) -> dict[str, Json]:
        """`{status, status_text, url: "s3://bucket/key", headers: {ETag}, body: {bucket, key, etag, versionId?}}`; in `body`
        the etag is without its quotes."""
        bucket, key = call.config["bucket"], _key(_fields(call))
        answered = {name.lower(): value for name, value in response.headers.items()}
        etag, version = answered.get("etag", ""), answered.get("x-amz-version-id")
        body = {"bucket": bucket, "key": key, "etag": etag.strip('"')}
        return {
            "status": response.status,
            "status_text": response.reason or "OK",
            "url": f"s3://{bucket}/{key}",
            "headers": {"ETag": etag},
            "body": body | ({"versionId": version} if version else {}),
        }


def _fields(call: Call) -> Mapping[str, Json]:
    """`key`, `body` and `content_type`: static fields with mapped ones over them. What is mapped and is no object, is the
    content itself; where nothing is mapped and there is no static body, the whole context is."""
    static = static_config(call.data)
    if not is_mapped(call.data):
        return {"body": dict(call.context), **static}
    return call.body if isinstance(call.body, Mapping) else {**static, "body": call.body}


def _key(fields: Mapping[str, Json]) -> str:
    key = fields.get("key")
    if not isinstance(key, str) or not key:
        raise unbuildable('missing required field "key": it must be a text')
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise unbuildable('field "key" must not contain dot segments')
    return key


def _content(fields: Mapping[str, Json]) -> bytes:
    if "body" not in fields:
        raise unbuildable('missing required field "body": neither static nor mapped')
    content = encoded(fields["body"]) or b""
    if len(content) > MAX_OBJECT:
        raise unbuildable(f"the object is too large: more than {MAX_OBJECT} bytes")
    return content


def _url(config: Mapping[str, Any], key: str) -> str:
    region, bucket = _required(config, "region"), _required(config, "bucket")
    path = quote(key, safe="/~")
    endpoint = config.get("endpoint_url")
    if isinstance(endpoint, str) and endpoint:
        return f"{endpoint.rstrip('/')}/{quote(bucket, safe='')}/{path}"
    if not _REGION.fullmatch(region):
        raise unbuildable('field "region" is not the name of a region')
    host = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    if _HOST_LABEL.fullmatch(bucket):
        return f"https://{bucket}.{host}/{path}"
    return f"https://{host}/{quote(bucket, safe='')}/{path}"


def _required(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name)
    if not isinstance(value, str) or not value:
        raise unbuildable(f'missing required field "{name}" in the provider configuration')
    return value
