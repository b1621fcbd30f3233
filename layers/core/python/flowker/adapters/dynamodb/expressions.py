"""Reads and writes as DynamoDB requests; pure.

Attribute names and values are always placeholders (`#a0`, `:v0`), so none of DynamoDB's 573 reserved words matters.
`names` maps a logical table to its physical name everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import Check, Condition, Delete, Item, Key, Put, Query, Scalar, Update, Write
from flowker.adapters.table_rules import successor

Request = dict[str, Any]
"""Keyword arguments of one call, or one entry of `TransactItems`."""

FILTERED_PAGE = 250
"""Items read per page when a filter may drop most of them: few round trips, and well below 1 MB as a rule."""


def to_attributes(item: Item) -> dict[str, Any]:
    """An item in DynamoDB's notation."""
    return {name: _to_attribute(value) for name, value in item.items()}


def _to_attribute(value: Scalar) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"S": value}


def from_attributes(attributes: Mapping[str, Any]) -> dict[str, Scalar]:
    """An item out of DynamoDB's notation. Raises `ValueError` for a type that no item has."""
    return {name: _from_attribute(attribute) for name, attribute in attributes.items()}


def _from_attribute(attribute: Mapping[str, Any]) -> Scalar:
    match attribute:
        case {"S": str(text)}:
            return text
        case {"N": str(number)}:
            return int(number)
        case {"BOOL": bool(truth)}:
            return truth
    raise ValueError(f"no scalar: {', '.join(attribute)}")


