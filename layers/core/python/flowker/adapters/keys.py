"""The tables, their indexes, and every key in them, built by pure functions (architecture §6).

Longer than other modules, because it is the only list of keys: two that met would be seen here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from flowker.adapters.items import Key

DEFINITIONS = "definitions"
EXECUTIONS = "executions"
AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Index:
    """A second order of a table's items; items without both attributes are not in it. `projects` are copied along."""

    pk: str
    sk: str
    projects: tuple[str, ...] = ()


LISTED = ("status", "provider_id", "size")
"""What lists of definitions are filtered by, and what tells how many of them an answer can hold."""

TABLES: Mapping[str, Mapping[str, Index]] = {
    DEFINITIONS: {
        "by_created": Index("kind", "created_sort", LISTED),
        "by_updated": Index("kind", "updated_sort", LISTED),
        "by_name": Index("kind", "name_sort", LISTED),
    },
    EXECUTIONS: {
        "by_started": Index("shard", "started_sort", ("status",)),
        "by_completed": Index("shard", "completed_sort", ("status",)),
        "by_workflow_started": Index(
            "workflow_shard", "started_sort", ("status", "workflow_id", "run_status")
        ),
        "by_workflow_completed": Index("workflow_shard", "completed_sort", ("status",)),
    },
    AUDIT: {
        "by_event": Index("event_id", "sk"),
        "by_resource": Index("resource_id", "sk", ("event_type", "result")),
    },
}

SHARDS = 8
"""Partitions that the lists of executions are spread over, so that no partition takes every start."""

STEPS = "STEP#"
"""What the sort keys of all steps start with."""

EVENTS = "EVENT#"
"""What the sort keys of all events of runs start with: writing one wakes whoever tells sockets about it."""

ENDED = "ended#"
OPEN = "open#"
"""The stretches of `completed_sort`: executions that ended, by the time they did, and the others, by their start."""

_LOWEST = "\x01"


def sort_text(value: str, owner_id: str) -> str:
    """Sorts like (value, id). What separates them sorts before all printable text, so that `a` precedes `a b`."""
    return f"{value}{_LOWEST}{owner_id}"


def sort_end(value: str) -> str:
    """Sorts after every `sort_text` of this value, and before those of the values that follow."""
    return f"{value}\x02"


def folder(owner: Key) -> str:
    """Where the large payloads of a partition live; the table's name comes first, so that a life can be set by prefix."""
    return f"{owner.table}/{owner.pk.replace('#', '/')}/"


def blob(owner: Key, name: str) -> str:
    """Where a large payload of an item lives."""
    return f"{folder(owner)}{name}"


LEFTOVERS = "LEFTOVERS#"
"""What the partition keys of leftovers start with; a shard follows."""


def leftovers_of(shard: str) -> str:
    """A partition of blobs that are to be deleted."""
    return f"{LEFTOVERS}{shard}"


def leftover(blob: str, due: int) -> Key:
    return Key(EXECUTIONS, leftovers_of(shard(blob)), f"{leftover_sort(due)}{blob}")


def leftover_sort(due: int) -> str:
    """Sorts like the time, and before what is due then."""
    return f"{due:011d}#"


def workflow(workflow_id: str) -> Key:
    return Key(DEFINITIONS, f"WORKFLOW#{workflow_id}", "HEAD")


def workflow_body(workflow_id: str) -> Key:
    return Key(DEFINITIONS, f"WORKFLOW#{workflow_id}", "BODY")


def revision(digest: str) -> Key:
    return Key(DEFINITIONS, f"REVISION#{digest}", "GRAPH")


def flows_of(account_id: str) -> str:
    """The partition of an account's flows, without their texts."""
    return f"FLOWS#{account_id}"


def flow(account_id: str, flow_id: str) -> Key:
    return Key(DEFINITIONS, flows_of(account_id), flow_id)


FLOW_REVISIONS = "REVISION#"
"""What the sort keys of a flow's revisions start with; they sort like their numbers."""


def flow_revision(flow_id: str, number: int) -> Key:
    return Key(DEFINITIONS, f"FLOW#{flow_id}", f"{FLOW_REVISIONS}{number:010d}")


