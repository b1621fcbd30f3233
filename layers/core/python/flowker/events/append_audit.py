"""The change feed: chain what changes have announced (architecture §6). On AWS it is the stream of the executions table."""

from typing import Any

from flowker import wiring
from flowker.adapters.dynamodb.expressions import from_attributes
from flowker.adapters.stores.outbox import Notice, NoticeUnreadable, is_notice, notice_of, tell_unreadable
from flowker.model.instant import MILLISECOND, moment
from flowker.model.telemetry import Metric, measure
from flowker.observability import observed

Record = dict[str, Any]


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{Records: [{eventName, dynamodb: {SequenceNumber, NewImage}}]}` as of DynamoDB Streams. What is no notice is passed
    over, and what was chained before as well, so records may come twice, late or in any order.

    Answers `{appended, batchItemFailures}`: how many notices were chained, and the records that cannot be read. These hold
    up no other: what is readable around them is chained, they are delivered again alone with what follows them, and in the
    end put aside. Raises when the store is not available: the whole batch is delivered again.
    """
    with observed(wiring.home().settings):
        notices: list[Notice] = []
        failures: list[dict[str, str]] = []
        for record in event["Records"]:
            if record["eventName"] == "INSERT" and is_notice(_keys(record)):
                notice = _read(record["dynamodb"])
                if notice is None:
                    failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
                else:
                    notices.append(notice)
        appended = wiring.audit_chain().append(notices)
        _measure_lag(notices if appended else [])
        return {"appended": appended, "batchItemFailures": failures}


def _keys(record: Record) -> dict[str, Any]:
    """The keys are in every record, whatever else is."""
    return dict(from_attributes(record["dynamodb"]["Keys"]))


def _read(change: dict[str, Any]) -> Notice | None:
    """None for one that cannot be read, which is told."""
    try:
        return notice_of(_image(change))
    except NoticeUnreadable as problem:
        where = {"sequence_number": str(change["SequenceNumber"])}
        tell_unreadable(from_attributes(change["Keys"]), problem, **where)
        return None


def _image(change: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(from_attributes(change["NewImage"]))
    except (KeyError, ValueError) as problem:
        raise NoticeUnreadable(f"{type(problem).__name__}: {problem}") from problem


def _measure_lag(notices: list[Notice]) -> None:
    """Of the oldest event."""
    oldest = min((event.at for notice in notices for event in notice.events), default=None)
    if oldest is not None:
        measure(Metric.AUDIT_LAG, (wiring.home().clock.now() - moment(oldest)) / MILLISECOND)
