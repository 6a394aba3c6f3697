"""The result of a command: a report in the files and formats that were asked for.

The renderings are imported where they are used: a command takes one of them, if any.
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
    """Refuse what `publish` could not write, before anything is built or read. Raises UsageError."""
    for file in output.outputs:
        if output.format_ is None and file.suffix not in _FORMAT_OF_SUFFIX:
            raise UsageError(
                f"--output {file}: the suffix names no format. Use one of {' '.join(_FORMAT_OF_SUFFIX)}, or --format."
            )
        if not file.absolute().parent.is_dir():
            raise UsageError(f"--output {file}: there is no folder {file.absolute().parent}.")


def publish(report: Report, output: OutputOptions) -> None:
    """Write the files that were asked for; print to stdout unless there are files and no format was named."""
    for file in output.outputs:
        file.write_text(_text_of(report, _FORMAT_OF_SUFFIX.get(file.suffix) or str(output.format_)), encoding="utf-8")
    if output.format_ in {None, "table"} and not output.outputs:
        from rich.console import Console  # noqa: PLC0415 - see above

        _print_table(report, Console())
    elif not output.outputs:
        click.echo(_text_of(report, str(output.format_)), nl=False)


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
