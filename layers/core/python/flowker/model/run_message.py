"""What sockets are told about a run, as JSON (FlowRunner spec i.2). `http/openapi/asyncapi.py` describes it to clients."""

from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.run import EventKind, NumberedEvent, RunStatus, wrapped
from flowker.model.shortening import shortened

MOST_VALUE = 100 * 1024
"""Characters of a result, or of the data of a log entry. A gateway carries messages of 128 KB."""
MOST_TEXT = 8 * 1024
"""Characters of an error, or of the text of a log entry."""


def run_message(
    execution_id: str, event: NumberedEvent, result: Json = None, *, repeated: bool = False
) -> str:
    """The message about an event. `repeated` marks one that was sent before, only to keep the connection open."""
    shown: dict[str, Any] = {
        "type": event.kind.value,
        "execution_id": execution_id,
        "sequence": event.sequence,
        "timestamp": event.at,
        "status": event.status and event.status.value,
        "level": event.level and event.level.value,
        "message": _text(event.message),
        "error": _text(event.error),
        "node_id": event.node_id,
        "node_type": event.node_type,
    }
    document = {name: value for name, value in shown.items() if value is not None}
    if event.data:
        document |= _value("data", dict(event.data))
    if event.kind is EventKind.NODE_COMPLETED:
        document |= _value("result", result)
    if event.kind is EventKind.COMPLETED:
        document |= _value("result", wrapped(result))
    if repeated:
        document["keep_alive"] = True
    return exact_json.dumps(document)


def is_last(event: NumberedEvent) -> bool:
    """Whether nothing follows: the run has ended."""
    return event.kind in (EventKind.COMPLETED, EventKind.FAILED) or event.status is RunStatus.CANCELLED


def _text(text: str | None) -> str | None:
    return None if text is None else shortened(text, MOST_TEXT)


def _value(name: str, value: Json) -> dict[str, Json]:
    short = shortened(value, MOST_VALUE)
    return {name: value} if short == value else {name: short, f"{name}_truncated": True}
