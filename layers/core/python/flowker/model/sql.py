"""Statements for a database of a tenant, and what it answers (FlowRunner spec d.10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed

_FOR_NOW = ("08", "23", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that may be different a little later: connection, data not there yet, conflicts, resources, operators."""


@dataclass(frozen=True, slots=True)
class SqlServer:
    """Where the database is and who asks. Without `tls` only this machine's own addresses may be reached. `authorities` are
    certificates (PEM) to trust instead of the public ones. Without `database` it is the one named like the user."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str | None = None
    tls: bool = True
    authorities: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """One statement with `$1`, `$2`, … for its arguments, which never become part of the text."""

    text: str
    args: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class SqlResult:
    """`rows` of a statement that gives any, maps of column names to values; `affected` counts the rows it changed or found.
    `cut` tells that there were more rows than are kept."""

    rows: Sequence[Mapping[str, Json]] | None
    affected: int
    cut: bool = False


class StatementRefused(CallFailed):
    """The database said no; `state` is its SQLSTATE. Nothing of the call has happened."""

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state

    @property
    def for_now(self) -> bool:
        """Whether the same call may work a little later."""
        return self.state.startswith(_FOR_NOW)
