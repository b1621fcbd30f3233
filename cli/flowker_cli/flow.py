"""`flowker flow`: flows of an account, and starting them."""

from typing import Any, BinaryIO

import click

from flowker_cli import arguments
from flowker_cli.arguments import confirm, file_text, given, input_object
from flowker_cli.execution import wait_for
from flowker_cli.failure import note
from flowker_cli.flow_folder import export_all, import_folder
from flowker_cli.lists import by_offset
from flowker_cli.paths import FLOWS, path
from flowker_cli.session import Session, pass_session, session_options

VALIDATE = f"{FLOWS}/validate"
COLUMNS = {"ID": "id", "NAME": "name", "VERSION": "version", "UPDATED": "updated_at", "TAGS": "tags"}
FILE = click.File("rb")
FILE_OPTION = click.option(
    "--file", type=FILE, required=True, metavar="FILE", help="Definition in YAML; - is stdin."
)
TAGS = click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given several times.")
DESCRIPTION = click.option("--description", metavar="TEXT", help="Default: what the definition says.")


@click.group()
def flow() -> None:
    """Flows of an account: write them, check them, run them."""


@flow.command()
@FILE_OPTION
@click.option("--name", metavar="NAME", help="Default: the name in the definition.")
@DESCRIPTION
@TAGS
@session_options()
@pass_session
def create(
    session: Session, file: BinaryIO, name: str | None, description: str | None, tags: tuple[str, ...]
) -> None:
    """Create a flow from its definition."""
    definition = file_text(file)
    name = name or session.client.post(VALIDATE, {"definition": definition})["name"]
    body = given(name=name, description=description, definition=definition, tags=list(tags) or None)
    _written(session, session.client.post(FLOWS, body))


@flow.command("list")
@click.option("--tag", metavar="TAG", help="Only those with this tag.")
@arguments.LIMIT
@arguments.OFFSET
@session_options()
@pass_session
def list_(session: Session, tag: str | None, limit: int, offset: int) -> None:
    """List flows, newest first."""
    session.output.listing(
        by_offset(session.client, FLOWS, "flows", {"tag": tag}, limit, offset), "flows", COLUMNS
    )


@flow.command()
@click.argument("flow_id", metavar="ID")
@click.option("--definition", is_flag=True, help="Only its definition, as it is.")
@session_options()
@pass_session
def get(session: Session, flow_id: str, definition: bool) -> None:
    """Show a flow."""
    found = session.client.get(path(FLOWS, flow_id))
    if definition:
        click.echo(found["definition"], nl=False)
    else:
        session.output.document(found, only=[name for name in found if name != "definition"])


@flow.command()
@click.argument("flow_id", metavar="ID")
@click.option("--file", type=FILE, metavar="FILE", help="New definition in YAML; - is stdin.")
@click.option("--name", metavar="NAME", help="New name.")
@click.option("--description", metavar="TEXT", help="New description.")
@TAGS
@session_options()
@pass_session
def update(
    session: Session,
    flow_id: str,
    file: BinaryIO | None,
    name: str | None,
    description: str | None,
    tags: tuple[str, ...],
) -> None:
    """Change a flow: what is not said stays as it is. Tags are replaced; an empty one removes them all."""
    definition = None if file is None else file_text(file)
    wanted = None if not tags else [tag for tag in tags if tag]
    body = given(name=name, description=description, definition=definition, tags=wanted)
    if not body:
        raise click.UsageError("say what to change: --file, --name, --description or --tag")
    _written(session, session.client.put(path(FLOWS, flow_id), body))


@flow.command()
@click.argument("flow_id", metavar="ID")
@arguments.FORCE
@session_options()
@pass_session
def delete(session: Session, flow_id: str, force: bool) -> None:
    """Delete a flow with its versions. Its runs stay."""
    confirm(f"Delete flow {flow_id}?", force=force)
    session.output.message(session.client.delete(path(FLOWS, flow_id)))


@flow.command()
@FILE_OPTION
@session_options()
@pass_session
def validate(session: Session, file: BinaryIO) -> None:
    """Check a definition as the server would when it is stored, and store nothing. Exits with 1 if it is not valid."""
    found = session.client.post(VALIDATE, {"definition": file_text(file)})
    _written(session, found)


@flow.command()
@click.argument("flow_id", metavar="ID")
@click.option(
    "--input", "input_file", type=FILE, metavar="FILE", help="JSON object to start with; - is stdin."
)
@arguments.INPUT_JSON
@arguments.WAIT
@arguments.KEY
@session_options()
@pass_session
def run(
    session: Session,
    flow_id: str,
    input_file: BinaryIO | None,
    input_json: str | None,
    wait: bool,
    idempotency_key: str,
) -> None:
    """Start a run. It is named by a key, so that repeating the request starts it only once."""
    body = {"input": input_object(input_file, input_json)}
    started = session.client.post(path(FLOWS, flow_id, "run"), body, Idempotency_Key=idempotency_key)
    if not wait:
        return session.output.document(started)
    return wait_for(session, started["execution_id"])


@flow.command()
@click.argument("flow_id", metavar="ID")
@click.option(
    "--output",
    "target",
    type=click.File("wb", lazy=True),
    default="-",
    metavar="FILE",
    help="Default: stdout.",
)
@session_options(output=False)
@pass_session
def export(session: Session, flow_id: str, target: BinaryIO) -> None:
    """Write the definition of a flow to a file, byte for byte as it is stored."""
    definition = session.client.get(path(FLOWS, flow_id))["definition"]
    target.write(definition.encode())  # which makes the file


flow.add_command(export_all)
flow.add_command(import_folder)


def _written(session: Session, document: dict[str, Any]) -> None:
    for warning in document.get("warnings", ()):
        place = f"line {warning['line']}: " if "line" in warning else ""
        note(f"warning: {place}{warning.get('field', '')}: {warning['reason']}")
    session.output.document(document, only=[name for name in document if name != "warnings"])