def flow_text(flow_id: str, number: int) -> Key:
    """The text of a revision, in an item of its own, so that revisions can be listed without it."""
    return Key(DEFINITIONS, f"FLOW#{flow_id}", f"TEXT#{number:010d}")


SCHEDULES = "SCHEDULES#"
"""What the partition keys of schedules start with; the ids of their owners follow, accounts and workflows."""


def schedule(owner_id: str, schedule_id: str) -> Key:
    return Key(DEFINITIONS, f"{SCHEDULES}{owner_id}", schedule_id)


MACHINES = "MACHINE#"
"""What the partition keys of published state machines start with; their references follow."""


def machine(reference: str) -> Key:
    return Key(DEFINITIONS, f"{MACHINES}{reference}", "HEAD")


def machine_use(reference: str, workflow_id: str) -> Key:
    return Key(DEFINITIONS, f"{MACHINES}{reference}", f"USE#{workflow_id}")


def name_lock(kind: str, name: str) -> Key:
    return Key(DEFINITIONS, f"NAME#{kind}#{name}", "LOCK")


def webhook_route(method: str, path: str) -> Key:
    """Hashed, because a path may be longer than a key (2 KB)."""
    return Key(DEFINITIONS, f"WEBHOOK#{sha256(f'{method} {path}'.encode()).hexdigest()}", "ROUTE")


def provider_configuration(configuration_id: str) -> Key:
    return Key(DEFINITIONS, f"PROVIDER_CONFIGURATION#{configuration_id}", "HEAD")


def provider_uses(configuration_id: str) -> Key:
    """How many active workflows use the configuration."""
    return Key(DEFINITIONS, provider_configuration(configuration_id).pk, "USES")


def executor_configuration(configuration_id: str) -> Key:
    return Key(DEFINITIONS, f"EXECUTOR_CONFIGURATION#{configuration_id}", "HEAD")


def account(account_id: str) -> Key:
    return Key(DEFINITIONS, f"ACCOUNT#{account_id}", "HEAD")


def departed_account(account_id: str) -> Key:
    """What belonged to the deleted account is being cleared away."""
    return Key(DEFINITIONS, account(account_id).pk, "DEPARTED")


ADMINS = Key(DEFINITIONS, "ACCOUNTS", "ADMINS")
"""How many admins there are."""

SECRET_HEADS, SECRET_VALUES = "SECRET#", "VALUE#"
"""What the sort keys of an account's secrets start with; what can be known of them is read without their values."""


def secret_head(account_id: str, name: str) -> Key:
    return Key(DEFINITIONS, account(account_id).pk, f"{SECRET_HEADS}{name}")


def secret_value(account_id: str, name: str) -> Key:
    return Key(DEFINITIONS, account(account_id).pk, f"{SECRET_VALUES}{name}")


def revoked_token(token_id: str) -> Key:
    return Key(EXECUTIONS, f"TOKEN#{token_id}", "REVOKED")


def attempts(what: str, window: int) -> Key:
    """Hashed, because it is whatever somebody sent."""
    return Key(EXECUTIONS, f"ATTEMPTS#{sha256(what.encode()).hexdigest()}", str(window))


EXECUTION = "EXECUTION#"
"""What the partition keys of executions and runs start with; their ids follow."""


def execution(execution_id: str) -> Key:
    return Key(EXECUTIONS, f"{EXECUTION}{execution_id}", "META")


def execution_input(execution_id: str) -> Key:
    return Key(EXECUTIONS, f"EXECUTION#{execution_id}", "INPUT")


def step(execution_id: str, node_id: str, visit: int = 0) -> Key:
    return Key(EXECUTIONS, f"EXECUTION#{execution_id}", f"{STEPS}{node_id}#{visit}")


def event(execution_id: str, sequence: int) -> Key:
    """What was told about a run, stored together up to this number: the events behind a number are in one range."""
    return Key(EXECUTIONS, execution(execution_id).pk, f"{EVENTS}{sequence:09d}")


CHILDREN = "CHILD#"
"""What the sort keys start with that name the runs which a run has started."""
ENTRIES = "ENTRY#"
"""What the sort keys of an account's key/value store start with."""


def run_step(execution_id: str, path: str) -> Key:
    return Key(EXECUTIONS, f"EXECUTION#{execution_id}", f"{STEPS}{path}")


