"""`email.receive`: the newest mails of a folder, over IMAP (FlowRunner spec d.9)."""

from collections.abc import Mapping
from typing import Any

from flowker.model.mail import MailQuery
from flowker.model.run import Level
from flowker.nodes.flow.base import Circumstances, Done, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.email_reading import told
from flowker.nodes.flow.email_server import HANDLES, TIMEOUT, TLS, control, mail_of, node_failures, server_of
from flowker.nodes.flow.http_exchange import utf8
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import Kind, Param, wrong

MOST_MAILS = 50
MOST_BYTES = 1024 * 1024
MOST_PREVIEW = 10_000
_PREVIEW_BYTES = 128 * 1024
"""What is fetched of a mail for the sake of its preview alone."""
_TEXTS = ("from", "to", "subject")


class EmailReceive(NodeType):
    name = "email.receive"
    table = (
        Param("imap_host", Kind.TEXT, "The mail server", required=True, least=1),
        Param("imap_port", Kind.COUNT, "993 is TLS at once, any other begins with STARTTLS", default=993, least=1, most=65535),
        TLS,
        Param("username", Kind.TEXT, "For the mail server", required=True, least=1),
        Param("password", Kind.TEXT, "For the mail server", required=True, least=1),
        Param("folder", Kind.TEXT, "Which folder", default="INBOX", least=1),
        Param("limit", Kind.COUNT, "How many at most: the newest that match", default=10, least=1, most=MOST_MAILS),
        Param("unseen", Kind.BOOLEAN, "Only those that were not read", default=False),
        Param("from", Kind.TEXT, "Only those whose sender contains this"),
        Param("to", Kind.TEXT, "Only those whose recipients contain this"),
        Param("subject", Kind.TEXT, "Only those whose subject contains this"),
        Param("since", Kind.TIME, "Only those that arrived then or later"),
        Param("before", Kind.TIME, "Only those that arrived earlier"),
        Param("with_body", Kind.BOOLEAN, "Whether `body` and `html` are filled in; without it only headers are fetched",
              default=False),
        Param("mark_as_read", Kind.BOOLEAN, "Whether the server is to remember these as read; else nothing changes there",
              default=False),
        Param("body_preview", Kind.COUNT, "Adds `body_preview`: so many characters of the text, in one line", least=1,
              most=MOST_PREVIEW),
        TIMEOUT,
    )  # fmt: skip
    page = Page(
        summary="Reads a mailbox. No match gives an empty list. Of each mail at most 1 MiB is read. A mail that is not well "
        "formed is told as well as can be, with a `note`; of one with more parts than anybody reads only the header. "
        "With `mark_as_read` mails are marked when all have been fetched: if "
        "the run is interrupted right then, a flow that asks for `unseen` does not see them again.",
        example="""\
type: email.receive
params:
  imap_host: imap.example.com
  username: desk@example.com
  password: "${secrets.MAIL}"
  unseen: true
  subject: "order"
  with_body: true
  mark_as_read: true
next: { default: read_orders, error: alarm }""",
        results={
            "(list of maps)": "the mails, the newest first",
            "subject, from": "texts",
            "to, cc": "lists of addresses with names",
            "date": "RFC 3339, UTC: as the mail says, else when it arrived; null if neither is known",
            "body, html": "texts; empty without `with_body`",
            "body_preview": "text; only with that param",
            "headers": "map of names to lists of texts",
            "messageId": "text",
            "metadata": "`{uid, flags, date, sequence, size, answered, deleted, draft, flagged, recent, seen}`, flags as "
            "before this node, `date` of arrival",
            "truncated": "true where the mail is longer than what was read; else not there",
            "note": "what is wrong with the mail; else not there",
        },
        actions={"default": "always"},
        handles=HANDLES,
        logs={"Emails received": "info, data `{folder, count}`"},
    )  # fmt: skip

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        server, query = server_of(around, values, "imap"), _query(values)
        with node_failures():
            found = mail_of(around).fetch(server, query)
        preview = None if values["body_preview"] is None else int(values["body_preview"])
        mails = [told(mail, values["with_body"], preview) for mail in found]
        line = Line(Level.INFO, "Emails received", {"folder": query.folder, "count": len(mails)})
        return Done(mails, logs=[line], shared=remembered("email", mails))


def _query(values: Mapping[str, Any]) -> MailQuery:
    for name in (*_TEXTS, "folder"):
        if values[name] is not None and (found := control(values[name])):
            raise wrong(name, found)
        utf8(values[name] or "", name)
    most = MOST_BYTES if values["with_body"] else _PREVIEW_BYTES if values["body_preview"] else 0
    return MailQuery(
        folder=values["folder"],
        limit=int(values["limit"]),
        texts={name: values[name] for name in _TEXTS if values[name]},
        unseen=values["unseen"],
        since=values["since"],
        before=values["before"],
        most_bytes=most,
        mark_as_read=values["mark_as_read"],
    )
