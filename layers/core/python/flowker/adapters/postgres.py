"""PostgreSQL servers of tenants (FlowRunner spec d.10): judged destinations, TLS, one transaction per call, no leaks.

The driver is imported with the first call. Nothing is logged here.
"""

import re
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from flowker.adapters.deadline import Deadline
from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import trusted_certificates
from flowker.adapters.postgres_wire import Wire
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut
from flowker.model.sql import SqlResult, SqlServer, SqlStatement, StatementRefused

_CONTROL = re.compile(
    r"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*(begin|start|commit|end|rollback|abort|prepare\s+transaction)\b",
    re.IGNORECASE | re.DOTALL,
)
_CANCELED = "57014"
_STATE = re.compile("[0-9A-Z]{5}")
_MOST_SAID = 500
"""Characters of the server's message."""


class PostgresServers:
    """Implements `flowker.nodes.flow.base.Sql`. `tls` is called once, when first needed."""

    def __init__(
        self, destinations: Destinations, tls: Callable[[], ssl.SSLContext] = trusted_certificates
    ) -> None:
        self._destinations = destinations
        self._tls = tls
        self._public: ssl.SSLContext | None = None

    def run(
        self, server: SqlServer, statements: Sequence[SqlStatement], timeout: float
    ) -> Sequence[SqlResult]:
        """One transaction on a connection of its own, login included in `timeout` seconds. Raises `CallFailed`; after any
        failure but of the last answer, which is what the commit is told by, nothing has happened."""
        from flowker.adapters.postgres_session import Session

        _judge(server, statements)
        deadline = Deadline.after(timeout)
        context = self._context(server)
        with closing(Wire.to(server, self._destinations, context, deadline)) as wire:
            with _failures_fit_for_users(deadline, "login"):
                session = Session(wire, server)
            with _failures_fit_for_users(deadline, "statement"):
                results = session.transact(statements, max(1, int(deadline.left * 1000)))
                session.close()
        return results

    def _context(self, server: SqlServer) -> ssl.SSLContext | None:
        if not server.tls:
            return None
        if server.authorities is not None:
            try:
                return ssl.create_default_context(cadata=server.authorities)
            except (ssl.SSLError, ValueError):
                raise CallFailed("connection failed: sslrootcert is not a certificate in PEM") from None
        if self._public is None:
            self._public = self._tls()
        return self._public


def _judge(server: SqlServer, statements: Sequence[SqlStatement]) -> None:
    """What would reach the server as something else than it says."""
    for text in (server.user, server.password, server.database or "", *(each.text for each in statements)):
        if "\0" in text or not _is_unicode(text):
            raise CallFailed("the login or a statement contains a character that is not allowed")
    for statement in statements:
        if found := _CONTROL.match(statement.text):
            raise CallFailed(f"{found[1].upper()} is not allowed: every call is a transaction already")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


@contextmanager
def _failures_fit_for_users(deadline: Deadline, what: str) -> Iterator[None]:
    """Translate, once. Of what the server says only the message is repeated: its details quote rows."""
    from pg8000.exceptions import DatabaseError, InterfaceError
    from scramp import ScramException

    try:
        yield
    except DatabaseError as error:
        said = error.args[0] if error.args else {}
        raise _refused(said if isinstance(said, Mapping) else {}, deadline, what) from None
    except ScramException:
        raise CallFailed("the server refused the login, or does not know the password itself") from None
    except InterfaceError:
        raise CallFailed(f"the {what} failed: the server asks for something that is not supported") from None
    except UnicodeEncodeError:
        raise CallFailed("an argument contains text that is not Unicode") from None
    # What the driver trips over when the other side speaks another protocol.
    except (LookupError, ValueError, ArithmeticError, AttributeError, struct.error):
        raise CallFailedForNow(f"the {what} failed: the answer is not PostgreSQL's protocol") from None


def _refused(said: Mapping[str, str], deadline: Deadline, what: str) -> CallFailed:
    state = said.get("C", "")
    state = state if _STATE.fullmatch(state) else "XX000"
    if state == _CANCELED:
        return CallTimedOut(f"timed out after {deadline.seconds:g} s")
    if state.startswith("28"):
        return StatementRefused(f"the server refused the login ({state})", state)
    message = said.get("M", "no reason given")
    if len(message) > _MOST_SAID:
        # Half a secret would not be recognized as one.
        message = message.partition('"')[0].strip()
        message = message if len(message) <= _MOST_SAID else "for a reason too long to be repeated"
    return StatementRefused(f"the server refused the {what}: {message} ({state})", state)
