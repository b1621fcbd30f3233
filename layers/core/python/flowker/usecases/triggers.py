"""Are triggers that start executions by themselves as the catalog describes them, and not too many? (Flowker spec c.1, g.3)"""

from collections.abc import Iterator
from datetime import datetime

from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import violations
from flowker.errors import Diagnostic
from flowker.model import exact_json
from flowker.model.cron import CronError, cron, time_zone
from flowker.model.graph import Graph, Node
from flowker.model.instant import instant
from flowker.model.schedule import MOST_PAYLOAD, due_after
from flowker.model.workflow import MOST_ROUTES
from flowker.nodes.trigger import trigger_type
from flowker.usecases import webhooks, workflow_schedules
from flowker.usecases.webhooks import WEBHOOK, normalised
from flowker.usecases.workflow_schedules import SCHEDULE

_Mistakes = list[tuple[str, str]]
"""Where in the data of a node, as a JSON pointer, and what is wrong, beginning with the name of the field."""
_NOT_SCHEMA = ("triggerType", "triggerId")


def trigger_findings(graph: Graph, now: datetime) -> Iterator[Diagnostic]:
    """All that is wrong with the triggers of a graph that is to be activated."""
    for number, node in enumerate(graph.nodes):
        for pointer, text in _mistakes(node, now):
            message = f'trigger "{node.id}": {text}'
            yield Diagnostic("FLK-0211", message, f"/nodes/{number}/data{pointer}")
    asked = (webhooks.declared(node) or workflow_schedules.declared(node) for node in graph.nodes)
    if sum(each is not None for each in asked) > MOST_ROUTES:
        message = f"a workflow cannot have more than {MOST_ROUTES} webhook routes and schedules together"
        yield Diagnostic("FLK-0211", message, "/nodes")


def _mistakes(node: Node, now: datetime) -> _Mistakes:
    match trigger_type(node):
        case webhooks.WEBHOOK:
            return _of_webhook(node)
        case workflow_schedules.SCHEDULE:
            return _of_schedule(node, now)
    return []


def _of_webhook(node: Node) -> _Mistakes:
    """A webhook trigger that declares no route registers none, and that is all."""
    if not node.settings.keys() & {"path", "method"}:
        return []
    found = _violations(node, WEBHOOK)
    path = node.settings.get("path")
    if path and not normalised(str(path)):
        found.append(("/path", "path is empty, nothing could be delivered to it"))
    return found


def _of_schedule(node: Node, now: datetime) -> _Mistakes:
    found = _violations(node, SCHEDULE)
    wanted = workflow_schedules.declared(node)
    if found or wanted is None:
        return found
    given = workflow_schedules.input_of(wanted.payload, node.id, instant(now))
    if len(exact_json.dumps(given)) > MOST_PAYLOAD:
        found.append(("/input", f"input must not be longer than {MOST_PAYLOAD} bytes, with _schedule"))
    for name, read, text in (("schedule", cron, wanted.cron), ("timezone", time_zone, wanted.timezone)):
        try:
            read(text)
        except CronError as error:
            found.append((f"/{name}", f"{name} {error}"))
    if not found and due_after(wanted.cron, wanted.timezone, now) is None:
        found.append(("/schedule", "schedule is never due"))
    return found


def _violations(node: Node, trigger_id: str) -> _Mistakes:
    given = {name: value for name, value in node.settings.items() if name not in _NOT_SCHEMA}
    found = violations(CATALOG.triggers[trigger_id].schema, given, formats=True)
    return [(each.pointer, f"{each.path[-1] if each.path else 'data'} {each.message}") for each in found]
