"""The command `weighbridge merge`."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import OutputOptions, debug_option, output_options
from weighbridge.cli.results import check_outputs, publish
from weighbridge.errors import ExitCode
from weighbridge.report.files import merge_files
from weighbridge.report.verdict import exit_code_of


@click.command(epilog=EXIT_CODES)
@click.argument("parts", metavar="PART...", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_options
@debug_option
def merge(parts: tuple[Path, ...], *, output: OutputOptions, debug: bool) -> ExitCode:
    """Joins the reports of `diff --part` into one.

    PART is a report, or a folder with .json files. A missing or repeated part fails the job and is named.
    """
    del debug
    check_outputs(output)
    report = merge_files(parts)
    publish(report, output)
    return exit_code_of(report)
