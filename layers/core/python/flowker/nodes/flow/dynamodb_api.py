"""DynamoDB's JSON API and its way to write values, number for number (FlowRunner spec d.10)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import (
    CallFailed,
    CallFailedForNow,
    CallTimedOut,
    OutboundRequest,
    OutboundResponse,
    transient,
)
from flowker.nodes.flow.base import Circumstances, FlowFailure
from flowker.nodes.flow.http_exchange import status_handle
from flowker.nodes.flow.params import is_number, wrong

_CODE = re.compile("[A-Za-z]{1,80}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_AUTHENTICATION = "aws_sigv4"
_MAX_DIGITS = 38
_MIN_EXPONENT, _MAX_EXPONENT = -130, 125
_FOR_NOW = frozenset(
    {
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
    }
    | {"TransactionConflictException", "LimitExceededException"}
)
_SAID = frozenset({"ValidationException", "ResourceNotFoundException"})
"""Errors whose text is repeated; that of a wrong signature quotes the request with its token.
A long one is left out, because half a secret would not be recognized as one."""
_MOST_SAID = 500


class TooLarge(Exception):
    """The answer has more than 1 MiB: ask for less."""


@dataclass(frozen=True, slots=True)
class DynamoDb:
    """One region's DynamoDB as `auth` may use it, until `end` on the monotonic clock."""

    around: Circumstances
    url: str
    auth: Mapping[str, Any]
    end: float
    seconds: float

    @staticmethod
    def of(around: Circumstances, values: Mapping[str, Any]) -> "DynamoDb":
        """Raises `FlowFailure` where the node names no credentials: those of this service are never lent."""
        region: str = values["region"]
        if not REGION.fullmatch(region):
            raise wrong("region", "is not the name of a region")
        how: dict[str, Any] = {"service": "dynamodb", "region": region}
        if values["role_arn"] is not None:
            how |= {"role_arn": values["role_arn"], "external_id": _account(around)}
        elif values["access_key"] is None or values["secret_key"] is None:
            raise wrong("access_key", "and secret_key are required, or role_arn")
        else:
            how |= {"access_key_id": values["access_key"], "secret_access_key": values["secret_key"]}
            how |= {"session_token": values["session_token"]} if values["session_token"] else {}
        suffix = ".cn" if region.startswith("cn-") else ""
        url = values["endpoint"] or f"https://dynamodb.{region}.amazonaws.com{suffix}"
        seconds = min(values["timeout"], around.timeout)
        auth = {"type": _AUTHENTICATION, "config": how}
        return DynamoDb(around, url.rstrip("/") + "/", auth, monotonic() + seconds, seconds)

    def call(self, action: str, request: Mapping[str, Json]) -> dict[str, Json]:
        """What it answers. Raises `FlowFailure`, `TooLarge`."""
        try:
            response = self.around.send(
                OutboundRequest(
                    method="POST",
                    url=self.url,
                    headers={
                        "X-Amz-Target": f"DynamoDB_20120810.{action}",
                        "Content-Type": "application/x-amz-json-1.0",
                    },
                    body=exact_json.dumps(request).encode(),
                    auth=self.auth,
                    timeout=self._left(),
                    follow_redirects=False,
                    cut=True,
                )
            )
        except CallTimedOut:
            raise self.late() from None
        except CallFailed as error:
            again = isinstance(error, CallFailedForNow)
            raise FlowFailure(f"DynamoDB: {error}", retryable=again) from error
        if response.cut:
            raise TooLarge
        return _answer(response)

    def pause(self, seconds: float) -> None:
        """Raises `FlowFailure` if there is no time for it."""
        if self._left() <= seconds:
            raise self.late()
        self.around.sleep(seconds)

    def late(self) -> FlowFailure:
        return FlowFailure(f"DynamoDB: timed out after {self.seconds:g} s", handle="timeout")

    def _left(self) -> float:
        left = self.end - monotonic()
        if left <= 0:
            raise self.late()
        return left


def _account(around: Circumstances) -> str:
    if not around.account_id:
        raise FlowFailure("there are no roles here", retryable=False)
    return around.account_id


def _answer(response: OutboundResponse) -> dict[str, Json]:
    try:
        body = exact_json.received(response.body)
    except ValueError:
        body = None
    if response.status == 200 and isinstance(body, dict):
        return body
    said = body if isinstance(body, dict) else {}
    code = str(said.get("__type", "")).rpartition("#")[2]
    code = code if _CODE.fullmatch(code) else ""
    if response.status < 400:
        raise FlowFailure("DynamoDB: the answer is not DynamoDB's")
    text = str(said.get("message", said.get("Message", ""))) if code in _SAID else ""
    reason = code or "no reason given"
    if 0 < len(text) <= _MOST_SAID:
        reason += f": {text}"
    raise FlowFailure(
        f"DynamoDB refused the request with status {response.status}: {reason}",
        handle=status_handle(response.status),
        details={"status_code": response.status, "code": code or None},
        retryable=transient(response.status) or code in _FOR_NOW,
    )


def written(value: Json) -> dict[str, Json]:
    """As an attribute. Raises `FlowFailure` for a number that DynamoDB cannot keep exactly."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case list():
            return {"L": [written(element) for element in value]}
        case Mapping():
            return {"M": item_of(value)}
        case _ if is_number(value):
            return {"N": _number(Decimal(str(value)))}
        case _:
            raise TypeError(type(value).__name__)


def item_of(value: Mapping[str, Json]) -> dict[str, Json]:
    """A map as the attributes of an item."""
    return {name: written(element) for name, element in value.items()}


def read(attribute: Any) -> Json:
    """The value of an attribute; sets become lists, bytes base64. Raises `ValueError` for what is none."""
    if not isinstance(attribute, Mapping) or len(attribute) != 1:
        raise ValueError("not an attribute")
    ((kind, value),) = attribute.items()
    match kind:
        case "NULL":
            return None
        case "BOOL" | "S" | "B" | "SS" | "BS":
            return value
        case "N":
            return _read_number(value)
        case "NS" if isinstance(value, list):
            return [_read_number(number) for number in value]
        case "L" if isinstance(value, list):
            return [read(element) for element in value]
        case "M":
            return read_item(value)
        case _:
            raise ValueError("not an attribute")


def _read_number(text: Any) -> Json:
    number = exact_json.received(str(text))
    if not is_number(number):
        raise ValueError("not an attribute")
    return number


def read_item(attributes: Any) -> dict[str, Json]:
    """Raises `ValueError`."""
    if not isinstance(attributes, Mapping):
        raise ValueError("not an item")
    return {name: read(attribute) for name, attribute in attributes.items()}


def _number(number: Decimal) -> str:
    _, digits, exponent = number.as_tuple()
    significant = len("".join(map(str, digits)).strip("0"))
    fits = number.is_zero() or _MIN_EXPONENT <= number.adjusted() <= _MAX_EXPONENT
    if significant > _MAX_DIGITS or not fits or not isinstance(exponent, int):
        raise FlowFailure("DynamoDB keeps numbers of at most 38 digits", retryable=False)
    return str(number)