class _Placeholders:
    """The names and values that the expressions of one request refer to."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#a{len(self._names)}")

    def value(self, value: Scalar) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = _to_attribute(value)
        return placeholder

    def values(self, values: Sequence[Scalar]) -> str:
        return ", ".join(self.value(value) for value in values)

    def arguments(self) -> Request:
        """The two arguments, each only if it is not empty: DynamoDB refuses empty ones."""
        arguments: Request = {}
        if self._names:
            arguments["ExpressionAttributeNames"] = {name: key for key, name in self._names.items()}
        if self._values:
            arguments["ExpressionAttributeValues"] = self._values
        return arguments


# --- reads -----------------------------------------------------------------------------------------------------------


def get_request(key: Key, names: Mapping[str, str]) -> Request:
    """Arguments of GetItem."""
    return {"TableName": names[key.table], "Key": _key(key), "ConsistentRead": True}


def batch_get_request(wanted: Sequence[Key], names: Mapping[str, str]) -> Request:
    """`RequestItems` of BatchGetItem, for distinct keys."""
    request: Request = {}
    for key in wanted:
        table = request.setdefault(names[key.table], {"Keys": [], "ConsistentRead": True})
        table["Keys"].append(_key(key))
    return request


def sort_attribute(query: Query) -> str:
    return keys.TABLES[query.table][query.index].sk if query.index else "sk"


def query_request(query: Query, names: Mapping[str, str]) -> Request | None:
    """Arguments of Query, or None if nothing can match.

    DynamoDB allows one condition on the sort key, and BETWEEN includes its ends: the answer may hold items on the ends
    that `table_rules.in_range` drops.
    """
    if query.limit == 0 or not all(query.where.values()):
        return None
    bounds = _bounds(query)
    if bounds is None:
        return None
    placeholders = _Placeholders()
    request: Request = {
        "TableName": names[query.table],
        "KeyConditionExpression": _key_condition(query, bounds, placeholders),
        "ScanIndexForward": query.forward,
    }
    request |= {"IndexName": query.index} if query.index else {"ConsistentRead": True}
    if query.where:
        request["FilterExpression"] = " AND ".join(
            f"{placeholders.name(name)} IN ({placeholders.values(values)})"
            for name, values in query.where.items()
        )
    if query.limit is not None:
        dropped = 2 if len(bounds) == 2 else 0
        request["Limit"] = max(FILTERED_PAGE, query.limit) if query.where else query.limit + dropped
    return request | placeholders.arguments()


def _key_condition(query: Query, bounds: Mapping[str, str], placeholders: _Placeholders) -> str:
    partition = keys.TABLES[query.table][query.index].pk if query.index else "pk"
    condition = f"{placeholders.name(partition)} = {placeholders.value(query.pk)}"
    if not bounds:
        return condition
    sort = placeholders.name(sort_attribute(query))
    values = {name: placeholders.value(value) for name, value in bounds.items()}
    match values:
        case {"prefix": prefix}:
            return f"{condition} AND begins_with({sort}, {prefix})"
        case {"low": low, "high": high}:
            return f"{condition} AND {sort} BETWEEN {low} AND {high}"
        case {"low": low}:
            return f"{condition} AND {sort} > {low}"
        case _:
            return f"{condition} AND {sort} < {values['high']}"


def _bounds(query: Query) -> dict[str, str] | None:
    """The narrowest single condition that holds for all sort keys asked for: `{prefix}`, `{low, high}`, `{low}` or
    `{high}` (both exclusive), or `{}`; None if there are no such keys. Empty strings are no bounds, and no keys."""
    after, prefix = query.after or "", query.prefix or ""
    end = successor(prefix)
    if query.before is not None and (end is None or query.before < end):
        end = query.before
    elif prefix and after < prefix:
        return {"prefix": prefix}
    low = max(after, prefix)
    if end is not None and low >= end:
        return None
    return ({"low": low} if low else {}) | ({"high": end} if end is not None else {})


# --- writes ----------------------------------------------------------------------------------------------------------


def write_request(write: Write, names: Mapping[str, str]) -> Request:
    """An entry of `TransactItems`: `{operation: arguments}`. The arguments are also those of PutItem, UpdateItem and
    DeleteItem."""
    placeholders = _Placeholders()
    arguments: Request = {"TableName": names[write.key.table]}
    match write:
        case Put():
            operation = "Put"
            arguments["Item"] = to_attributes(write.item)
        case Update():
            operation = "Update"
            arguments["Key"] = _key(write.key)
            arguments["UpdateExpression"] = _update_expression(write, placeholders)
        case Delete():
            operation = "Delete"
            arguments["Key"] = _key(write.key)
        case Check():
            operation = "ConditionCheck"
            arguments["Key"] = _key(write.key)
    if write.when is not None:
        arguments["ConditionExpression"] = _condition_expression(write.when, placeholders)
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return {operation: arguments | placeholders.arguments()}


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _condition_expression(condition: Condition, placeholders: _Placeholders) -> str:
    pk = placeholders.name("pk")
    if condition.absent:
        return f"attribute_not_exists({pk})"
    terms = [f"attribute_exists({pk})"]
    for name, value in condition.equals.items():
        terms.append(f"{placeholders.name(name)} = {placeholders.value(value)}")
    for name, values in condition.one_of.items():
        if values:
            terms.append(f"{placeholders.name(name)} IN ({placeholders.values(values)})")
        else:  # one of nothing: never; DynamoDB has no empty IN and no literal "false"
            terms.append(f"attribute_not_exists({pk})")
    for name, bound in condition.at_most.items():
        terms.append(f"{placeholders.name(name)} <= {placeholders.value(bound)}")
    terms.extend(f"attribute_not_exists({placeholders.name(name)})" for name in condition.missing)
    return " AND ".join(terms)


def _update_expression(update: Update, placeholders: _Placeholders) -> str:
    clauses = {
        "SET": [
            f"{placeholders.name(name)} = {placeholders.value(value)}" for name, value in update.set.items()
        ],
        "ADD": [
            f"{placeholders.name(name)} {placeholders.value(amount)}" for name, amount in update.add.items()
        ],
        "REMOVE": [placeholders.name(name) for name in update.remove],
    }
    return " ".join(f"{clause} {', '.join(actions)}" for clause, actions in clauses.items() if actions)