def run_signal(execution_id: str, name: str) -> Key:
    return Key(EXECUTIONS, f"EXECUTION#{execution_id}", f"SIGNAL#{name}")


def run_child(execution_id: str, child: str) -> Key:
    return Key(EXECUTIONS, f"EXECUTION#{execution_id}", f"{CHILDREN}{child}")


def entry(account_id: str, name: str) -> Key:
    return Key(EXECUTIONS, f"STORE#{account_id}", f"{ENTRIES}{name}")


def idempotency(key: str) -> Key:
    return Key(EXECUTIONS, f"IDEMPOTENCY#{key}", "KEY")


def breaker(configuration_id: str) -> Key:
    return Key(EXECUTIONS, f"BREAKER#{configuration_id}", "STATE")


CONNECTIONS = "CONNECTION#"
"""What the sort keys of connections start with, where others are beside them."""
TICKETS = "TICKET#"


def connection(connection_id: str) -> Key:
    return Key(EXECUTIONS, f"CONNECTION#{connection_id}", "HEAD")


def listener(execution_id: str, connection_id: str) -> Key:
    """A connection among those that follow a run."""
    return Key(EXECUTIONS, f"LISTENERS#{execution_id}", f"{CONNECTIONS}{connection_id}")


def push_lease(execution_id: str) -> Key:
    return Key(EXECUTIONS, f"LISTENERS#{execution_id}", "LEASE")


def account_socket(account_id: str, connection_id: str) -> Key:
    """A connection among those of an account."""
    return Key(EXECUTIONS, f"SOCKETS#{account_id}", f"{CONNECTIONS}{connection_id}")


def ticket(account_id: str, digest: str) -> Key:
    return Key(EXECUTIONS, f"SOCKETS#{account_id}", f"{TICKETS}{digest}")


def socket_due(expires: int, connection_id: str) -> Key:
    """A connection among those whose tokens expire, the earliest first."""
    return Key(EXECUTIONS, sockets_due(shard(connection_id)), f"{expires:011d}#{connection_id}")


def sockets_due(shard: str) -> str:
    """A partition of them."""
    return f"SOCKETS_DUE#{shard}"


def outbox(owner_id: str, at: str, notice_id: str) -> Key:
    """What a transaction announces; the notices about one thing are in one partition, in order."""
    return Key(EXECUTIONS, outbox_of(shard(owner_id)), f"{at}#{notice_id}")


def outbox_of(shard: str) -> str:
    """A partition of the outbox."""
    return f"OUTBOX#{shard}"


def counts(kind: str, bucket: str) -> Key:
    """How many things of a kind there are in each status; `bucket` narrows it to a span of time."""
    return Key(EXECUTIONS, f"COUNTS#{kind}", bucket)


COUNTED = Key(EXECUTIONS, "COUNTS", "RECENT")
"""Which notices were counted last."""

CHAIN_HEAD = Key(AUDIT, "CHAIN", "HEAD")
BLOCK = 1000
"""Entries of the audit trail per partition: a block is about one page of a read."""


def audit_entry(sequence: int) -> Key:
    """Entries count from 1, so block 0 holds one less."""
    return Key(AUDIT, audit_block(sequence // BLOCK), audit_sort(sequence))


def audit_block(number: int) -> str:
    return f"BLOCK#{number:010d}"


def audit_sort(sequence: int) -> str:
    """Sorts like the number."""
    return f"{sequence:013d}"


def shard(execution_id: str) -> str:
    """Which partition lists the execution."""
    return str(int(sha256(execution_id.encode()).hexdigest()[:8], 16) % SHARDS)


def shards() -> Sequence[str]:
    """All partitions that list executions."""
    return [str(number) for number in range(SHARDS)]


def workflow_shard(workflow_id: str, shard: str) -> str:
    """The partition that lists the executions of one workflow in one shard."""
    return f"{workflow_id}#{shard}"


def run_shards() -> Sequence[str]:
    """All partitions that list runs, which nobody but the reconciliation reads."""
    return [run_shard(number) for number in shards()]


def run_shard(shard: str) -> str:
    """A partition that lists runs; not one of those that list executions of workflows."""
    return f"run#{shard}"


def runs_of(account_id: str) -> str:
    """The partition that lists the runs of an account."""
    return f"runs#{account_id}"
