"""Writes the report of a command in the requested files and formats.

Each renderer is imported on use, because a command needs one at most.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import click

from weighbridge.cli.options import OutputOptions
from weighbridge.errors import UsageError
from weighbridge.report.model import Report, encode_report

if TYPE_CHECKING:
    from rich.console import Console

_FORMAT_OF_SUFFIX = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".txt": "table"}
_FILE_WIDTH = 120


def check_outputs(output: OutputOptions) -> None:
    """Check that `publish` can write its files, before anything is built or read. Raises UsageError."""
    for file in output.outputs:
        if output.format_ is None and file.suffix not in _FORMAT_OF_SUFFIX:
            raise UsageError(
                f"--output {file}: the suffix has no format. Use one of {' '.join(_FORMAT_OF_SUFFIX)}, or --format."
            )
        if not file.absolute().parent.is_dir():
            raise UsageError(f"--output {file}: the folder {file.absolute().parent} does not exist. Create it first.")


def publish(report: Report, output: OutputOptions) -> None:
    """Write the requested files. Print to stdout if a format or no file is requested."""
    for file in output.outputs:
        file.write_text(_text_of(report, _FORMAT_OF_SUFFIX.get(file.suffix) or str(output.format_)), encoding="utf-8")
    if output.outputs:
        _print_written(report, output)
    if output.format_ in {None, "table"} and not output.outputs:
        from rich.console import Console  # noqa: PLC0415 - see above

        _print_table(report, Console())
    elif not output.outputs:
        click.echo(_text_of(report, str(output.format_)), nl=False)


def _print_written(report: Report, output: OutputOptions) -> None:
    """Say on stdout what is in the files: the verdict with its reasons, and their names."""
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
