"""What is true in JavaScript, of values that came back as JSON (FlowRunner spec d.4, e.3)."""

from flowker.model.exact_json import Json
from flowker.nodes.flow.params import is_number


def truthy(value: Json) -> bool:
    """False are false, null, 0 and the empty text; an empty list or map is true."""
    if isinstance(value, str):
        return value != ""
    return bool(value) if is_number(value) else value is not None and value is not False
