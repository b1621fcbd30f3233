"""The structured part of a model's answer: JSON or YAML, often in a code fence (FlowRunner spec d.7)."""

import re

from flowker.model import exact_json
from flowker.model.exact_json import Json

MOST_YAML = 64 * 1024
"""Characters; what is longer is only read as JSON, since reading YAML takes long."""
_FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)


def structured(answer: str) -> Json:
    """A map or a list; None for what is neither. Of several code fences the first one counts."""
    fence = _FENCE.search(answer)
    text = (fence[1] if fence else answer).strip()
    try:
        value = exact_json.received(text)
    except ValueError:
        value = _yaml(text)
    return value if isinstance(value, dict | list) else None


def _yaml(text: str) -> Json:
    if len(text) > MOST_YAML:
        return None
    from flowker.nodes.flow import plain_yaml  # too slow a start for all the workers that never need it

    try:
        return exact_json.received(exact_json.dumps(plain_yaml.loads(text)))
    except (ValueError, TypeError, RecursionError):
        return None
