"""What violates a schema of the catalog, and how executor nodes are held to theirs (Flowker spec c.1, g.2).

Messages never repeat a value, because it may be a secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowker.catalog.entries import Executor, Schema
from flowker.model.exact_json import Json
from flowker.nodes.runners.settings import is_mapped, static_config


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong where: `path` leads from the instance to the field, `message` completes "<field> …"."""

    path: tuple[str | int, ...]
    message: str
    keyword: str

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer; empty for the instance itself."""
        return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in self.path)


def fields(found: Sequence[Violation], root: str) -> dict[str, str]:
    """The first message of every field, for an error body: names in dots, below `root`, which holds the instance."""
    named = ((".".join([root, *map(str, violation.path)]), violation.message) for violation in found)
    first: dict[str, str] = {}
    for name, message in named:
        first.setdefault(name, message)
    return first


def violations(
    schema: Schema, instance: Json, *, formats: bool, ignore_required: bool = False
) -> list[Violation]:
    """What in the instance violates the schema, in the order of the schema.

    `formats` asserts uuid, date-time and uri; `ignore_required` tolerates missing fields at any depth.
    """
    from flowker.catalog import dialect

    return [
        Violation(tuple(error.absolute_path), dialect.message(error), str(error.validator))
        for error in dialect.validator(schema, formats=formats).iter_errors(instance)
        if not (ignore_required and error.validator == "required")
    ]


def executor_violations(executor: Executor, data: Mapping[str, Json]) -> list[Violation]:
    """What is wrong with the static configuration of an executor node; nothing if it has none.

    Where mappings or transforms exist they may supply what is missing. `method` is not static, but a schema may ask for it.
    """
    static = static_config(data)
    if not static:
        return []
    if "method" in executor.schema["properties"]:
        method = data.get("method") or "POST"
        static["method"] = method.upper() if isinstance(method, str) else method
    found = violations(executor.schema, static, formats=True, ignore_required=is_mapped(data))
    return [each for each in found if not (each.keyword == "required" and _optional(executor, each))]


def _optional(executor: Executor, missing: Violation) -> bool:
    return len(missing.path) == 1 and missing.path[0] in executor.optional_in_nodes
