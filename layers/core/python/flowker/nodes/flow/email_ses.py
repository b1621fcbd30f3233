"""E-mail over SES v2, with keys or a role of the user's own and never those of this service (FlowRunner spec d.9)."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.mail import Envelope
from flowker.model.outbound import transient
from flowker.model.redaction import Redactor
from flowker.nodes.flow.base import Circumstances, FlowFailure
from flowker.nodes.flow.http_exchange import Message, exchanged, status_handle
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, open_, wrong

PARAMS = (
    Param("ses", Kind.BOOLEAN, "Send over Amazon SES instead of SMTP", default=False),
    Param("region", Kind.TEXT, "`ses`: where SES knows the sender", default="us-east-1", least=1),
    Param("access_key", Kind.TEXT, "`ses`: the id of an access key; this and `secret_key`, or `role_arn` and `external_id`",
          least=1),
    Param("secret_key", Kind.TEXT, "`ses`: its secret", least=1),
    Param("session_token", Kind.TEXT, "`ses`: for keys of a session", least=1),
    Param("role_arn", Kind.TEXT, "`ses`: a role of your account that this service may assume", least=1),
    Param("external_id", Kind.TEXT, "`ses`: what that role asks for", least=1),
    Param("base_url", Kind.TEXT, "`ses`: another endpoint, such as one of a private network", least=1),
)  # fmt: skip
HANDLES = {
    "client_error": "SES answers with 4xx; the error object has `status_code`",
    "server_error": "SES answers with 5xx; the error object has `status_code`",
}
_PATH = "/v2/email/outbound-emails"
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_MOST_SAID = 300
_PAIRS = {"access_key": "secret_key", "role_arn": "external_id"}


def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
    """What is missing for SES."""
    given = [name for name in _PAIRS if params.get(name) is not None]
    if not given:
        yield MISSING, "access_key", "or role_arn is required"
    for name in given:
        if params.get(_PAIRS[name]) is None:
            yield MISSING, _PAIRS[name], f"is required with {name}"
    if params.get("from") is None:
        yield MISSING, "from", "is required with ses"
    region = params.get("region")
    if isinstance(region, str) and not open_(region) and not _REGION.fullmatch(region):
        yield INVALID, "region", "must be the name of a region"


def sent(around: Circumstances, values: Mapping[str, Any], message: bytes, envelope: Envelope) -> str:
    """The id of the message. Raises `FlowFailure`, in whose text no key shows."""
    region = values["region"]
    if not _REGION.fullmatch(region):
        raise wrong("region", "must be the name of a region")
    base = values["base_url"] or f"https://email.{region}.amazonaws.com"
    body = {
        "FromEmailAddress": envelope.sender,
        # Everybody here: SES delivers by this, and the message itself hides whom it must.
        "Destination": {"BccAddresses": list(envelope.recipients)},
        "Content": {"Raw": {"Data": b64encode(message).decode()}},
    }
    request = Message(
        "POST", base.rstrip("/") + _PATH, {}, exact_json.dumps(body).encode(), "application/json"
    )
    auth = {"type": "aws_sigv4", "config": _credentials(values, region)}
    answer = exchanged(around, request, values["timeout"], auth=auth, follow_redirects=False)
    content = answer["body"]
    if not answer["success"]:
        raise _refusal(around, answer, values)
    if not isinstance(content, Mapping) or not isinstance(content.get("MessageId"), str):
        raise FlowFailure("mail failed: the answer of SES has no message id")
    return str(content["MessageId"])


def _credentials(values: Mapping[str, Any], region: str) -> dict[str, Json]:
    base = {"service": "ses", "region": region}
    if values["role_arn"] is not None:
        return {**base, "role_arn": values["role_arn"], "external_id": values["external_id"]}
    keys = {"access_key_id": values["access_key"], "secret_access_key": values["secret_key"]}
    token = values["session_token"]
    return {**base, **keys, **({"session_token": token} if token else {})}


def _refusal(around: Circumstances, answer: Mapping[str, Any], values: Mapping[str, Any]) -> FlowFailure:
    status, content = answer["status_code"], answer["body"]
    words = content.get("message") if isinstance(content, Mapping) else None
    secrets = [values[name] for name in ("secret_key", "session_token", "external_id") if values[name]]
    # Half a secret would not be recognized, so it is cut last.
    hidden = around.redactor.text(Redactor(secrets).text(words)) if isinstance(words, str) else ""
    said = hidden[:_MOST_SAID]
    return FlowFailure(
        f"mail refused: SES answers with status {status}" + (f": {said}" if said else ""),
        handle=status_handle(status),
        details={"status_code": status},
        retryable=transient(status),
    )
