"""What happens in a run, as it happens: by its socket, or by asking again and again where there is none.

A message is one of the socket's (FlowRunner spec i.2). None comes when nothing has happened for a while, so that whoever shows
messages can show that time passes.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flowker_cli.failure import note
from flowker_cli.paths import EXECUTIONS, PAGE, path

if TYPE_CHECKING:
    from flowker_cli.client import Client

Message = dict[str, Any]


def follow(client: "Client", execution_id: str, *, poll: bool, interval: float) -> Iterator[Message | None]:
    """Everything from the start of a run to its end; the last message tells how it ended, see `outcome`. Raises `Failed`."""
    logs = 0
    if not poll:
        from flowker_cli import live  # its library takes longer to import than most verbs to run

        try:
            for message in live.messages(client, execution_id):
                logs += message is not None and message["type"] == "log"
                yield message
                if message is not None and outcome(message):
                    return
        except live.NoSocket as reason:
            client.get(path(EXECUTIONS, execution_id))  # it may not be there at all
            note(f"no socket ({reason}): asking every {interval:g} s")
    yield from _by_asking(client, execution_id, interval, logs)


def outcome(message: Message) -> str | None:
    """`completed`, `failed` or `cancelled` if the run has ended with this message."""
    status = message.get("status")
    ended = message["type"] in ("execution_completed", "execution_failed") or status == "cancelled"
    return str(status) if ended else None


def _by_asking(client: "Client", execution_id: str, interval: float, logs: int) -> Iterator[Message | None]:
    at = None
    while True:
        run = client.get(path(EXECUTIONS, execution_id))
        for entry in _log_entries(client, execution_id, logs):
            logs += 1
            yield {"type": "log", "execution_id": execution_id, **entry}
        if run["status"] != "running":
            yield _ended(run)
            return
        if run.get("current_node") not in (None, at):
            at = run["current_node"]
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            yield _update(run, "running", now)
        yield None
        time.sleep(interval)


def _log_entries(client: "Client", execution_id: str, offset: int) -> Iterator[Message]:
    """The log entries of a run from `offset` on, as they are kept."""
    while True:
        query = {"limit": PAGE, "offset": offset}
        page = client.get(path(EXECUTIONS, execution_id, "logs"), query)
        yield from page["logs"]
        offset += len(page["logs"])
        if not page["logs"] or offset >= page["total"]:
            return


def _update(run: Message, status: str, at: str) -> Message:
    return {
        "type": "execution_update",
        "execution_id": run["id"],
        "status": status,
        "node_id": run.get("current_node"),
        "timestamp": at,
    }


def _ended(run: Message) -> Message:
    if run["status"] == "cancelled":
        return _update(run, "cancelled", run["completed_at"])
    told = {"execution_id": run["id"], "status": run["status"], "timestamp": run["completed_at"]}
    if run["status"] == "completed":
        return {"type": "execution_completed", **told, "result": run["result"]}
    details = run.get("error_details") or {}
    where = {name: details.get(name) for name in ("node_id", "node_type")}
    return {"type": "execution_failed", **told, "error": run.get("error"), **where}
