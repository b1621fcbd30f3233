"""What each function may do in AWS, item by item, and nothing else.

tests/infra/test_permissions.py plays everything that people do on emulated AWS, notes each call with the function that made
it, and compares: a grant that is missing fails it, and so does one that nothing needs.

Longer than other modules, because it is one table.
"""

from collections.abc import Mapping

from flowker.adapters import keys
from flowker.adapters.items import Key
from infra_cdk.grants import (
    AuthSecret,
    Calls,
    ChangeFeed,
    Grant,
    Items,
    Lists,
    Machines,
    Payloads,
    ProviderRoles,
    Secrets,
    Sockets,
    Timers,
)

BARE = "run_script"
"""Runs what users have written, and so is given nothing: no permissions, no settings, no traces."""


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
FLOW = _prefix(keys.flow_text("", 1))
FLOWS = _prefix(keys.flow("", ""))
SCHEDULES = _prefix(keys.schedule("", ""))
EXECUTION = _prefix(keys.execution(""))
IDEMPOTENCY = _prefix(keys.idempotency(""))
BREAKER = _prefix(keys.breaker(""))
LEFTOVERS = _prefix(keys.leftover("", 0))
OUTBOX = keys.outbox_of("")
COUNTS = _prefix(keys.counts("", ""))
COUNTED = _prefix(keys.COUNTED)
ACCOUNT = _prefix(keys.account(""))
ADMINS = _prefix(keys.ADMINS)
TOKEN = _prefix(keys.revoked_token(""))
ATTEMPTS = _prefix(keys.attempts("", 0))
CONNECTION = _prefix(keys.connection(""))
LISTENERS = _prefix(keys.listener("", ""))
SOCKETS = _prefix(keys.account_socket("", ""))
SOCKETS_DUE = _prefix(keys.socket_due(0, ""))
ENTRY = _prefix(keys.entry("", ""))
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
_LEAVE = _items(keys.EXECUTIONS, "PutItem", LEFTOVERS)
"""What is deleted leaves a note of its payloads."""
_CHAIN: tuple[Grant, ...] = (
    _items(keys.EXECUTIONS, "GetItem DeleteItem", OUTBOX),
    _items(keys.EXECUTIONS, "UpdateItem", COUNTS),
    _items(keys.EXECUTIONS, "GetItem PutItem", COUNTED),
    _items(keys.AUDIT, "GetItem PutItem", HEAD),
    _items(keys.AUDIT, "PutItem", ENTRIES),
)
"""Append to the audit trail. Nobody may change or delete what is in it."""
_BEARER: tuple[Grant, ...] = (
    AuthSecret(),
    _items(keys.DEFINITIONS, "GetItem", ACCOUNT),
    _items(keys.EXECUTIONS, "GetItem", TOKEN),
)
"""Find out whose token it is."""


def _configurations(prefix: str) -> tuple[Grant, ...]:
    """The API of one kind of configurations."""
    return (
        *_BEARER,
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem", prefix),
        _items(keys.DEFINITIONS, "PutItem DeleteItem", NAME),
        _DEFINITION_LISTS,
        _payloads(keys.DEFINITIONS, "GetObject PutObject", prefix),
        Secrets("GenerateDataKey Decrypt"),
        _ANNOUNCE_ALONE,
        _LEAVE,
    )


_PUSH: tuple[Grant, ...] = (
    _items(keys.EXECUTIONS, "GetItem Query", EXECUTION),
    _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem DeleteItem Query", LISTENERS),
    _items(keys.EXECUTIONS, "GetItem DeleteItem", CONNECTION),
    _items(keys.EXECUTIONS, "DeleteItem", SOCKETS, SOCKETS_DUE),
    _payloads(keys.EXECUTIONS, "GetObject", EXECUTION),
    Sockets("POST DELETE"),
    Calls(("push_updates",)),
)
"""Tell sockets what happens."""
_CLOSE: tuple[Grant, ...] = (
    _items(keys.EXECUTIONS, "Query DeleteItem", SOCKETS),
    _items(keys.EXECUTIONS, "GetItem DeleteItem", CONNECTION),
    _items(keys.EXECUTIONS, "DeleteItem", LISTENERS, SOCKETS_DUE),
    Sockets("DELETE"),
)
"""Close sockets whose token is revoked."""


