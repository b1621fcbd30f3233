"""What happened, who did it, and its place in a chain of hashes (Flowker spec j.2).

An entry is the text that was hashed: thirteen parts joined by `|`, the first of them the hash of the entry before. Its
fields are read from that text and stored nowhere else, so none of them can differ from what the hash covers.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from flowker.model import exact_json
from flowker.model.exact_json import Json

GENESIS = "GENESIS"
"""What stands for the hash before the first entry."""
NOTHING = "00000000-0000-0000-0000-000000000000"
"""The resource of an event about something that never came to exist."""
SEPARATOR = "|"


class Action(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    ACTIVATE = "ACTIVATE"
    DEACTIVATE = "DEACTIVATE"
    DRAFT = "DRAFT"
    EXECUTE = "EXECUTE"
    TEST = "TEST"
    CANCEL = "CANCEL"
    SIGNAL = "SIGNAL"


class Result(StrEnum):
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class ResourceType(StrEnum):
    WORKFLOW = "workflow"
    EXECUTION = "execution"
    PROVIDER_CONFIG = "provider_config"
    EXECUTOR_CONFIG = "executor_config"
    ACCOUNT = "account"
    SECRET = "secret"  # noqa: S105 - the kind of thing, not one
    FLOW = "flow"


class EventType(StrEnum):
    WORKFLOW_CREATED = "WORKFLOW_CREATED"
    WORKFLOW_UPDATED = "WORKFLOW_UPDATED"
    WORKFLOW_ACTIVATED = "WORKFLOW_ACTIVATED"
    WORKFLOW_DEACTIVATED = "WORKFLOW_DEACTIVATED"
    WORKFLOW_DRAFTED = "WORKFLOW_DRAFTED"
    WORKFLOW_DELETED = "WORKFLOW_DELETED"
    EXECUTION_STARTED = "EXECUTION_STARTED"
    EXECUTION_COMPLETED = "EXECUTION_COMPLETED"
    EXECUTION_FAILED = "EXECUTION_FAILED"
    EXECUTION_CANCELLED = "EXECUTION_CANCELLED"
    EXECUTION_SIGNALLED = "EXECUTION_SIGNALLED"
    PROVIDER_CALL_STARTED = "PROVIDER_CALL_STARTED"
    PROVIDER_CALL_COMPLETED = "PROVIDER_CALL_COMPLETED"
    PROVIDER_CALL_FAILED = "PROVIDER_CALL_FAILED"
    PROVIDER_CONFIG_CREATED = "PROVIDER_CONFIG_CREATED"
    PROVIDER_CONFIG_UPDATED = "PROVIDER_CONFIG_UPDATED"
    PROVIDER_CONFIG_TESTED = "PROVIDER_CONFIG_TESTED"
    PROVIDER_CONFIG_DELETED = "PROVIDER_CONFIG_DELETED"
    EXECUTOR_CONFIG_CREATED = "EXECUTOR_CONFIG_CREATED"
    EXECUTOR_CONFIG_UPDATED = "EXECUTOR_CONFIG_UPDATED"
    EXECUTOR_CONFIG_TESTED = "EXECUTOR_CONFIG_TESTED"
    EXECUTOR_CONFIG_DELETED = "EXECUTOR_CONFIG_DELETED"
    ACCOUNT_CREATED = "ACCOUNT_CREATED"
    ACCOUNT_UPDATED = "ACCOUNT_UPDATED"
    ACCOUNT_DELETED = "ACCOUNT_DELETED"
    SESSION_CREATED = "SESSION_CREATED"
    SESSION_UPDATED = "SESSION_UPDATED"
    SESSION_DELETED = "SESSION_DELETED"
    SECRET_CREATED = "SECRET_CREATED"  # noqa: S105 - an event's name, as below
    SECRET_UPDATED = "SECRET_UPDATED"  # noqa: S105
    SECRET_DELETED = "SECRET_DELETED"  # noqa: S105
    FLOW_CREATED = "FLOW_CREATED"
    FLOW_UPDATED = "FLOW_UPDATED"
    FLOW_DELETED = "FLOW_DELETED"

    @property
    def action(self) -> Action:
        return _ACTIONS[self.rpartition("_")[2]]

    @property
    def resource_type(self) -> ResourceType:
        return next(kind for start, kind in _RESOURCES.items() if self.startswith(start))


_ACTIONS = {
    "CREATED": Action.CREATE,
    "UPDATED": Action.UPDATE,
    "DELETED": Action.DELETE,
    "ACTIVATED": Action.ACTIVATE,
    "DEACTIVATED": Action.DEACTIVATE,
    "DRAFTED": Action.DRAFT,
    "TESTED": Action.TEST,
    "CANCELLED": Action.CANCEL,
    "SIGNALLED": Action.SIGNAL,
    "STARTED": Action.EXECUTE,
    "COMPLETED": Action.EXECUTE,
    "FAILED": Action.EXECUTE,
}
_RESOURCES = {
    "WORKFLOW_": ResourceType.WORKFLOW,
    "EXECUTION_": ResourceType.EXECUTION,
    "PROVIDER_CALL_": ResourceType.EXECUTION,
    "PROVIDER_CONFIG_": ResourceType.PROVIDER_CONFIG,
    "EXECUTOR_CONFIG_": ResourceType.EXECUTOR_CONFIG,
    "ACCOUNT_": ResourceType.ACCOUNT,
    "SESSION_": ResourceType.ACCOUNT,
    "SECRET_": ResourceType.SECRET,
    "FLOW_": ResourceType.FLOW,
}


class ActorType(StrEnum):
    USER = "user"
    SYSTEM = "system"
    API_KEY = "api_key"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, from where, and in which request if there was one."""

    type: ActorType = ActorType.SYSTEM
    id: str = "flowker"
    ip_address: str = "0.0.0.0"  # noqa: S104 - an address that is not known, nothing is bound to it
    request_id: str = ""


