"""The command `weighbridge inspect`."""

from __future__ import annotations

from pathlib import Path

import click

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
    start_option,
)
from weighbridge.cli.results import check_outputs, for_outputs, publish
from weighbridge.errors import ExitCode
from weighbridge.report.verdict import exit_code_of
from weighbridge.run.known_image import inspect_known_image
from weighbridge.sources.transports import image_forms, parse_image_reference


@click.command(
    epilog=EXIT_CODES, help=f"Shows the layers, waste, findings and tips of one image.\n\nIMAGE is {image_forms()}."
)
@click.argument("image")
@start_option
@existing_config_option
@from_image_option
@gate_options
@output_options
@run_options
def inspect(
    image: str,
    *,
    start: bool,
    config_file: Path | None,
    from_image: str | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Shows the layers, waste, findings and tips of one image."""
    check_outputs(output)
    config = for_outputs(images_config(config_file, gate), output)
    built_on = parse_image_reference(from_image) if from_image else None
    with tools_for(run) as tools:
        reference = parse_image_reference(image)
        if start:
            from weighbridge.report.assemble import assemble  # noqa: PLC0415 - a known image is shown without it
            from weighbridge.run.existing import inspect_image  # noqa: PLC0415 - a known image is shown without it

            report = assemble(inspect_image(reference, config, tools, start=True, built_on=built_on))
        else:
            report = inspect_known_image(reference, config, tools, built_on=built_on)
    publish(report, output)
    return exit_code_of(report)
