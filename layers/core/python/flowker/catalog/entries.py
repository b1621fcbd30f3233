"""What the catalog lists, and the few words its JSON Schemas are written in (Flowker spec a.7, g)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flowker.model import exact_json

Schema = Mapping[str, Any]
"""A JSON Schema, draft 2020-12, or a part of one."""

Parameters = Mapping[str, Any]
"""What a template is filled in with."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry:
    """Something with a schema. There is one object per entry, so it is compared by identity."""

    id: str
    name: str
    schema: Schema
    version: str = "v1"

    @cached_property
    def schema_text(self) -> str:
        """The schema as the API shows it: JSON text."""
        return exact_json.dumps(self.schema)

    def summary(self) -> dict[str, str]:
        """One element of the list."""
        return {"id": self.id, "name": self.name, "version": self.version}

    def detail(self) -> dict[str, str]:
        """The summary and the schema."""
        return {**self.summary(), "schema": self.schema_text}


@dataclass(frozen=True, eq=False, kw_only=True)
class Provider(Entry):
    """A kind of external service; `schema` describes the `config` of its provider configurations."""

    description: str

    def summary(self) -> dict[str, str]:
        return {**super().summary(), "description": self.description}

    def detail(self) -> dict[str, str]:
        return {**self.summary(), "configSchema": self.schema_text}


@dataclass(frozen=True, eq=False, kw_only=True)
class Executor(Entry):
    """One operation of a provider; `schema` describes its input, which is also the static configuration of a node.

    A node may leave out the fields `optional_in_nodes`, because its provider configuration can stand in for them.
    """

    category: str
    provider_id: str
    optional_in_nodes: frozenset[str] = frozenset()

    def summary(self) -> dict[str, str]:
        return {**super().summary(), "category": self.category, "providerId": self.provider_id}


@dataclass(frozen=True, eq=False, kw_only=True)
class Trigger(Entry):
    """A way to start workflows; `schema` describes the data of a trigger node."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Template(Entry):
    """A way to make workflows; `schema` describes its parameters.

    `build` turns parameters that satisfy the schema, completed by its defaults, into the body of a create request.
    `configurations` names the parameters that are ids of provider configurations, each with the provider's id.
    """

    category: str
    description: str
    build: Callable[[Parameters], dict[str, Any]]
    configurations: Mapping[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, str]:
        return {**super().summary(), "description": self.description, "category": self.category}

    def detail(self) -> dict[str, str]:
        return {**self.summary(), "paramSchema": self.schema_text}


STRING: Schema = {"type": "string"}
FILLED: Schema = {"type": "string", "minLength": 1}
URI: Schema = {"type": "string", "format": "uri"}
UUID: Schema = {"type": "string", "format": "uuid"}
OBJECT: Schema = {"type": "object"}
AMOUNT: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
ANYTHING: Schema = {}


def text(shortest: int = 0, longest: int | None = None) -> Schema:
    """A string of so many characters."""
    return {"type": "string"} | _bounds("minLength", shortest or None) | _bounds("maxLength", longest)


def integer(least: int, most: int | None = None, **annotations: Any) -> Schema:
    """A whole number between two bounds, both included."""
    return {"type": "integer", "minimum": least} | _bounds("maximum", most) | annotations


def _bounds(keyword: str, value: int | None) -> dict[str, Any]:
    return {} if value is None else {keyword: value}


def one_of(*values: str, **annotations: Any) -> Schema:
    """One of a few texts."""
    return {"type": "string", "enum": list(values)} | annotations


def array(items: Schema, **annotations: Any) -> Schema:
    """A list of equal things."""
    return {"type": "array", "items": items} | annotations


def record(properties: Mapping[str, Schema], required: Sequence[str] = (), **keywords: Any) -> Schema:
    """An object with named properties; others are allowed too unless `additionalProperties` is False."""
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": dict(properties)} | needed | keywords


def document(properties: Mapping[str, Schema], required: Sequence[str] = (), **keywords: Any) -> Schema:
    """A whole schema."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | dict(record(properties, required, **keywords))
