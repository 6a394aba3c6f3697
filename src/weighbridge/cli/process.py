"""Runs a command line and converts exceptions to exit codes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from weighbridge.cli.streams import leave_stdout, prepare_streams
from weighbridge.errors import ExitCode, WeighbridgeError, contained
from weighbridge.progress.lines import error_line, one_line


def run_command(command: click.Command, arguments: Sequence[str], *, name: str = "weighbridge") -> ExitCode:
    """Run `command` under the name `name`, and return its exit code. Errors go to stderr."""
    if "--debug" in arguments:
        import logging  # noqa: PLC0415 - most runs log nothing

        logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
        logging.getLogger("weighbridge").setLevel(logging.DEBUG)
    try:
        result = command.main(args=list(arguments), prog_name=name, standalone_mode=False)
        return result if isinstance(result, ExitCode) else ExitCode.PASSED
    except click.exceptions.Exit as stop:
        return ExitCode.PASSED if stop.exit_code == 0 else ExitCode.USAGE
    except click.ClickException as error:
        click.echo(f"error: {_usage_text(error)}", err=True)
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except WeighbridgeError as error:
        return _tell(error, arguments)
    except BrokenPipeError:
        leave_stdout()  # the reader closed the pipe, so nothing can be printed
        return ExitCode.PASSED
    except Exception as error:  # noqa: BLE001 - the last resort: a defect is reported, never as a bare traceback
        return _tell(contained(error), arguments)


def exit_with(command: click.Command, arguments: Sequence[str], *, name: str = "weighbridge") -> NoReturn:
    """Run `command`, and exit the process with its exit code."""
    prepare_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_command(command, arguments, name=name))


_MEANT = {
    "--base": "Write revisions without an option: diff BASE HEAD.",
    "--head": "Write revisions without an option: diff BASE HEAD.",
    "--branch": "Write revisions without an option: diff BASE HEAD.",
    "--json": "Write --format json, or --output report.json.",
    "--html": "Write --output report.html.",
    "--markdown": "Write --format markdown, or --output report.md.",
    "-o": "Write --output FILE.",
    "-f": "Write --format FORMAT, or --output FILE.",
    "-q": "Write --quiet.",
    "--limit": "Write --max-increase or --max-size.",
    "--threshold": "Write --max-increase or --max-size.",
    "--no-tips": "Write --no-verify-tips.",
    "--no-cache": "Name another folder with --cache-dir.",
    "--dockerfile": "Select images with --image NAME.",
    "--file": "Select images with --image NAME.",
}
"""Options of other programs, and the option of this one."""


def _usage_text(error: click.ClickException) -> str:
    """What is wrong with the command line, and which help to read, in one line."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    said = one_line(error.format_message())
    if (
        isinstance(error, click.NoSuchOption)
        and _MEANT.get(error.option_name, "")
        and _takes(context, error.option_name)
    ):
        said = f"No such option {error.option_name!r}. {_MEANT[error.option_name]}"
    said = said if said.endswith((".", "?")) else f"{said}."
    return f"{said} See {context.command_path} --help." if context is not None else said


def _takes(context: click.Context | None, name: str) -> bool:
    """True if the command has an option or argument that `_MEANT` names for `name`."""
    words = {word.strip(".,:") for word in _MEANT[name].split()}
    known = (
        {option for one in context.command.params for option in (*one.opts, *one.secondary_opts)}
        if context is not None
        else set()
    )
    return bool(words & known) or ("BASE" in words and "base" in known)


def _tell(error: WeighbridgeError, arguments: Sequence[str]) -> ExitCode:
    """Print an error in one line, with `--debug` its traceback too, and return its exit code."""
    if "--debug" in arguments:
        import traceback  # noqa: PLC0415 - most runs print none

        from weighbridge.domain.secret_values import ANY_SECRET  # noqa: PLC0415 - a run without errors starts without it

        click.echo(ANY_SECRET.text(traceback.format_exc()), err=True, nl=False)
    click.echo(f"error: {error_line(error)}", err=True)
    return error.exit_code


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM as Ctrl-C, so that the run removes its files and images."""
    del number, frame
    raise KeyboardInterrupt
