"""`flowker logs`: what a run has logged."""

import click

from flowker_cli.execution import INTERVAL, POLL
from flowker_cli.follow import follow
from flowker_cli.lists import by_offset
from flowker_cli.monitor import log_line
from flowker_cli.output import Format, print_json
from flowker_cli.paths import EXECUTIONS, path
from flowker_cli.session import Session, pass_session, session_options
from flowker_cli.text import harmless

PARTS = ("timestamp", "level", "message", "node_id", "node_type", "data")


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option(
    "--follow", "live", is_flag=True, help="Go on until the run has ended. As JSON, every entry is a line."
)
@click.option(
    "--level", type=click.Choice(["debug", "info", "warn", "error"]), help="Only entries of this level."
)
@click.option("--timestamps", is_flag=True, help="Show when it was.")
@click.option("--limit", type=click.IntRange(1), help="The most to show (default: all).")
@POLL
@INTERVAL
@session_options()
@pass_session
def logs(
    session: Session,
    execution_id: str,
    live: bool,
    level: str | None,
    timestamps: bool,
    limit: int | None,
    poll: bool,
    interval: float,
) -> None:
    """Show what a run has logged, oldest first."""
    if live:
        return _follow(session, execution_id, level, timestamps=timestamps, poll=poll, interval=interval)
    entries = path(EXECUTIONS, execution_id, "logs")
    found = by_offset(session.client, entries, "logs", {"level": level}, limit, 0)
    if session.output.format is Format.JSON:
        return print_json(found)
    for entry in found["logs"]:
        click.echo(harmless(log_line(entry, timestamps=timestamps)))
    return None


def _follow(
    session: Session, execution_id: str, level: str | None, *, timestamps: bool, poll: bool, interval: float
) -> None:
    for message in follow(session.client, execution_id, poll=poll, interval=interval):
        if message is not None and message["type"] == "log" and level in (None, message["level"]):
            entry = {name: message[name] for name in PARTS if name in message}
            session.output.line(entry, log_line(entry, timestamps=timestamps))