_CANCEL: tuple[Grant, ...] = (
    _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem", EXECUTION),
    Lists(keys.EXECUTIONS, ("by_workflow_started",)),
    Machines("StopExecution"),
)
"""Cancel what an account runs."""
_CLEAR: tuple[Grant, ...] = (
    *_CANCEL,
    _items(keys.DEFINITIONS, "Query DeleteItem", ACCOUNT, FLOW, FLOWS, SCHEDULES),
    _items(keys.DEFINITIONS, "GetItem", FLOWS, SCHEDULES),
    _items(keys.EXECUTIONS, "Query DeleteItem", ENTRY),
    Timers("DeleteSchedule"),
    Lists(keys.DEFINITIONS, ("by_created",)),
    _LEAVE,
)
"""Delete what an account leaves behind."""

PERMISSIONS: Mapping[str, tuple[Grant, ...]] = {
    "auth": (
        *_BEARER,
        _items(keys.DEFINITIONS, "PutItem", ACCOUNT),
        _items(keys.DEFINITIONS, "GetItem PutItem", ADMINS, NAME),
        _items(keys.EXECUTIONS, "GetItem UpdateItem", ATTEMPTS),
        _items(keys.EXECUTIONS, "PutItem", TOKEN),
        *_CLOSE,
        _ANNOUNCE_ALONE,
    ),
    "accounts": (
        *_BEARER,
        _items(keys.DEFINITIONS, "PutItem UpdateItem", ACCOUNT),
        _items(keys.DEFINITIONS, "UpdateItem", ADMINS),
        _items(keys.DEFINITIONS, "PutItem DeleteItem", NAME),
        _items(keys.EXECUTIONS, "GetItem UpdateItem", ATTEMPTS),
        Secrets("GenerateDataKey"),
        *_CLEAR,
        *_CLOSE,
        _ANNOUNCE_ALONE,
    ),
    "flows": (
        *_BEARER,
        _items(keys.DEFINITIONS, "Query", ACCOUNT),
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem Query", FLOW, FLOWS),
        _items(keys.DEFINITIONS, "PutItem", REVISION),
        _items(keys.DEFINITIONS, "GetItem PutItem UpdateItem", MACHINE),
        _payloads(keys.DEFINITIONS, "GetObject PutObject", FLOW),
        _payloads(keys.DEFINITIONS, "PutObject", REVISION),
        Secrets("GenerateDataKey Decrypt"),
        _ANNOUNCE_ALONE,
        _LEAVE,
        Calls(("run_script",)),
        Machines("CreateStateMachine"),
    ),
    "runs": (
        *_BEARER,
        _items(keys.DEFINITIONS, "GetItem", FLOWS, REVISION),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem Query ConditionCheckItem", EXECUTION),
        _items(keys.EXECUTIONS, "GetItem PutItem", IDEMPOTENCY),
        Lists(keys.EXECUTIONS, ("by_workflow_started",)),
        _payloads(keys.DEFINITIONS, "GetObject", REVISION),
        _payloads(keys.EXECUTIONS, "GetObject PutObject", EXECUTION),
        Secrets("Decrypt"),
        _ANNOUNCE_ALONE,
        Machines("StartExecution StopExecution SendTaskSuccess"),
    ),
    "websocket": (
        *_BEARER,
        _items(keys.EXECUTIONS, "GetItem Query", EXECUTION),
        _items(keys.EXECUTIONS, "GetItem PutItem DeleteItem", CONNECTION, SOCKETS),
        _items(keys.EXECUTIONS, "PutItem DeleteItem", LISTENERS, SOCKETS_DUE),
        Calls(("push_updates",)),
    ),
    "push_updates": (
        *_PUSH,
        ChangeFeed(),
    ),
    "run_script": (),
    "workflows": (
        *_BEARER,
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem", WORKFLOW),
        _items(keys.DEFINITIONS, "PutItem", REVISION),
        _items(keys.DEFINITIONS, "PutItem DeleteItem", NAME, WEBHOOK),
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem", SCHEDULES),
        Timers("CreateSchedule UpdateSchedule DeleteSchedule"),
        _items(keys.DEFINITIONS, "GetItem UpdateItem", PROVIDER),
        _items(keys.DEFINITIONS, "GetItem", EXECUTOR),
        _items(keys.DEFINITIONS, "GetItem PutItem UpdateItem", MACHINE),
        _DEFINITION_LISTS,
        _payloads(keys.DEFINITIONS, "GetObject PutObject", WORKFLOW),
        _payloads(keys.DEFINITIONS, "PutObject", REVISION),
        _payloads(keys.DEFINITIONS, "GetObject", PROVIDER, EXECUTOR),
        Secrets("GenerateDataKey Decrypt"),
        _ANNOUNCE_ALONE,
        _LEAVE,
        Machines("CreateStateMachine"),
    ),
    "executions": (
        *_BEARER,
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
        *_BEARER,
        _items(keys.DEFINITIONS, "GetItem", WEBHOOK),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem", EXECUTION),
        _items(keys.EXECUTIONS, "GetItem PutItem", IDEMPOTENCY),
        _payloads(keys.EXECUTIONS, "PutObject", EXECUTION),
        _ANNOUNCE_ALONE,
        Machines("StartExecution"),
    ),
    "provider_configurations": (*_configurations(PROVIDER), ProviderRoles()),
    "executors": _configurations(EXECUTOR),
    "catalog": (
        *_BEARER,
        Lists(keys.DEFINITIONS, ("by_name",)),
    ),
    "dashboards": (
        *_BEARER,
        _items(keys.EXECUTIONS, "Query", COUNTS, OUTBOX),
        _items(keys.EXECUTIONS, "GetItem", COUNTED),
        Lists(keys.EXECUTIONS, ("by_started",)),
    ),
    "audit_events": (
        *_BEARER,
        _items(keys.AUDIT, "GetItem Query", ENTRIES),
        _items(keys.AUDIT, "GetItem", HEAD),
        _AUDIT_LISTS,
    ),
    "health": (_items(keys.DEFINITIONS, "GetItem", WORKFLOW), Machines("ListStateMachines")),
    "api_docs": (),
    "not_found": _BEARER,
    "run_node": (
        _items(keys.DEFINITIONS, "GetItem", REVISION, PROVIDER, EXECUTOR, FLOWS, ACCOUNT),
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem Query", SCHEDULES),
        Timers("CreateSchedule UpdateSchedule DeleteSchedule"),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem ConditionCheckItem", EXECUTION),
        _items(keys.EXECUTIONS, "GetItem PutItem", BREAKER, ENTRY),
        _items(keys.EXECUTIONS, "Query DeleteItem", ENTRY),
        _items(keys.EXECUTIONS, "PutItem DeleteItem", LEFTOVERS),
        _payloads(keys.DEFINITIONS, "GetObject", REVISION, PROVIDER, EXECUTOR),
        _payloads(keys.EXECUTIONS, "GetObject PutObject", EXECUTION, ENTRY),
        Secrets("Decrypt"),
        _ANNOUNCE_ALONE,
        ProviderRoles(),
        Calls(("run_script",)),
        Machines("StartExecution SendTaskSuccess"),
    ),
    "run_schedule": (
        _items(keys.DEFINITIONS, "GetItem PutItem DeleteItem", SCHEDULES),
        _items(keys.DEFINITIONS, "GetItem", FLOWS, REVISION),
        _items(keys.EXECUTIONS, "GetItem PutItem", IDEMPOTENCY),
        _items(keys.EXECUTIONS, "GetItem PutItem UpdateItem", EXECUTION),
        _payloads(keys.DEFINITIONS, "GetObject", REVISION),
        Secrets("Decrypt"),
        _ANNOUNCE,
        Machines("StartExecution"),
        Timers("DeleteSchedule"),
    ),
    "record_execution": (_items(keys.EXECUTIONS, "GetItem PutItem UpdateItem", EXECUTION), _ANNOUNCE),
    "append_audit": (*_CHAIN, ChangeFeed()),
    "reconcile": (
        *_CHAIN,
        _items(keys.EXECUTIONS, "Query", OUTBOX),
        *_PUSH,
        *_CLEAR,
        *_CLOSE,
        _items(keys.EXECUTIONS, "Query", SOCKETS_DUE),
        _items(keys.EXECUTIONS, "DeleteItem", EXECUTION),
        _items(keys.EXECUTIONS, "Query DeleteItem", LEFTOVERS),
        _payloads(keys.EXECUTIONS, "DeleteObject", EXECUTION, ENTRY),
        _payloads(keys.DEFINITIONS, "DeleteObject", FLOW, WORKFLOW, PROVIDER, EXECUTOR),
        Lists(keys.EXECUTIONS, ("by_started", "by_completed")),
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
