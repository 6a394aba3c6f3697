"""The whole command line. Imports a command's module only when the command runs or its help is printed.

Importing all commands takes longer than weighing a cached image or linting a file.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from weighbridge import __version__
from weighbridge.cli.examples import EXAMPLES, EXAMPLES_TITLE, examples_epilog
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.process import run_command
from weighbridge.domain.nearest import nearest
from weighbridge.errors import ExitCode

COMMANDS = {
    "diff": "Builds the images of two git revisions and compares them.",
    "compare": "Compares two existing images.",
    "inspect": "Shows the layers, waste, findings and tips of one image.",
    "explore": "Browses the files, layers, packages and waste of one image.",
    "lint": "Checks Dockerfiles without building them.",
    "plan": "Lists the images that `diff` would build, and why.",
    "merge": "Joins the reports of `diff --part` into one.",
    "render": "Converts a report.json to Markdown, HTML or a table.",
    "history": "Shows the sizes of images on the default branch per commit.",
    "doctor": "Shows what Weighbridge finds and uses on this machine, and what is missing.",
    "init": "Writes a workflow and a configuration for this repository.",
    "action": "Runs as a step of GitHub Actions.",
    "completion": "Prints the script that completes commands and options in a shell.",
    "schema": "Prints the JSON Schema of the report or of the configuration.",
}
"""Each command and the first sentence of its help. The module of the same name in `cli.commands` defines it."""


_MEANT = {
    "analyze": "inspect",
    "browse": "explore",
    "build": "diff",
    "check": "lint",
    "config": "init",
    "env": "doctor",
    "export": "render",
    "hadolint": "lint",
    "info": "inspect",
    "install": "init",
    "report": "render",
    "scan": "inspect",
    "setup": "init",
    "show": "inspect",
    "size": "inspect",
    "status": "doctor",
    "validate": "lint",
    "weigh": "diff",
}
"""Commands of other programs, and the command of this one."""


class Commands(click.Group):
    """A group whose commands are modules of `cli.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, the most used first."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command. Returns None for an unknown name, as click expects."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"weighbridge.cli.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        if cmd_name in EXAMPLES and not (command.epilog or "").startswith(EXAMPLES_TITLE):
            command.epilog = examples_epilog(cmd_name, command.epilog or "")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click; the error for an unknown command names the nearest one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            if name in {"help", "version"}:
                option = "weighbridge COMMAND --help" if name == "help" else "weighbridge --version"
                ctx.fail(f"{name!r} is not a command. Write {option}.")
            meant = _MEANT.get(name) or nearest(name, COMMANDS, likeness=0.7)
            hint = f"Did you mean {meant!r}?" if meant else f"Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"{name!r} is not a command. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Weighs container images: compares sizes, predicts whether they start, and enforces limits.",
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="weighbridge")
def cli() -> None:
    """Groups all commands."""


def run(arguments: Sequence[str]) -> ExitCode:
    """Runs the command line and returns its exit code."""
    return run_command(cli, arguments)
