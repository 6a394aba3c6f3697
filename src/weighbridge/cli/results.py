"""Writes the report of a command in the requested files and formats.

Each renderer is imported on use, because a command needs one at most.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from weighbridge.cli.options import OutputOptions
from weighbridge.cli.streams import leave_stdout
from weighbridge.errors import MachineError, UsageError, machine_message
from weighbridge.report.model import Report, encode_report
from weighbridge.report.whole_file import write_whole

if TYPE_CHECKING:
    from rich.console import Console

    from weighbridge.config import Config

_FORMAT_OF_SUFFIX = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".txt": "table"}
_FORMATS_WITH_FILE_MAPS = {"json", "html"}
_FILE_WIDTH = 120


def check_outputs(output: OutputOptions) -> None:
    """Check that `publish` can write its files, before anything is built or read. Raises UsageError."""
    for position, file in enumerate(output.outputs):
        if file.absolute() in {each.absolute() for each in output.outputs[:position]}:
            raise UsageError(f"--output {file}: named twice. Name each file once.")
        if output.format_ is None and file.suffix.lower() not in _FORMAT_OF_SUFFIX:
            raise UsageError(
                f"--output {file}: the suffix has no format. Use one of {' '.join(_FORMAT_OF_SUFFIX)}, or --format."
            )
        if not file.absolute().parent.is_dir():
            raise UsageError(f"--output {file}: the folder {file.absolute().parent} does not exist. Create it first.")


def for_outputs(config: Config, output: OutputOptions) -> Config:
    """`config` without the parts of a report that none of the requested formats shows."""
    formats = {_FORMAT_OF_SUFFIX.get(file.suffix.lower()) or output.format_ for file in output.outputs}
    formats |= set() if output.outputs else {output.format_}
    if formats & _FORMATS_WITH_FILE_MAPS:
        return config
    return replace(config, report=replace(config.report, file_maps=False))


def publish(report: Report, output: OutputOptions) -> None:
    """Write the requested files. Print to stdout if a format or no file is requested.

    If a file cannot be written, writes the others and prints the table. Raises MachineError at the end.
    """
    failures = []
    for file in output.outputs:
        try:
            write_whole(file, _text_of(report, _FORMAT_OF_SUFFIX.get(file.suffix.lower()) or str(output.format_)))
        except MachineError as error:
            failures.append(error)
    with _stdout():
        if failures:
            _print(report, "table")
        elif output.outputs:
            _print_written(report, output)
        else:
            _print(report, output.format_ or "table")
    if failures:
        raise failures[0]


@contextmanager
def _stdout() -> Iterator[None]:
    """Print to stdout in the block. A closed pipe is not an error: the exit code still tells the verdict."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        leave_stdout()
    except OSError as error:
        leave_stdout()
        error.filename = "standard output"
        raise MachineError(f"cannot write the report: {machine_message(error)}") from error


def _print(report: Report, format_: str) -> None:
    if format_ == "table":
        from rich.console import Console  # noqa: PLC0415 - imported on use, see the module docstring

        class _Terminal(Console):
            def on_broken_pipe(self) -> None:
                """Raise the error again: rich would end the process with exit code 1, which means a broken limit."""
                raise  # noqa: PLE0704 - rich calls this in its handler of BrokenPipeError

        _print_table(report, _Terminal())
    else:
        # Bytes: each of these formats is UTF-8, regardless of the terminal's encoding.
        click.echo(_text_of(report, format_).encode(), nl=False)


def _print_written(report: Report, output: OutputOptions) -> None:
    """Print a summary of the written files: the verdict with its reasons, and the names of the files."""
    from weighbridge.report.view.reason import verdict_lines  # noqa: PLC0415 - see above

    for line in verdict_lines(report):
        click.echo(line)
    for file in output.outputs:
        click.echo(f"wrote {file}")


def _text_of(report: Report, format_: str) -> str:
    match format_:
        case "json":
            return encode_report(report)
        case "markdown":
            from weighbridge.report.markdown import render_markdown  # noqa: PLC0415 - see above

            return render_markdown(report)
        case "badge":
            from weighbridge.report.badge import render_badge  # noqa: PLC0415 - see above

            return render_badge(report)
        case "html":
            from weighbridge.report.html import render_html  # noqa: PLC0415 - see above

            return render_html(report)
        case _:
            from rich.console import Console  # noqa: PLC0415 - see above

            console = Console(file=io.StringIO(), width=_FILE_WIDTH, record=True)
            _print_table(report, console)
            return console.export_text()


def _print_table(report: Report, console: Console) -> None:
    from weighbridge.report.terminal import render_inspect, render_table  # noqa: PLC0415 - see above

    if report.base is None and len(report.images) == 1:
        render_inspect(report, console)
    else:
        render_table(report, console)
