"""The command `weighbridge diff`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import click

from weighbridge.build.client import find_build_client
from weighbridge.cli.clients import tools_for
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.image_settings import with_gate
from weighbridge.cli.options import (
    BuildOptions,
    GateOptions,
    OutputOptions,
    RangeOptions,
    RunOptions,
    build_options,
    gate_options,
    output_options,
    range_options,
    run_options,
    start_option,
)
from weighbridge.cli.results import check_outputs, for_outputs, publish
from weighbridge.cli.settings import build_settings, range_request
from weighbridge.config import VerifyTips
from weighbridge.errors import ExitCode
from weighbridge.plan.shares import parse_part
from weighbridge.report.verdict import exit_code_of


@click.command(epilog=EXIT_CODES)
@range_options
@build_options
@click.option("--noise", is_flag=True, help="Builds base twice and ignores growth that two builds of base also show.")
@click.option(
    "--verify-tips/--no-verify-tips",
    default=None,
    help="Builds the patches of tips and measures them, for images that changed. [default: on]",
)
@click.option("--no-cache", is_flag=True, help="Builds base even if an earlier run measured it.")
@click.option("--part", metavar="NUMBER/COUNT", help="Weighs one share of the images. `merge` joins the reports.")
@start_option
@gate_options
@output_options
@run_options
def diff(
    ranged: RangeOptions,
    *,
    building: BuildOptions,
    noise: bool,
    no_cache: bool,
    start: bool,
    verify_tips: bool | None,
    part: str | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Builds the images of two git revisions and compares them.

    HEAD defaults to the commit that is checked out. BASE defaults to the merge base with the default branch.
    """
    check_outputs(output)
    request = range_request(ranged, platform=run.platform)
    config = for_outputs(with_gate(request.config, gate), output)
    if verify_tips is not None:
        verify = VerifyTips.AFTER_VERDICT if verify_tips else VerifyTips.NEVER
        config = replace(config, tips=replace(config.tips, verify=verify))
    request = replace(
        request,
        config=config,
        build=build_settings(config, building),
        jobs=building.jobs,
        keep=building.keep,
        measure_noise=noise,
        use_memory=not no_cache,
        start=start,
        part=parse_part(part) if part else None,
    )
    with ThreadPoolExecutor(max_workers=1) as beside:
        client = beside.submit(find_build_client, os.environ)  # starts docker while the modules are imported
        from weighbridge.report.assemble import assemble  # noqa: PLC0415 - see above
        from weighbridge.run.weigh import weigh_range  # noqa: PLC0415 - see above

        with tools_for(run) as tools:
            result = weigh_range(request, replace(tools, find_build_client=client.result))
    report = assemble(result)
    publish(report, output)
    return exit_code_of(report)
