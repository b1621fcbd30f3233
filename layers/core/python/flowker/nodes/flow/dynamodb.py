"""`dynamodb`: a DynamoDB table of the tenant (FlowRunner spec d.10).

Only with credentials that the flow names: an access key, or a role that demands the account's id as external id, so that it
cannot be used by anybody else's flow. A call whose answer is lost is made again; every operation here can be repeated without
harm, but a repetition may overwrite what somebody else has written meanwhile. `batch_write` is not all-or-nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.run import Level
from flowker.nodes.flow import filters
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.dynamodb_api import REGION, DynamoDb, TooLarge, item_of, read_item, written
from flowker.nodes.flow.http_exchange import TIMEOUT
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.operations import demand, given, unmet
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, open_, wrong

MAX_FOUND = 1000
"""Entries that `list` and `query` give at most."""
MAX_READ = 10_000
"""Items that `list` and `query` look at."""
MAX_BYTES = 16 * 1024 * 1024
"""Of those items, as JSON."""
MAX_ITEMS = 1000
_AT_ONCE = 25
_PAGE = 200
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

Values = Mapping[str, Any]
_REQUIRED = {
    "get": ("key",),
    "set": ("key", "value"),
    "put": ("item",),
    "delete": ("key",),
    "batch_write": ("items",),
}


class DynamoDbTable(NodeType):
    name = "dynamodb"
    table = (
        Param("operation", Kind.TEXT, "What to do", required=True,
              choices=("get", "set", "put", "delete", "list", "query", "batch_write")),
        Param("region", Kind.TEXT, "Where the table is", default="us-east-1", least=1),
        Param("access_key", Kind.TEXT, "Id of the access key", aliases=("access_key_id",), least=1),
        Param("secret_key", Kind.TEXT, "The access key's secret", aliases=("secret_access_key",), least=1),
        Param("session_token", Kind.TEXT, "Of temporary credentials", least=1),
        Param("role_arn", Kind.TEXT, "Instead of a key: a role to assume; its trust policy must demand the account's id as "
              "external id", least=1),
        Param("endpoint", Kind.TEXT, "Another address than that of the region", least=1),
        Param("table_name", Kind.TEXT, "The table", default="flowrunner_store", aliases=("table",), least=1, most=1024),
        Param("key", Kind.ANY, "`get`, `set`, `delete`: a text, the attribute `key`; or, but for `set`, a map with the key "
              "attributes of any table"),
        Param("value", Kind.ANY, "`set`: the attribute `value`"),
        Param("item", Kind.MAP, "`put`: the whole item", least=1),
        Param("items", Kind.MAPS, "`batch_write`: whole items, such as `{key, value}`", least=1, most=MAX_ITEMS),
        Param("filter", Kind.MAP, "`query`: as of `store`, for fields of values that are maps"),
        Param("sort", Kind.TEXT, "`query`: `field`, or `-field` for the greatest first; else by key", least=1),
        Param("limit", Kind.COUNT, "`list`, `query`: how many at most", default=MAX_FOUND, least=1, most=MAX_FOUND),
        TIMEOUT,
    )  # fmt: skip
    page = Page(
        summary="Works with a DynamoDB table, only with credentials that the node names. The key/value operations need a table "
        "whose partition key is the text `key`, and keep the value in the attribute `value`; an item without it is its own "
        "value. `list` and `query` look at 10,000 items or 16 MiB at most, and a log entry says if there were more. Numbers "
        "have 38 digits and stay exact; sets become lists, bytes base64. `batch_write` may be done in part when it fails.",
        example="""\
type: dynamodb
params:
  operation: set
  region: eu-central-1
  access_key: "${secrets.AWS_KEY}"
  secret_key: "${secrets.AWS_SECRET}"
  table_name: orders
  key: "${input.id}"
  value: "${input}"
