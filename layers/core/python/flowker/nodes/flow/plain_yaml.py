"""YAML from somebody who may mean harm, as JSON values."""

import re
from typing import Any

import yaml

from flowker.model.exact_json import Json


def loads(text: str) -> Json:
    """Raises `ValueError`. What is neither JSON nor YAML's own, such as binary data, is handed back as Python has it."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("not YAML") from error


class _Loader(yaml.SafeLoader):
    """Of plain words only those become something else that do in JSON: no dates, no `yes`, no `12:30`. Without aliases, which
    could make a short text large."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not followed")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)
