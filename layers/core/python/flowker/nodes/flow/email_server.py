"""What `email.send` and `email.receive` share: the server, and what its failures mean (FlowRunner spec d.9)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flowker.model.mail import MailRefused, MailServer
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut
from flowker.nodes.flow.base import Circumstances, FlowFailure, Mail
from flowker.nodes.flow.http_exchange import LONGEST_TIMEOUT, utf8
from flowker.nodes.flow.params import Kind, Param, wrong

IMPLICIT, STARTTLS = "implicit", "starttls"
TLS = Param(
    "tls",
    Kind.TEXT,
    "`implicit` (from the first byte) or `starttls`; unless given, the port tells. Without TLS nothing is sent, but to a "
    "server on the same machine where private destinations are allowed",
    choices=(IMPLICIT, STARTTLS),
)
TIMEOUT = Param(
    "timeout",
    Kind.SECONDS,
    "For the whole session with the server; never longer than the node's own `timeout`",
    default="60s",
    most=LONGEST_TIMEOUT,
)
HANDLES = {"timeout": "the server took too long"}
_IMPLICIT_PORTS = frozenset({465, 993, 2465})


def server_of(around: Circumstances, values: Mapping[str, Any], protocol: str) -> MailServer:
    """From `<protocol>_host`, `<protocol>_port` and the rest. Raises `FlowFailure`."""
    for name in (f"{protocol}_host", "username", "password"):
        if found := control(values[name]):
            raise wrong(name, found)
        utf8(values[name], name)
    port = int(values[f"{protocol}_port"])
    return MailServer(
        host=values[f"{protocol}_host"],
        port=port,
        username=values["username"],
        password=values["password"],
        implicit_tls=values["tls"] == IMPLICIT if values["tls"] else port in _IMPLICIT_PORTS,
        timeout=min(values["timeout"], around.timeout),
    )


def mail_of(around: Circumstances) -> Mail:
    if around.mail is None:
        raise FlowFailure("there is no mail here", retryable=False)
    return around.mail


@contextmanager
def node_failures() -> Iterator[None]:
    """What the port raises, as failures of the node."""
    try:
        yield
    except CallTimedOut as error:
        raise FlowFailure(str(error), handle="timeout") from error
    except MailRefused as error:
        details = {} if error.status is None else {"status_code": error.status}
        raise FlowFailure(str(error), details=details, retryable=error.for_now) from error
    except CallFailed as error:
        raise FlowFailure(str(error), retryable=isinstance(error, CallFailedForNow)) from error


def control(text: str) -> str | None:
    """What is wrong with a text that becomes part of a line of a protocol."""
    found = any(sign < " " or sign in "\x7f\x85\u2028\u2029" for sign in text)
    return "must not contain line breaks or control characters" if found else None
