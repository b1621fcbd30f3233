"""The services of the desk assistant: a mailbox with a question, a model, parcels, outgoing mail, and a database.

The mail servers are those of the group `dev`; the database is PostgreSQL of Debian's package `postgresql`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from flowker.model.exact_json import Json
from statemachines.stand_ins import MissingSoftware
from statemachines.stand_ins.http_service import Answer, Request, json_answer, service
from statemachines.stand_ins.mail import USER, Mailbox, Received, Stored, imap_server, smtp_server
from statemachines.stand_ins.postgres import Postgres, asked, binaries, running

MAIL_PASSWORD, LLM_KEY, DB_PASSWORD = "mail-hush", "model-hush", "desk-hush"
PARCELS = {"P-100": "out for delivery", "P-200": "waiting at the post office"}
TABLE = "CREATE TABLE replies (mail text PRIMARY KEY, answer text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
_CODE = re.compile(r"\bP-\d+\b")


@dataclass
class Desk:
    """What the services do and have seen. While they serve, mail can be delivered and replies can be read."""

    llm_status: int = 200
    questions: list[list[dict[str, Any]]] = field(default_factory=list)
    """The messages of each request to the model."""
    tracked: list[str] = field(default_factory=list)
    outbox: Received = field(default_factory=Received)
    mailbox: Mailbox | None = None
    database: Postgres | None = None

    def model(self, request: Request) -> Answer:
        """Asks for the parcels that the mail names; answers once it has been told of them."""
        if request.headers.get("authorization") != f"Bearer {LLM_KEY}":
            return json_answer(401, {"error": {"message": "unknown key"}})
        messages = request.json()["messages"]
        self.questions.append(messages)
        if self.llm_status != 200:
            return json_answer(self.llm_status, {"error": {"message": "the model is not well"}})
        told = [json.loads(message["content"]) for message in messages if message["role"] == "tool"]
        codes = _CODE.findall(messages[1]["content"])
        said = _calls(codes) if codes and not told else {"role": "assistant", "content": _answer(told)}
        reason = "tool_calls" if "tool_calls" in said else "stop"
        choice = {"index": 0, "message": said, "finish_reason": reason}
        usage = {"prompt_tokens": 60, "completion_tokens": 20, "total_tokens": 80}
        return json_answer(200, {"id": "chat-1", "model": "stand-in", "choices": [choice], "usage": usage})

    def parcel(self, request: Request) -> Answer:
        code = request.path.rpartition("/")[2]
        self.tracked.append(code)
        if code not in PARCELS:
            return json_answer(404, {"code": code, "state": "unknown"})
        return json_answer(200, {"code": code, "state": PARCELS[code]})

    def deliver(self, mail: EmailMessage) -> None:
        """Put a mail into the mailbox, unread."""
        if self.mailbox is None:
            raise LookupError("the mailbox is not open")
        self.mailbox.deliver(Stored(mail.as_bytes(), datetime.now(UTC)))

    def replies(self) -> Sequence[Mapping[str, Json]]:
        """What was recorded, oldest first."""
        if self.database is None:
            raise LookupError("there is no database")
        return asked(self.database.server, "SELECT mail, answer FROM replies ORDER BY at")


def _calls(codes: Sequence[str]) -> dict[str, Any]:
    calls = [
        {
            "id": f"call-{number}",
            "type": "function",
            "function": {"name": "track_parcel", "arguments": json.dumps({"code": code})},
        }
        for number, code in enumerate(codes, 1)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _answer(told: Sequence[Mapping[str, str]]) -> str:
    if not told:
        return "Please tell us the code of your parcel."
    return " ".join(f"Parcel {each['code']} is {each['state']}." for each in told)


def question(subject: str, text: str, mail_id: str) -> EmailMessage:
    """A customer's mail."""
    mail = EmailMessage()
    mail["From"] = "Ann Lee <ann@example.org>"
    mail["To"] = USER
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{mail_id}@example.org>"
    mail.set_content(text)
    return mail


@contextmanager
def serving(desk: Desk | None = None, database: Postgres | None = None) -> Iterator[Mapping[str, str]]:
    """What to replace in the flow; everything is spoken in clear. One mail is there. Raises `MissingSoftware` where PostgreSQL
    is not installed; `database` is one that runs already."""
    seen = desk or Desk()
    with ExitStack() as stack:
        seen.database = database or stack.enter_context(_postgres())
        _prepare(seen.database)
        seen.mailbox = stack.enter_context(imap_server([], password=MAIL_PASSWORD))
        smtp = stack.enter_context(smtp_server(received=seen.outbox, password=MAIL_PASSWORD))
        seen.deliver(question("My parcels", "Where are P-100 and P-300?", "first"))
        yield {
            # The database first: what the others are replaced by may contain its port.
            "host: db.example.net": "host: 127.0.0.1",
            "port: 5432": f"port: {seen.database.port}",
            "sslmode: verify-full": "sslmode: disable",
            "dbname: desk": "dbname: postgres",
            "imap_host: imap.example.net": "imap_host: 127.0.0.1",
            "imap_port: 993": f"imap_port: {seen.mailbox.port}",
            "smtp_host: smtp.example.net": "smtp_host: 127.0.0.1",
            "smtp_port: 587": f"smtp_port: {smtp.port}",
            "https://llm.example.net": stack.enter_context(service(seen.model)),
            "https://parcels.example.net": stack.enter_context(service(seen.parcel)),
            "${secrets.MAIL_PASSWORD}": MAIL_PASSWORD,
            "${secrets.LLM_KEY}": LLM_KEY,
            "${secrets.DB_PASSWORD}": DB_PASSWORD,
        }


@contextmanager
def _postgres() -> Iterator[Postgres]:
    programs = binaries()
    if programs is None:
        raise MissingSoftware("PostgreSQL is not installed: Debian's package is called postgresql")
    with running(programs) as server:
        yield server


def _prepare(database: Postgres) -> None:
    for statement in (
        f"CREATE ROLE desk LOGIN PASSWORD '{DB_PASSWORD}'",
        TABLE,
        "GRANT SELECT, INSERT ON replies TO desk",
    ):
        asked(database.server, statement)