next: { default: notify, error: alarm }""",
        results={
            "(the value)": "`get`, `set`; with a map as `key`, `get` gives the whole item. A missing key is a failure",
            "(the item)": "`put`",
            "key, deleted": "`delete`: whether there was an item",
            "(list of keys)": "`list`: sorted",
            "(list of {key, value})": "`query`: the values that are maps and match",
            "written": "`batch_write`: how many items",
        },
        actions={"default": "always"},
        handles={
            "client_error": "DynamoDB answers with 4xx; the error object has `status_code` and `code`",
            "server_error": "DynamoDB answers with 5xx; the error object has `status_code` and `code`",
            "timeout": "not done in time",
        },
        logs={"Result cut short": "warn, data `{operation, rows}`; there was more than was looked at"},
    )  # fmt: skip

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        names = given(self.table, params)
        if "role_arn" not in names:
            for name in ("access_key", "secret_key"):
                if name not in names:
                    yield MISSING, name, "is required, unless there is role_arn"
        operation = params.get("operation")
        yield from unmet(_REQUIRED, operation, names)
        key, region = params.get("key"), params.get("region")
        if key is not None and (found := _key_problem(key, operation)):
            yield INVALID, "key", found
        if isinstance(region, str) and not open_(region) and not REGION.fullmatch(region):
            yield INVALID, "region", "is not the name of a region"
        if isinstance(params.get("filter"), Mapping) and (found := filters.problem(params["filter"])):
            yield INVALID, "filter", found

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        operation: str = values["operation"]
        demand(_REQUIRED, operation, values)
        if values.get("key") is not None and (found := _key_problem(values["key"], operation)):
            raise wrong("key", found)
        if found := filters.problem(values["filter"] or {}):
            raise wrong("filter", found)
        try:
            value, more = _OPERATIONS[operation](DynamoDb.of(around, values), values)
        except TooLarge:
            raise FlowFailure("DynamoDB: an item is too large to be read", retryable=False) from None
        except ValueError:
            raise FlowFailure("DynamoDB: the answer is not DynamoDB's") from None
        rows = len(value) if isinstance(value, list) else 0
        logs = [Line(Level.WARN, "Result cut short", {"operation": operation, "rows": rows})] if more else ()
        return Done(value, logs=logs, shared=remembered("dynamodb", value))


def _key_problem(key: Any, operation: object) -> str | None:
    if isinstance(key, str):
        return None if key else "must not be empty"
    maps = isinstance(key, Mapping) and bool(key) and operation != "set"
    return None if maps else "must be a text" if operation == "set" else "must be a text or a map"


def _get(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    answer = table.call("GetItem", {**_at(values), "ConsistentRead": True})
    if "Item" not in answer:
        raise FlowFailure(
            f"key not found: {values['key']}" if isinstance(values["key"], str) else "key not found"
        )
    item = read_item(answer["Item"])
    return item if isinstance(values["key"], Mapping) else item.get("value", item), False


def _set(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    item = {"key": written(values["key"]), "value": written(values["value"])}
    table.call("PutItem", {"TableName": values["table_name"], "Item": item})
    return values["value"], False


def _put(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    table.call("PutItem", {"TableName": values["table_name"], "Item": item_of(values["item"])})
    return values["item"], False


def _delete(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    answer = table.call("DeleteItem", {**_at(values), "ReturnValues": "ALL_OLD"})
    return {"key": values["key"], "deleted": bool(answer.get("Attributes"))}, False


def _list(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    only = {"ProjectionExpression": "#k", "ExpressionAttributeNames": {"#k": "key"}}
    items, more = _scanned(table, {"TableName": values["table_name"], **only})
    keys = sorted(key for item in items if isinstance(key := item.get("key"), str))
    return keys[: int(values["limit"])], more or len(keys) > values["limit"]


def _query(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    """Ordered as of `store`: by the field, and where that says nothing by key."""
    items, more = _scanned(table, {"TableName": values["table_name"]})
    wanted: Mapping[str, Json] = values["filter"] or {}
    found = [(item.get("key"), item.get("value", item)) for item in items]
    matching = [
        {"key": key, "value": value}
        for key, value in sorted(found, key=lambda pair: str(pair[0]))
        if isinstance(value, Mapping) and filters.matches(wanted, value)
    ]
    return filters.ordered(matching, values["sort"], of="value")[: int(values["limit"])], more


def _batch_write(table: DynamoDb, values: Values) -> tuple[Json, bool]:
    requests: list[Json] = [{"PutRequest": {"Item": item_of(item)}} for item in values["items"]]
    for first in range(0, len(requests), _AT_ONCE):
        _write(table, values["table_name"], requests[first : first + _AT_ONCE])
    return {"written": len(requests)}, False


_OPERATIONS: Mapping[str, Callable[[DynamoDb, Values], tuple[Json, bool]]] = {
    "get": _get,
    "set": _set,
    "put": _put,
    "delete": _delete,
    "list": _list,
    "query": _query,
    "batch_write": _batch_write,
}
"""Each gives its result, and whether there was more than it looked at."""


def _at(values: Values) -> dict[str, Json]:
    key = values["key"]
    return {"TableName": values["table_name"], "Key": item_of({"key": key} if isinstance(key, str) else key)}


def _write(table: DynamoDb, name: str, requests: Sequence[Json]) -> None:
    """Again and again what a busy table leaves undone."""
    pause = _FIRST_PAUSE
    while True:
        answer = table.call("BatchWriteItem", {"RequestItems": {name: list(requests)}})
        left = answer.get("UnprocessedItems") or {}
        if not isinstance(left, Mapping) or not left.get(name):
            return
        requests = _list_of(left, name)
        table.pause(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _scanned(table: DynamoDb, request: Mapping[str, Json]) -> tuple[list[dict[str, Json]], bool]:
    """Items of the table, and whether there are more. Pages that are too large are read in smaller ones."""
    items: list[dict[str, Json]] = []
    start: dict[str, Json] = {}
    page, size = _PAGE, 0
    while len(items) < MAX_READ and size < MAX_BYTES:
        try:
            answer = table.call("Scan", {**request, **start, "Limit": page, "ConsistentRead": True})
        except TooLarge:
            if page == 1:
                raise
            page //= 2
            continue
        page_items = [read_item(item) for item in _list_of(answer, "Items")]
        items += page_items
        if not answer.get("LastEvaluatedKey"):
            return items, False
        size += len(exact_json.dumps(page_items))
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    return items, True


def _list_of(answer: Mapping[str, Any], name: str) -> list[Any]:
    """Raises `ValueError`."""
    found = answer.get(name)
    if found is not None and not isinstance(found, list):
        raise ValueError("not a list")
    return found or []
