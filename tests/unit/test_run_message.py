"""What sockets are told: the messages of FlowRunner spec i.2, never larger than a gateway carries."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.model import exact_json
from flowker.model.run import EventKind, Level, NumberedEvent, RunStatus
from flowker.model.run_message import MOST_VALUE, is_last, run_message
from flowker.model.shortening import shortened

AT = "2026-03-01T10:00:00.123Z"
GATEWAY_LIMIT = 128 * 1024


def event(kind: EventKind, **values: Any) -> NumberedEvent:
    return NumberedEvent.model_validate({"kind": kind, "at": AT, "sequence": 7, **values})


def told(*arguments: Any, **named: Any) -> Any:
    return json.loads(run_message("exec-1", *arguments, **named))


FRAME = {"execution_id": "exec-1", "sequence": 7, "timestamp": AT}
NODE = {"node_id": "start", "node_type": "http.request"}


def test_a_node_starts() -> None:
    update = event(EventKind.UPDATE, status=RunStatus.RUNNING, **NODE)
    assert told(update) == {"type": "execution_update", **FRAME, "status": "running", **NODE}
    assert not is_last(update)


def test_a_node_succeeded_also_with_nothing_to_show() -> None:
    done = event(EventKind.NODE_COMPLETED, value_of="1", **NODE)
    assert told(done, {"a": 1}) == {"type": "node_completed", **FRAME, **NODE, "result": {"a": 1}}
    assert told(done) == {"type": "node_completed", **FRAME, **NODE, "result": None}


def test_a_log_entry_has_data_only_if_there_are_any() -> None:
    entry = event(EventKind.LOG, level=Level.INFO, message="sent", data={"status_code": 200}, **NODE)
    expected = {"type": "log", **FRAME, **NODE, "level": "info", "message": "sent"}
    assert told(entry) == {**expected, "data": {"status_code": 200}}
    assert told(entry.model_copy(update={"data": {}})) == expected


def test_the_ends_are_the_last_messages() -> None:
    completed = event(EventKind.COMPLETED, status=RunStatus.COMPLETED, value_of="3")
    failed = event(EventKind.FAILED, status=RunStatus.FAILED, error="HTTP 500", **NODE)
    cancelled = event(EventKind.UPDATE, status=RunStatus.CANCELLED)
    assert told(completed, "out") == {
        "type": "execution_completed", **FRAME, "status": "completed", "result": {"result": "out"},
    }  # fmt: skip
    assert told(failed) == {
        "type": "execution_failed", **FRAME, "status": "failed", "error": "HTTP 500", **NODE,
    }  # fmt: skip
    assert told(cancelled) == {"type": "execution_update", **FRAME, "status": "cancelled"}
    assert all(map(is_last, (completed, failed, cancelled)))


def test_numbers_keep_their_digits() -> None:
    done = event(EventKind.NODE_COMPLETED, value_of="1")
    assert '"result":10.10' in run_message("exec-1", done, Decimal("10.10"))


def test_a_sign_of_life_is_marked() -> None:
    update = event(EventKind.UPDATE, status=RunStatus.RUNNING, **NODE)
    assert told(update, repeated=True) == {**told(update), "keep_alive": True}


@pytest.mark.parametrize(
    "value",
    [
        "x" * 300_000,
        "ü" * 100_000,
        "😀" * 100_000,
        '"' * 200_000,
        [{"n": n} for n in range(60_000)],
        {"status_code": 200, "body": "y" * 300_000, "headers": {"a": "b"}},
        {f"k{n}": "z" * 100 for n in range(5_000)},
        {"deep": {"deeper": ["x" * 200_000, 1]}},
        {"k" * 200_000: 1},
    ],
)
def test_what_is_too_long_is_shortened_and_said_to_be(value: Any) -> None:
    done = event(EventKind.NODE_COMPLETED, value_of="1", **NODE)
    text = run_message("exec-1", done, value)
    assert len(text.encode()) < GATEWAY_LIMIT
    message = json.loads(text)
    assert message["result_truncated"] is True
    assert type(message["result"]) is type(value)
    if "status_code" in value:
        assert message["result"]["status_code"] == 200
        assert len(message["result"]["body"]) > MOST_VALUE * 0.9


def test_log_entries_and_errors_fit_as_well() -> None:
    entry = event(EventKind.LOG, level=Level.ERROR, message="ü" * 100_000, data={"a": "x" * 300_000}, **NODE)
    failed = event(EventKind.FAILED, status=RunStatus.FAILED, error="😀" * 100_000, **NODE)
    for each in (entry, failed):
        assert len(run_message("exec-1", each).encode()) < GATEWAY_LIMIT
    assert told(entry)["data_truncated"] is True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@settings(max_examples=200)
@given(value=JSON, most=st.integers(8, 300))
def test_what_is_shortened_fits_and_what_fits_is_left_alone(value: Any, most: int) -> None:
    short = shortened(value, most)
    text = exact_json.dumps(short)
    assert len(text) <= max(most, 4)
    if len(exact_json.dumps(value)) <= most:
        assert short == value
