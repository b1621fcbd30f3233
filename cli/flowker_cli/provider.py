"""`flowker provider`: provider configurations of /v1."""

from typing import BinaryIO

import click

from flowker_cli import arguments
from flowker_cli.arguments import confirm, file_object
from flowker_cli.lists import by_cursor
from flowker_cli.paths import PROVIDER_CONFIGURATIONS, path
from flowker_cli.session import Session, pass_session, session_options
from flowker_cli.workflow import CURSOR

COLUMNS = {"ID": "id", "NAME": "name", "PROVIDER": "providerId", "STATUS": "status", "UPDATED": "updatedAt"}
STAGES = {"STAGE": "name", "STATUS": "status", "MS": "durationMs", "MESSAGE": "message"}


@click.group()
def provider() -> None:
    """Provider configurations of /v1, which is for holders of a key (--api-key, or $FLOWKER_API_KEY) and admins."""


@provider.command("list")
@click.option("--status", type=click.Choice(["active", "disabled"]), help="Only those in this state.")
@arguments.LIMIT
@CURSOR
@session_options()
@pass_session
def list_(session: Session, status: str | None, limit: int, cursor: str | None) -> None:
    """List provider configurations, newest first."""
    found = by_cursor(session.client, PROVIDER_CONFIGURATIONS, {"status": status, "cursor": cursor}, limit)
    session.output.listing(found, "items", COLUMNS)


@provider.command()
@click.option(
    "--file", type=click.File("rb"), required=True, metavar="FILE", help="Configuration in JSON; - is stdin."
)
@session_options()
@pass_session
def create(session: Session, file: BinaryIO) -> None:
    """Create a provider configuration."""
    session.output.document(session.client.post(PROVIDER_CONFIGURATIONS, file_object(file)))


@provider.command()
@click.argument("configuration_id", metavar="ID")
@session_options()
@pass_session
def get(session: Session, configuration_id: str) -> None:
    """Show a provider configuration; its secrets are masked."""
    session.output.document(session.client.get(path(PROVIDER_CONFIGURATIONS, configuration_id)))


@provider.command()
@click.argument("configuration_id", metavar="ID")
@arguments.FORCE
@session_options()
@pass_session
def delete(session: Session, configuration_id: str, force: bool) -> None:
    """Delete a provider configuration."""
    confirm(f"Delete provider configuration {configuration_id}?", force=force)
    session.client.delete(path(PROVIDER_CONFIGURATIONS, configuration_id))
    session.output.message({"message": "Provider configuration deleted", "id": configuration_id})


@provider.command()
@click.argument("configuration_id", metavar="ID")
@session_options()
@pass_session
def test(session: Session, configuration_id: str) -> None:
    """Try whether the provider can be reached. Exits with 1 unless all stages pass."""
    found = session.client.post(path(PROVIDER_CONFIGURATIONS, configuration_id, "test"))
    session.output.listing(found, "stages", STAGES)
    if found["overallStatus"] != "passed":
        click.get_current_context().exit(1)