SYSTEM = Actor()
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Whatever happens inside is done by this actor; outside of it, by the system. Use cases need not pass it on."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def actor() -> Actor:
    """Whoever is acting now."""
    return _actor.get()


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something significant, before it has its place in the chain. `at` is UTC with microseconds; the values of `context`
    and `metadata` are texts, integers or booleans. Raises `ValueError` for a field that holds the separator: better now
    than when it is to be chained."""

    id: str
    type: EventType
    result: Result
    resource_id: str
    actor: Actor
    at: str
    context: Mapping[str, Json] = field(default_factory=dict)
    metadata: Mapping[str, Json] = field(default_factory=dict)
    action: Action = Action.EXECUTE
    resource_type: ResourceType = ResourceType.EXECUTION

    def __post_init__(self) -> None:
        free = (self.id, self.resource_id, self.actor.id, self.actor.ip_address, self.at)
        if any(SEPARATOR in text for text in free):
            raise ValueError(f"a field of event {self.id} contains {SEPARATOR}")


def happened(
    kind: EventType,
    resource_id: str,
    *,
    id: str,  # noqa: A002 - what the field is called
    at: datetime,
    result: Result = Result.SUCCESS,
    metadata: Mapping[str, Json] | None = None,
) -> AuditEvent:
    """An event by whoever is acting. Metadata that are None are left out."""
    whoever = actor()
    return AuditEvent(
        id=id,
        type=kind,
        result=result,
        resource_id=resource_id,
        actor=whoever,
        at=microseconds(at),
        context={"request.id": whoever.request_id} if whoever.request_id else {},
        metadata={name: value for name, value in (metadata or {}).items() if value is not None},
        action=kind.action,
        resource_type=kind.resource_type,
    )


def microseconds(at: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Entry(NamedTuple):
    """An event in its place. `text` is what was hashed; `sequence` counts from 1 without gaps. `faithful` is whether all
    that a store keeps beside the text, to find it by, agrees with the text."""

    sequence: int
    text: str
    hash: str
    faithful: bool = True

    @property
    def event(self) -> AuditEvent:
        """Raises `ValueError` if the text is none that `link` wrote."""
        try:
            return _parsed(self.text)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"entry {self.sequence} cannot be read") from error

    @property
    def previous_hash(self) -> str:
        return self.text.partition(SEPARATOR)[0]

    @property
    def intact(self) -> bool:
        """Whether the hash is that of the text."""
        return self.hash == digest(self.text)


def digest(text: str) -> str:
    """The hash of an entry with this text. Half a surrogate pair, which no entry has, is hashed rather than refused."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def link(event: AuditEvent, sequence: int, previous_hash: str) -> Entry:
    """Put an event behind the entry with this hash."""
    text = SEPARATOR.join(
        (
            previous_hash,
            event.id,
            event.type,
            event.action,
            event.result,
            event.resource_id,
            event.resource_type,
            event.actor.type,
            event.actor.id,
            event.actor.ip_address,
            exact_json.canonical(event.context),
            exact_json.canonical(event.metadata),
            event.at,
        )
    )
    return Entry(sequence, text, digest(text))


_DECODER = json.JSONDecoder()


def _parsed(text: str) -> AuditEvent:
    """The documents may hold separators; what stands around them does not."""
    _, event_id, kind, action, result, resource_id, resource_type, actor_type, actor_id, address, rest = (
        text.split(SEPARATOR, 10)
    )
    documents, _, at = rest.rpartition(SEPARATOR)
    context, end = _DECODER.raw_decode(documents)
    metadata = json.loads(documents[end + 1 :])
    if documents[end] != SEPARATOR or not isinstance(metadata, dict):
        raise ValueError("two documents are expected")
    datetime.fromisoformat(at)
    return AuditEvent(
        id=event_id,
        type=EventType(kind),
        result=Result(result),
        resource_id=resource_id,
        actor=Actor(ActorType(actor_type), actor_id, address, str(context.get("request.id", ""))),
        at=at,
        context=context,
        metadata=metadata,
        action=Action(action),
        resource_type=ResourceType(resource_type),
    )
