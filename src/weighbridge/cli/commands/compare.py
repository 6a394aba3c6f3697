"""The command `weighbridge compare`."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.browser import browse, check_browser
from weighbridge.cli.clients import tools_for
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.image_settings import images_config
from weighbridge.cli.options import (
    GateOptions,
    OutputOptions,
    RunOptions,
    existing_config_option,
    from_image_option,
    gate_options,
    output_options,
    run_options,
)
from weighbridge.cli.results import check_outputs, for_outputs, publish
from weighbridge.errors import ExitCode, UsageError
from weighbridge.explore.subject import make_subject
from weighbridge.report.assemble import assemble
from weighbridge.report.verdict import exit_code_of
from weighbridge.run.existing import compare_images
from weighbridge.run.read import weigh_existing
from weighbridge.sources.transports import image_forms, parse_image_reference


@click.command(epilog=EXIT_CODES, help=f"Compares two existing images.\n\nAn image is {image_forms()}.")
@click.argument("old")
@click.argument("new")
@existing_config_option
@from_image_option
@gate_options
@output_options
@click.option("--explore", is_flag=True, help="Opens an interactive browser of the differences instead of a report.")
@run_options
def compare(
    old: str,
    new: str,
    *,
    explore: bool,
    config_file: Path | None,
    from_image: str | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Compares two existing images."""
    if explore:
        return _explore(old, new, output, run)
    check_outputs(output)
    config = for_outputs(images_config(config_file, gate), output)
    built_on = parse_image_reference(from_image) if from_image else None
    with tools_for(run) as tools:
        base, head = parse_image_reference(old), parse_image_reference(new)
        report = assemble(compare_images(base, head, config, tools, built_on=built_on))
    publish(report, output)
    return exit_code_of(report)


def _explore(old: str, new: str, output: OutputOptions, run: RunOptions) -> ExitCode:
    """Opens the browser. The limits of a gate have no effect there."""
    if output.format_ or output.outputs:
        raise UsageError("--explore writes no report. Omit --explore, or omit --format and --output.")
    check_browser()
    with tools_for(run) as tools:
        base, head = weigh_existing([parse_image_reference(old), parse_image_reference(new)], tools)
        subject = make_subject(f"{old} → {new}", head, base=base)
    browse(subject)
    return ExitCode.PASSED
