"""`flowker account`: accounts. All but one's own are for admins."""

import click

from flowker_cli import arguments
from flowker_cli.arguments import confirm, given, hidden
from flowker_cli.lists import by_offset
from flowker_cli.paths import ACCOUNTS, path
from flowker_cli.session import Session, pass_session, session_options

ME = "me"
COLUMNS = {"ID": "id", "NAME": "name", "EMAIL": "email", "ROLE": "role", "CREATED": "created_at"}
ROLE = click.Choice(["user", "admin"])
OWN = click.argument("account_id", metavar="[ID]", default=ME)


@click.group()
def account() -> None:
    """Accounts. An ID that is left out is one's own."""


@account.command()
@click.option("--name", required=True, metavar="NAME")
@click.option("--email", required=True, metavar="EMAIL", help="What it logs in with.")
@click.option("--password", help="Better not said: it is asked for, or read from stdin.")
@click.option("--role", type=ROLE, help="Default: user.")
@session_options()
@pass_session
def create(session: Session, name: str, email: str, password: str | None, role: str | None) -> None:
    """Create an account."""
    password = hidden("Password of the new account", repeat=True) if password is None else password
    body = given(name=name, email=email, password=password, role=role)
    session.output.document(session.client.post(ACCOUNTS, body))


@account.command("list")
@click.option("--role", type=ROLE, help="Only those with this role.")
@arguments.LIMIT
@arguments.OFFSET
@session_options()
@pass_session
def list_(session: Session, role: str | None, limit: int, offset: int) -> None:
    """List accounts, oldest first."""
    found = by_offset(session.client, ACCOUNTS, "accounts", {"role": role}, limit, offset)
    session.output.listing(found, "accounts", COLUMNS)


@account.command()
@OWN
@session_options()
@pass_session
def get(session: Session, account_id: str) -> None:
    """Show an account."""
    session.output.document(session.client.get(path(ACCOUNTS, account_id)))


@account.command()
@OWN
@click.option("--name", metavar="NAME", help="New name.")
@click.option("--email", metavar="EMAIL", help="New address, to log in with from now on.")
@click.option("--role", type=ROLE, help="New role; by an admin.")
@click.option("--password", help="New password; better not said, see --change-password.")
@click.option("--current-password", help="The present one, which is needed to change one's own.")
@click.option(
    "--change-password",
    is_flag=True,
    help="Ask for the new password, and for the present one if it is one's own.",
)
@session_options()
@pass_session
def update(session: Session, /, account_id: str, change_password: bool, **said: str | None) -> None:
    """Change an account: what is not said stays as it is. A new password or role ends all its sessions."""
    if change_password:
        if account_id == ME:
            said["current_password"] = hidden("Present password")
        said["password"] = hidden("New password", repeat=True)
    body = given(**said)
    if not body:
        raise click.UsageError("say what to change")
    session.output.document(session.client.put(path(ACCOUNTS, account_id), body))


@account.command()
@OWN
@arguments.FORCE
@session_options()
@pass_session
def delete(session: Session, account_id: str, force: bool) -> None:
    """Delete an account with its flows and secrets; what runs is cancelled."""
    whose = "your own account" if account_id == ME else f"account {account_id}"
    confirm(f"Delete {whose} with all its flows and secrets?", force=force)
    session.output.message(session.client.delete(path(ACCOUNTS, account_id)))
