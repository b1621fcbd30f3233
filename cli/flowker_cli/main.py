"""`flowker`: one verb for each thing that is done at a terminal."""

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import cast

import click
from click.shell_completion import CompletionItem

from flowker.settings import product_version
from flowker_cli.failure import note
from flowker_cli.session import Session, session_options

VERBS: Mapping[str, tuple[str, str]] = {
    "dev": ("dev:dev", "Run Flowker on this machine."),
    "login": ("auth:login", "Get a token and keep it."),
    "logout": ("auth:logout", "Make the token unusable and forget it."),
    "auth": ("auth:auth", "Who is logged in."),
    "config": ("config:config", "What is kept between commands."),
    "flow": ("flow:flow", "Flows: write, check, run."),
    "execution": ("execution:execution", "Runs of flows: look, follow, cancel."),
    "logs": ("logs:logs", "Show what a run has logged."),
    "secret": ("secret:secret", "Secrets of an account."),
    "account": ("account:account", "Accounts."),
    "workflow": ("workflow:workflow", "Workflows of /v1: write, activate, execute."),
    "provider": ("provider:provider", "Provider configurations of /v1."),
    "audit": ("audit:audit", "Export the audit trail, prove an export."),
    "cost": ("cost:cost", "Tell what a workflow costs on AWS."),
    "completion": ("completion:completion", "Print what makes a shell complete commands."),
}
"""Where each verb is and what it is for. A module is imported when its verb is used: `dev` starts without what talks to a
server, and a completion without the compiler."""


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Verbs(click.Group):
    """The verbs of `VERBS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        return cast(click.Command, getattr(import_module(f"flowker_cli.{module}"), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name, help=text) for name, (_, text) in VERBS.items()]
        verbs = [item for item in found if item.value.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@session_options()
@click.version_option(product_version(), prog_name="flowker", message="%(prog)s %(version)s")
@click.pass_context
def flowker(context: click.Context) -> None:
    """Workflow orchestration for financial validation."""
    context.call_on_close(context.ensure_object(Session).close)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code: 0 done, 1 it failed, 2 it was not understood."""
    try:
        flowker.main(args=None if arguments is None else list(arguments), prog_name="flowker")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        return _not_written(error)
    return 0


def _not_written(error: OSError) -> int:
    """Of stdout; all other files are the business of their verbs. What is left of it must not be tried again at the exit."""
    note(f"cannot write: {error.strerror}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())
