"""`flowker workflow`: workflows of /v1."""

from typing import TYPE_CHECKING, BinaryIO

import click

from flowker_cli import arguments
from flowker_cli.arguments import file_object, input_object
from flowker_cli.failure import goes_on
from flowker_cli.lists import by_cursor
from flowker_cli.paths import WORKFLOWS, path
from flowker_cli.session import Session, pass_session, session_options

if TYPE_CHECKING:
    from flowker_cli.client import Client

COLUMNS = {"ID": "id", "NAME": "name", "STATUS": "status", "UPDATED": "updatedAt"}
AT_ONCE = 20
"""Seconds that the server is asked to wait for an end."""
CURSOR = click.option("--cursor", metavar="CURSOR", help="`nextCursor` of the list before.")


@click.group()
def workflow() -> None:
    """Workflows of /v1, which is for holders of a key (--api-key, or $FLOWKER_API_KEY) and admins."""


@workflow.command("list")
@click.option(
    "--status", type=click.Choice(["draft", "active", "inactive"]), help="Only those in this state."
)
@arguments.LIMIT
@CURSOR
@session_options()
@pass_session
def list_(session: Session, status: str | None, limit: int, cursor: str | None) -> None:
    """List workflows, newest first."""
    found = by_cursor(session.client, WORKFLOWS, {"status": status, "cursor": cursor}, limit)
    session.output.listing(found, "items", COLUMNS)


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@session_options()
@pass_session
def get(session: Session, workflow_id: str) -> None:
    """Show a workflow."""
    session.output.document(session.client.get(path(WORKFLOWS, workflow_id)))


@workflow.command()
@click.option(
    "--file", type=click.File("rb"), required=True, metavar="FILE", help="Workflow in JSON; - is stdin."
)
@session_options()
@pass_session
def create(session: Session, file: BinaryIO) -> None:
    """Create a draft."""
    session.output.document(session.client.post(WORKFLOWS, file_object(file)))


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@session_options()
@pass_session
def activate(session: Session, workflow_id: str) -> None:
    """Check and publish a draft: from then on it can be executed."""
    found = session.client.post(path(WORKFLOWS, workflow_id, "activate"))
    session.output.document(found, only=("id", "name", "status", "engine", "warnings"))


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@session_options()
@pass_session
def deactivate(session: Session, workflow_id: str) -> None:
    """Take a workflow out of use."""
    found = session.client.post(path(WORKFLOWS, workflow_id, "deactivate"))
    session.output.document(found, only=("id", "name", "status"))


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@arguments.INPUT
@arguments.INPUT_JSON
@arguments.WAIT
@arguments.KEY
@session_options()
@pass_session
def execute(
    session: Session,
    workflow_id: str,
    input_file: BinaryIO | None,
    input_json: str | None,
    wait: bool,
    idempotency_key: str,
) -> None:
    """Start an execution; with --wait, show its results. A key names it, so that repeating the request starts it only once."""
    body = {"inputData": input_object(input_file, input_json)}
    starts = path(WORKFLOWS, workflow_id, "executions")
    started = session.client.post(starts, body, Idempotency_Key=idempotency_key)
    if not wait:
        return session.output.document(started)
    execution = path("/v1/executions", started["executionId"])
    with goes_on(started["executionId"]):
        status = _ended(session.client, execution)
        found = session.client.get(f"{execution}/results")
    session.output.document(found, only=[name for name in found if name != "stepResults"])
    return None if status == "completed" else click.get_current_context().exit(1)


def _ended(client: "Client", execution: str) -> str:
    """Wait until an execution has ended; returns how."""
    while True:
        status = str(client.get(execution, Prefer=f"wait={AT_ONCE}")["status"])
        if status not in ("pending", "running"):
            return status
