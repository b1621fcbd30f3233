"""What each function may do in AWS, item by item, and nothing else.

tests/infra/test_permissions.py plays everything that people do on emulated AWS, notes each call with the function that made
it, and compares: a grant that is missing fails it, and so does one that nothing needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import Key


@dataclass(frozen=True, slots=True)
class Items:
    """Items of a table, by the prefixes of their partition keys. To get includes getting in batches: how many keys are read
    at a time is no difference of rights."""

    table: str
    actions: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """Queries of indexes of a table."""

    table: str
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payloads:
    """Objects of the bucket that belong to items of a table."""

    table: str
    actions: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Secrets:
    """`GenerateDataKey` seals, `Decrypt` opens."""

    actions: str


@dataclass(frozen=True, slots=True)
class Machines:
    """State machines and their executions."""

    actions: str


@dataclass(frozen=True, slots=True)
class ProviderRoles:
    """Roles that provider configurations name."""


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """What Lambda does in the name of the function that a stream is delivered to: read it, and put aside what fails."""


Grant = Items | Lists | Payloads | Secrets | Machines | ProviderRoles | ChangeFeed


def _prefix(key: Key) -> str:
    """What the partition keys of items like this one begin with; without a `#` it is the whole key."""
    head, separator, _ = key.pk.partition("#")
    return head + separator


WORKFLOW = _prefix(keys.workflow(""))
REVISION = _prefix(keys.revision(""))
MACHINE = _prefix(keys.machine(""))
NAME = _prefix(keys.name_lock("", ""))
WEBHOOK = _prefix(keys.webhook_route("", ""))
PROVIDER = _prefix(keys.provider_configuration(""))
EXECUTOR = _prefix(keys.executor_configuration(""))
EXECUTION = _prefix(keys.execution(""))
IDEMPOTENCY = _prefix(keys.idempotency(""))
BREAKER = _prefix(keys.breaker(""))
OUTBOX = keys.outbox_of("")
COUNTS = _prefix(keys.counts("", ""))
COUNTED = _prefix(keys.COUNTED)
ENTRIES = _prefix(keys.audit_entry(1))
HEAD = _prefix(keys.CHAIN_HEAD)


def _items(table: str, actions: str, *prefixes: str) -> Items:
    return Items(table, actions, prefixes)


def _payloads(table: str, actions: str, *prefixes: str) -> Payloads:
    return Payloads(table, actions, prefixes)


_DEFINITION_LISTS = Lists(keys.DEFINITIONS, tuple(keys.TABLES[keys.DEFINITIONS]))
_EXECUTION_LISTS = Lists(keys.EXECUTIONS, tuple(keys.TABLES[keys.EXECUTIONS]))
_AUDIT_LISTS = Lists(keys.AUDIT, tuple(keys.TABLES[keys.AUDIT]))
_ANNOUNCE = _items(keys.EXECUTIONS, "PutItem", OUTBOX)
_ANNOUNCE_ALONE = _items(keys.EXECUTIONS, "PutItem ConditionCheckItem", OUTBOX)
"""Announcements outside of a change, such as a refusal, check that they are not repeated."""
_CHAIN: tuple[Grant, ...] = (
    _items(keys.EXECUTIONS, "GetItem DeleteItem", OUTBOX),
    _items(keys.EXECUTIONS, "UpdateItem", COUNTS),
    _items(keys.EXECUTIONS, "GetItem PutItem", COUNTED),
    _items(keys.AUDIT, "GetItem PutItem", HEAD),
    _items(keys.AUDIT, "PutItem", ENTRIES),
)
"""Append to the audit trail. Nobody may change or delete what is in it."""


def _configurations(prefix: str) -> tuple[Grant, ...]:
    """The API of one kind of configurations."""
    return (
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem", prefix),
        _items(keys.DEFINITIONS, "PutItem DeleteItem", NAME),
        _DEFINITION_LISTS,
        _payloads(keys.DEFINITIONS, "GetObject PutObject", prefix),
        Secrets("GenerateDataKey Decrypt"),
        _ANNOUNCE_ALONE,
    )


PERMISSIONS: Mapping[str, tuple[Grant, ...]] = {
    "workflows": (
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem", WORKFLOW),
        _items(keys.DEFINITIONS, "PutItem", REVISION),
        _items(keys.DEFINITIONS, "PutItem DeleteItem", NAME, WEBHOOK),
        _items(keys.DEFINITIONS, "GetItem UpdateItem", PROVIDER),
        _items(keys.DEFINITIONS, "GetItem", EXECUTOR),
        _items(keys.DEFINITIONS, "Query PutItem UpdateItem", MACHINE),
        _DEFINITION_LISTS,
        _payloads(keys.DEFINITIONS, "GetObject PutObject", WORKFLOW),
        _payloads(keys.DEFINITIONS, "PutObject", REVISION),
        _payloads(keys.DEFINITIONS, "GetObject", PROVIDER, EXECUTOR),
        Secrets("GenerateDataKey Decrypt"),
        _ANNOUNCE_ALONE,
        Machines("CreateStateMachine"),
    ),
    "executions": (
        _items(keys.DEFINITIONS, "GetItem", WORKFLOW, REVISION),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem Query", EXECUTION),
        _items(keys.EXECUTIONS, "GetItem PutItem", IDEMPOTENCY),
        _EXECUTION_LISTS,
        _payloads(keys.DEFINITIONS, "GetObject", REVISION),
        _payloads(keys.EXECUTIONS, "GetObject PutObject", EXECUTION),
        Secrets("Decrypt"),
        _ANNOUNCE_ALONE,
        Machines("StartExecution StopExecution"),
    ),
    "webhooks": (
        _items(keys.DEFINITIONS, "GetItem", WEBHOOK),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem", EXECUTION),
        _items(keys.EXECUTIONS, "PutItem", IDEMPOTENCY),
        _payloads(keys.EXECUTIONS, "PutObject", EXECUTION),
        _ANNOUNCE_ALONE,
        Machines("StartExecution"),
    ),
    "provider_configurations": (*_configurations(PROVIDER), ProviderRoles()),
    "executors": _configurations(EXECUTOR),
    "catalog": (Lists(keys.DEFINITIONS, ("by_name",)),),
    "dashboards": (
        _items(keys.EXECUTIONS, "Query", COUNTS, OUTBOX),
        _items(keys.EXECUTIONS, "GetItem", COUNTED),
        Lists(keys.EXECUTIONS, ("by_started",)),
    ),
    "audit_events": (
        _items(keys.AUDIT, "GetItem Query", ENTRIES),
        _items(keys.AUDIT, "GetItem", HEAD),
        _AUDIT_LISTS,
    ),
    "health": (_items(keys.DEFINITIONS, "GetItem", WORKFLOW), Machines("ListStateMachines")),
    "api_docs": (),
    "not_found": (),
    "run_node": (
        _items(keys.DEFINITIONS, "GetItem", REVISION, PROVIDER, EXECUTOR),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem", EXECUTION),
        _items(keys.EXECUTIONS, "GetItem PutItem", BREAKER),
        _payloads(keys.DEFINITIONS, "GetObject", REVISION, PROVIDER, EXECUTOR),
        _payloads(keys.EXECUTIONS, "GetObject PutObject", EXECUTION),
        Secrets("Decrypt"),
        _ANNOUNCE_ALONE,
        ProviderRoles(),
    ),
    "record_execution": (_items(keys.EXECUTIONS, "GetItem UpdateItem", EXECUTION), _ANNOUNCE),
    "append_audit": (*_CHAIN, ChangeFeed()),
    "reconcile": (
        *_CHAIN,
        _items(keys.EXECUTIONS, "Query", OUTBOX),
        _items(keys.EXECUTIONS, "GetItem UpdateItem Query", EXECUTION),
        Lists(keys.EXECUTIONS, ("by_completed",)),
        _payloads(keys.EXECUTIONS, "GetObject", EXECUTION),
        _ANNOUNCE,
        _items(keys.DEFINITIONS, "GetItem", WORKFLOW),
        _items(keys.DEFINITIONS, "Query UpdateItem DeleteItem", MACHINE),
        Lists(keys.DEFINITIONS, ("by_updated",)),
        Machines("StartExecution DeleteStateMachine"),
    ),
}
"""By the name of the function's folder."""


def needs(function: str, kind: type[Grant]) -> bool:
    """Whether a function was granted anything of a kind."""
    return any(isinstance(grant, kind) for grant in PERMISSIONS[function])
