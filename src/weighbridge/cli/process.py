"""Runs a command line and converts exceptions to exit codes."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from weighbridge.cli.streams import leave_stdout, prepare_streams
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.nearest import nearest
from weighbridge.errors import ExitCode, WeighbridgeError, contained
from weighbridge.progress.text import error_line, one_line


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


_REVISIONS = ("Write revisions without an option: diff BASE HEAD.", "Write images without an option: compare OLD NEW.")
_LIMITS = ("Write --max-increase or --max-size.",)
_IMAGES = ("Select images with --image NAME.",)
_MEANT = {
    "--base": _REVISIONS,
    "--head": _REVISIONS,
    "--old": _REVISIONS,
    "--new": _REVISIONS,
    "--branch": _REVISIONS[:1],
    "--json": ("Write --format json, or --output report.json.", "Write --format json."),
    "--html": ("Write --output report.html.",),
    "--markdown": ("Write --format markdown, or --output report.md.",),
    "--output": ("Write --format FORMAT > FILE.",),
    "-o": ("Write --output FILE.", "Write --format FORMAT > FILE."),
    "-f": ("Write --format FORMAT, or --output FILE.", "Write --format FORMAT."),
    "-q": ("Write --quiet.",),
    "--limit": _LIMITS,
    "--threshold": _LIMITS,
    "--no-tips": ("Write --no-verify-tips.",),
    "--no-cache": ("Name another folder with --cache-dir.",),
    "--dockerfile": _IMAGES,
    "--file": _IMAGES,
}
"""Options of other programs, and the options of this one: the first answer whose options the command takes."""
_MEANT_CHOICES = {"md": "markdown", "text": "table", "txt": "table", "human": "text", "none": "never"}
_NOT_A_CHOICE = late_pattern(r"'(?P<value>[^']+)' is not one of (?P<choices>.*)")


def _usage_text(error: click.ClickException) -> str:
    """What is wrong with the command line, and which help to read, in one line."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    said = one_line(error.format_message())
    if isinstance(error, click.NoSuchOption):
        said = f"No such option {error.option_name!r}.{_meant_option(context, error.option_name)}"
    elif wrong := _NOT_A_CHOICE.search(said):
        value, choices = wrong["value"].lower(), re.findall(r"'([^']+)'", wrong["choices"])
        meant = value if value in choices else _MEANT_CHOICES.get(value)
        meant = meant if meant in choices else nearest(value, choices, likeness=0.7)
        said = f"{said.rstrip('.')}. Did you mean {meant!r}?" if meant else said
    said = said if said.endswith((".", "?")) else f"{said}."
    return f"{said} See {context.command_path} --help." if context is not None else said


def _meant_option(context: click.Context | None, name: str) -> str:
    """The option or argument that `name` stands for: with a space before it, or empty."""
    parameters = context.command.params if context is not None else []
    known = {word for one in parameters for word in (*one.opts, *one.secondary_opts, one.human_readable_name)}
    for answer in _MEANT.get(name, ()):
        wanted = {
            word.strip(".,:") for word in answer.split() if word.startswith("--") or word.strip(".") in _ARGUMENTS
        }
        if wanted <= known:
            return f" {answer}"
    meant = nearest(name, (one for one in known if one.startswith("--")), likeness=0.7)
    return f" Did you mean {meant!r}?" if meant else ""


_ARGUMENTS = {"BASE", "HEAD", "OLD", "NEW"}


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
