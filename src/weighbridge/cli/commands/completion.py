"""The command `weighbridge completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from weighbridge.errors import ExitCode

_VARIABLE = "_WEIGHBRIDGE_COMPLETE"
"""The variable with which click's scripts ask the program for completions."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> ExitCode:
    """Prints the script that completes commands and options in a shell.

    bash needs version 4.4. The file that your shell reads at its start is the place for the line of the example.
    """
    root = context.find_root()
    made = get_completion_class(shell)
    assert made is not None
    name = root.info_name or "weighbridge"
    # `source` of click's bash class also runs bash to check its version: the template is enough here.
    script = made(root.command, {}, name, _VARIABLE)
    click.echo(script.source_template % script.source_vars())
    return ExitCode.PASSED
