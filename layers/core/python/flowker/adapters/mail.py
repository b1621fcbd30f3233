"""Mail servers of users' own (FlowRunner spec d.9): judged destinations, TLS, one deadline, bounded answers, no leaks."""

from collections.abc import Sequence

from flowker.adapters.destinations import Destinations
from flowker.adapters.mail_connection import Tls
from flowker.adapters.outbound_http import trusted_certificates
from flowker.model.mail import Envelope, FetchedMail, MailQuery, MailServer, RefusedRecipient


class NetworkMail:
    """Implements `flowker.nodes.flow.base.Mail`. The protocols are imported with the first mail, because few runs send any.

    `tls` is called for each connection that needs it.
    """

    def __init__(self, destinations: Destinations, tls: Tls = trusted_certificates) -> None:
        self._destinations = destinations
        self._tls = tls

    def submit(self, message: bytes, envelope: Envelope, server: MailServer) -> Sequence[RefusedRecipient]:
        from flowker.adapters.mail_smtp import submit

        return submit(self._destinations, self._tls, message, envelope, server)

    def fetch(self, server: MailServer, query: MailQuery) -> Sequence[FetchedMail]:
        from flowker.adapters.mail_imap import fetch

        return fetch(self._destinations, self._tls, server, query)
