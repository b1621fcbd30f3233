"""Tell sockets what happens in runs of flows: woken by the stream of the executions table, or directly (FlowRunner spec i.5).

What a record says does not matter, only which run it is about: what is to be told is read anew.
"""

from collections.abc import Sequence
from typing import Any

from flowker import wiring
from flowker.adapters import keys
from flowker.observability import logger, observed
from flowker.wiring.sockets import pusher, pushing

Event = dict[str, Any]

_PARTITION = keys.execution("").pk


def handle(event: Event, context: Any) -> dict[str, Any]:
    """`{executionId}` pushes that run, and raises if it cannot: the invocation is repeated, then put aside with its reason.

    `{Records}` of DynamoDB Streams push the runs that they are about. One that cannot be pushed now is handed to an invocation
    of its own, so it holds up no other. Answers `{batchItemFailures}`: the records for which not even that was possible.
    """
    with observed(wiring.home().settings):
        if "Records" in event:
            return _push_all(event["Records"], context.aws_request_id)
        pushing().push(event["executionId"], context.aws_request_id)
        return {}


def _push_all(records: Sequence[Event], holder: str) -> dict[str, Any]:
    failed: set[str] = set()
    first = {_execution_id(record): record for record in reversed(records)}
    for execution_id, record in first.items():
        if execution_id is not None and not _push(execution_id, holder):
            failed.add(record["dynamodb"]["SequenceNumber"])
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sorted(failed)]}


def _execution_id(record: Event) -> str | None:
    """The run that an event was written for; None if the record is about anything else."""
    key = record["dynamodb"]["Keys"]
    pk, sk = key["pk"]["S"], key["sk"]["S"]
    is_event = record["eventName"] == "INSERT" and pk.startswith(_PARTITION) and sk.startswith(keys.EVENTS)
    return pk.removeprefix(_PARTITION) if is_event else None


def _push(execution_id: str, holder: str) -> bool:
    """Push, or let another invocation do it. False if neither is possible."""
    try:
        pushing().push(execution_id, holder)
    except Exception:  # whatever is wrong with one run, the others go on
        logger().exception("updates could not be pushed", extra={"execution_id": execution_id})
        return _wake(execution_id)
    return True


def _wake(execution_id: str) -> bool:
    try:
        pusher().wake(execution_id)
    except Exception:  # reported as a failure of the record
        logger().exception("updates wait", extra={"execution_id": execution_id})
        return False
    return True
