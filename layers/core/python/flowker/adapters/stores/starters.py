"""What starts an active workflow besides the API, as items: webhook routes and schedules. They come with its activation and go
with its end, in the same transactions; the workflow's head lists their keys (Flowker spec, section i)."""

from collections.abc import Mapping, Sequence

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Condition, Delete, Item, Key, Put, Table
from flowker.adapters.stores.named import changed
from flowker.adapters.stores.record import Guarded, item, read
from flowker.adapters.stores.schedules import schedule_item
from flowker.errors import InvalidTriggerConfig, WebhookRouteTaken
from flowker.model.schedule import Schedule
from flowker.model.workflow import MOST_ROUTES, Launch, WebhookRoute

Starters = Mapping[Key, WebhookRoute | Schedule]


def starters(routes: Sequence[WebhookRoute], schedules: Sequence[Schedule]) -> Starters:
    """By their keys. Raises `WebhookRouteTaken` for a route that is there twice."""
    found: Starters = {
        **{keys.webhook_route(each.method, each.path): each for each in routes},
        **{keys.schedule(each.owner_id, each.id): each for each in schedules},
    }
    if len(found) < len(routes) + len(schedules):
        raise _route_taken()
    return found


def still_held(table: Table, listed: Sequence[Key]) -> Sequence[Key]:
    """Of the keys that a head lists those that are to be deleted: a schedule that is never due again has removed itself."""
    schedules = [key for key in listed if _is_schedule(key)]
    gone = {key for key, stored in zip(schedules, read(table, schedules), strict=True) if stored is None}
    return [key for key in listed if key not in gone]


def swapping(held: Sequence[Key], new: Starters, workflow_id: str, kind: str) -> Sequence[Guarded]:
    """The writes that make the new ones take the places of those that the workflow holds. Raises `InvalidTriggerConfig` for too
    many of them."""
    if len({*held, *new}) > MOST_ROUTES:
        message = f"a workflow cannot have more than {MOST_ROUTES} webhook routes and schedules together"
        raise InvalidTriggerConfig(message)
    overtaken = changed(kind)
    writes: list[Guarded] = []
    for key, what in new.items():
        refusal = overtaken if isinstance(what, Schedule) else _route_taken()
        condition = _held_by(key, workflow_id) if key in held else ABSENT
        writes.append((Put(key.table, _item_of(key, what), condition), refusal))
    return [
        *writes,
        *((Delete(key, _held_by(key, workflow_id)), overtaken) for key in held if key not in new),
    ]


def launch_fields(launch: Launch) -> Mapping[str, str | int]:
    """The attributes of an item that says how a workflow is launched, beside the workflow's id."""
    return launch.model_dump(mode="json", exclude={"workflow_id"}, exclude_none=True)


def _item_of(key: Key, what: WebhookRoute | Schedule) -> Item:
    if isinstance(what, Schedule):
        return schedule_item(what)
    return item(
        key,
        method=what.method,
        path=what.path,
        token_digest=what.token_digest,
        workflow_id=what.launch.workflow_id,
        **launch_fields(what.launch),
    )


def _held_by(key: Key, workflow_id: str) -> Condition:
    return Condition(equals={"owner_id" if _is_schedule(key) else "workflow_id": workflow_id})


def _is_schedule(key: Key) -> bool:
    return key.pk.startswith(keys.SCHEDULES)


def _route_taken() -> WebhookRouteTaken:
    return WebhookRouteTaken("a webhook trigger's method and path are taken by another trigger")
