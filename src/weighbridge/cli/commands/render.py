"""The command `weighbridge render`."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import OutputOptions, debug_option, output_options
from weighbridge.cli.results import check_outputs, publish
from weighbridge.errors import ExitCode
from weighbridge.report.files import read_report


@click.command(epilog=EXIT_CODES)
@click.argument("report_file", metavar="REPORT", type=click.Path(dir_okay=False, path_type=Path))
@output_options
@debug_option
def render(report_file: Path, *, output: OutputOptions, debug: bool) -> ExitCode:
    """Converts a report.json to Markdown, HTML or a table."""
    del debug
    check_outputs(output)
    publish(read_report(report_file), output)
    return ExitCode.PASSED
