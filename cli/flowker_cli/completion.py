"""`flowker completion`: what makes a shell complete verbs, options and their values."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(epilog='For bash: eval "$(flowker completion bash)" in ~/.bashrc; zsh and fish alike.')
@click.argument("shell", type=click.Choice([*SHELLS]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, to be read when it starts."""
    found = SHELLS[shell](context.find_root().command, {}, "flowker", "_FLOWKER_COMPLETE")
    click.echo(found.source())
