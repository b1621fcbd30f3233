"""The statements behind the operations of `postgres`: values are arguments, names are judged and quoted (FlowRunner spec d.10).

Filters and orders mean what they mean for `store`: texts compare by code points, and nothing is less than a value of another
kind.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.sql import SqlStatement
from flowker.nodes.flow import filters
from flowker.nodes.flow.params import is_number, wrong

MAX_FOUND = 1000
"""Entries that `list` and `query` give at most."""
MAX_STATEMENTS = 100
MAX_ITEMS = 5000
_MAX_ARGS = 60_000
"""Of one statement; the protocol counts them with 16 bits."""
_DEFAULT_TABLE = "flowrunner_store"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
NO_NAME = "must consist of letters, digits, _ and $"

Values = Mapping[str, Any]


def is_name(text: object, parts: int = 1) -> bool:
    """Whether it can name a column, or with two parts a table."""
    if not isinstance(text, str):
        return False
    names = text.split(".")
    return len(names) <= parts and all(_NAME.fullmatch(name) for name in names)


def _execute(values: Values) -> list[SqlStatement]:
    return [SqlStatement(values["query"], values["args"] or ())]


def _transaction(values: Values) -> list[SqlStatement]:
    statements = []
    for position, given in enumerate(values["statements"]):
        query, args = given.get("query", given.get("sql")), given.get("args", given.get("params"))
        if not isinstance(query, str) or not query:
            raise wrong(f"statements[{position}]", "needs a text as query")
        if args is not None and not isinstance(args, list):
            raise wrong(f"statements[{position}]", "needs a list as args")
        statements.append(SqlStatement(query, args or ()))
    return statements


def _batch_insert(values: Values) -> list[SqlStatement]:
    items: Sequence[Mapping[str, Json]] = values["items"]
    columns = values["columns"] or list(dict.fromkeys(name for item in items for name in item))
    if not columns:
        raise wrong("items", "must have columns")
    quoted = _columns(columns, "columns" if values["columns"] else "items")
    at_once = max(1, _MAX_ARGS // len(columns))
    start = f"INSERT INTO {_table(values)} ({quoted}) VALUES "  # noqa: S608 (names are judged and quoted)
    end = _on_conflict(values, columns)
    return [
        _insertion(start, columns, items[first : first + at_once], end)
        for first in range(0, len(items), at_once)
    ]


def _insertion(
    start: str, columns: Sequence[str], items: Sequence[Mapping[str, Json]], end: str
) -> SqlStatement:
    args = _Args()
    rows = [
        "(" + ", ".join(args.add(item[name]) if name in item else "DEFAULT" for name in columns) + ")"
        for item in items
    ]
    return SqlStatement(start + ", ".join(rows) + end, args.values)


def _on_conflict(values: Values, columns: Sequence[str]) -> str:
    given = values.get("on_conflict")
    if given is None:
        return ""
    unique = given if isinstance(given, list) else [given]
    target = _columns(unique, "on_conflict")
    others = [f'"{name}" = EXCLUDED."{name}"' for name in columns if name not in unique]
    update = values["on_conflict_action"] == "update" and others
    return f" ON CONFLICT ({target}) DO " + ("UPDATE SET " + ", ".join(others) if update else "NOTHING")


def _set(values: Values) -> list[SqlStatement]:
    text = f"INSERT INTO {_table(values)} (key, value) VALUES ($1, $2::jsonb) "  # noqa: S608
    text += "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
    return [SqlStatement(text, (values["key"], exact_json.dumps(values["value"])))]


def _get(values: Values) -> list[SqlStatement]:
    return [SqlStatement(f"SELECT value FROM {_table(values)} WHERE key = $1", (values["key"],))]  # noqa: S608


def _delete(values: Values) -> list[SqlStatement]:
    return [SqlStatement(f"DELETE FROM {_table(values)} WHERE key = $1", (values["key"],))]  # noqa: S608


def _list(values: Values) -> list[SqlStatement]:
    text = f'SELECT key FROM {_table(values)} ORDER BY key COLLATE "C" LIMIT $1'  # noqa: S608
    return [SqlStatement(text, (int(values["limit"]),))]


def _query(values: Values) -> list[SqlStatement]:
    wanted: Mapping[str, Json] = values["filter"] or {}
    if found := filters.problem(wanted):
        raise wrong("filter", found)
    args = _Args()
    conditions = ["jsonb_typeof(value) = 'object'"]
    for field, value in wanted.items():
        operators = value if filters.has_operators(value) else {"$eq": value}
        actual = f"(value -> {args.add(field)}::text)"
        conditions.append(f"{actual} IS NOT NULL")
        conditions += [_CONDITIONS[name](actual, args, operand) for name, operand in operators.items()]
    text = f"SELECT key, value FROM {_table(values)} WHERE {' AND '.join(conditions)} "  # noqa: S608
    text += f"ORDER BY {_order(values['sort'], args)} LIMIT {args.add(int(values['limit']))}"
    return [SqlStatement(text, args.values)]


OPERATIONS: Mapping[str, Callable[[Values], list[SqlStatement]]] = {
    "execute": _execute,
    "transaction": _transaction,
    "batch_insert": _batch_insert,
    "set": _set,
    "get": _get,
    "delete": _delete,
    "list": _list,
    "query": _query,
}


class _Args:
    """The arguments of a statement that is being written."""

    def __init__(self) -> None:
        self.values: list[Json] = []

    def add(self, value: Json) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def json(self, value: Json) -> str:
        return self.add(exact_json.dumps(value)) + "::jsonb"


def _table(values: Values) -> str:
    name = values["table_name"] or _DEFAULT_TABLE
    if not is_name(name, parts=2):
        raise wrong("table_name", NO_NAME)
    return ".".join(f'"{part}"' for part in name.split("."))


def _columns(names: Sequence[Any], param: str) -> str:
    if not names or not all(is_name(name) for name in names):
        raise wrong(param, f"has the name of a column that {NO_NAME}")
    return ", ".join(f'"{name}"' for name in names)


def _equal(actual: str, args: _Args, operand: Json) -> str:
    return f"{actual} = {args.json(operand)}"


def _unequal(actual: str, args: _Args, operand: Json) -> str:
    return f"{actual} <> {args.json(operand)}"


def _ordering(sign: str) -> Callable[[str, _Args, Json], str]:
    def condition(actual: str, args: _Args, operand: Json) -> str:
        if is_number(operand):
            return f"(jsonb_typeof({actual}) = 'number' AND {actual} {sign} {args.json(operand)})"
        if isinstance(operand, str):
            text = f"({actual} #>> '{{}}') COLLATE \"C\" {sign} {args.add(operand)}::text"
            return f"(jsonb_typeof({actual}) = 'string' AND {text})"
        return "FALSE"

    return condition


def _in(actual: str, args: _Args, operand: Json) -> str:
    if not isinstance(operand, list):
        return "FALSE"
    return f"{actual} IN (SELECT jsonb_array_elements({args.json(operand)}))"


def _contains(actual: str, args: _Args, operand: Json) -> str:
    elements = f"CASE jsonb_typeof({actual}) WHEN 'array' THEN {actual} ELSE '[]' END"
    found = f"{args.json(operand)} IN (SELECT jsonb_array_elements({elements}))"
    if not isinstance(operand, str):
        return found
    text = f"strpos({actual} #>> '{{}}', {args.add(operand)}::text) > 0"
    return f"({found} OR (jsonb_typeof({actual}) = 'string' AND {text}))"


_CONDITIONS: Mapping[str, Callable[[str, _Args, Json], str]] = {
    "$eq": _equal,
    "$ne": _unequal,
    "$gt": _ordering(">"),
    "$gte": _ordering(">="),
    "$lt": _ordering("<"),
    "$lte": _ordering("<="),
    "$in": _in,
    "$contains": _contains,
}


def _order(sort: str | None, args: _Args) -> str:
    """Booleans, then numbers, then texts; then what has no order."""
    by_key = 'key COLLATE "C"'
    if not sort:
        return by_key
    field = f"(value -> {args.add(sort.removeprefix('-'))}::text)"
    down = " DESC" if sort.startswith("-") else ""
    kind = f"CASE jsonb_typeof({field})"
    rank = f"{kind} WHEN 'boolean' THEN 0 WHEN 'number' THEN 1 WHEN 'string' THEN 2 END"
    number = f"{kind} WHEN 'boolean' THEN ({field}::text::boolean)::int WHEN 'number' THEN {field}::text::numeric END"
    text = f"({kind} WHEN 'string' THEN {field} #>> '{{}}' END) COLLATE \"C\""
    return ", ".join([*(f"{each}{down} NULLS LAST" for each in (rank, number, text)), by_key])
