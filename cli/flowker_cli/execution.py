"""`flowker execution`: runs of flows."""

import sys
from typing import BinaryIO

import click

from flowker_cli import arguments
from flowker_cli.failure import goes_on
from flowker_cli.follow import follow
from flowker_cli.lists import by_offset
from flowker_cli.monitor import Progress, watch
from flowker_cli.output import print_json
from flowker_cli.paths import EXECUTIONS, path
from flowker_cli.session import Session, pass_session, session_options

COLUMNS = {
    "ID": "id",
    "FLOW": "flow_id",
    "STATUS": "status",
    "STARTED": "started_at",
    "MS": "duration",
    "ERROR": "error",
}
STATUSES = ("running", "completed", "failed", "cancelled")
POLL = click.option("--poll", is_flag=True, help="Ask again and again instead of opening a socket.")
INTERVAL = click.option(
    "--interval",
    type=click.FloatRange(0.05),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two questions, where there is no socket.",
)


@click.group()
def execution() -> None:
    """Runs of flows: look at them, follow them, answer them, cancel them."""


@execution.command("list")
@click.option("--flow", "flow_id", metavar="ID", help="Only runs of this flow.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs in this state.")
@arguments.LIMIT
@arguments.OFFSET
@session_options()
@pass_session
def list_(session: Session, flow_id: str | None, status: str | None, limit: int, offset: int) -> None:
    """List runs, newest first."""
    query = {"flow_id": flow_id, "status": status}
    found = by_offset(session.client, EXECUTIONS, "executions", query, limit, offset)
    session.output.listing(found, "executions", COLUMNS)


@execution.command()
@click.argument("execution_id", metavar="ID")
@click.option("--result", is_flag=True, help="Only its result, as JSON.")
@session_options()
@pass_session
def get(session: Session, execution_id: str, result: bool) -> None:
    """Show a run with its input and its result."""
    found = session.client.get(path(EXECUTIONS, execution_id))
    if result:
        print_json(found["result"])
    else:
        session.output.document(found)


@execution.command()
@click.argument("execution_id", metavar="ID")
@session_options()
@pass_session
def cancel(session: Session, execution_id: str) -> None:
    """Cancel a run, and the runs that it has started."""
    session.output.message(session.client.delete(path(EXECUTIONS, execution_id)))


@execution.command()
@click.argument("execution_id", metavar="ID")
@click.argument("key", metavar="KEY")
@arguments.INPUT
@arguments.INPUT_JSON
@session_options()
@pass_session
def signal(
    session: Session, execution_id: str, key: str, input_file: BinaryIO | None, input_json: str | None
) -> None:
    """Send a run the signal that it waits for, with a JSON object."""
    body = arguments.input_object(input_file, input_json)
    session.output.message(session.client.post(path(EXECUTIONS, execution_id, "signals", key), body))


@execution.command()
@click.argument("execution_id", metavar="ID")
@POLL
@INTERVAL
@session_options()
@pass_session
def monitor(session: Session, execution_id: str, poll: bool, interval: float) -> None:
    """Follow a run from its start to its end. Exits with 1 unless it has completed. As JSON, every message is a line."""
    messages = follow(session.client, execution_id, poll=poll, interval=interval)
    progress = Progress(session.client, execution_id, sys.stderr)
    _end(watch(messages, session.output, progress))


def wait_for(session: Session, execution_id: str) -> None:
    """Show a run when it has ended, and exit with 1 unless it has completed."""
    with goes_on(execution_id):
        messages = follow(session.client, execution_id, poll=False, interval=1.0)
        ended = watch(messages, None, Progress(session.client, execution_id, sys.stderr))
        found = session.client.get(path(EXECUTIONS, execution_id))
    session.output.document(found)
    _end(ended)


def _end(status: str) -> None:
    if status != "completed":
        click.get_current_context().exit(1)
