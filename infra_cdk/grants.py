"""The kinds of permissions that functions have; `permissions.py` says who has which, `roles.py` what they are in IAM."""

from dataclasses import dataclass


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
class AuthSecret:
    """The signing keys of tokens."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Other functions."""

    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sockets:
    """`POST` to send to a socket, `DELETE` to close one."""

    methods: str


@dataclass(frozen=True, slots=True)
class Timers:
    """Schedules of EventBridge Scheduler that flows and workflows make."""

    actions: str


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """What Lambda does in the name of the function that a stream is delivered to: read it, and put aside what fails."""


Grant = (
    Items
    | Lists
    | Payloads
    | Secrets
    | Machines
    | ProviderRoles
    | AuthSecret
    | Calls
    | Sockets
    | Timers
    | ChangeFeed
)
