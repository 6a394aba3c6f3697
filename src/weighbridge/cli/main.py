"""The commands of the command line. Options, clients and output are in the other modules of `cli`.

Imports that only some commands need (GitHub's client, the main job) stand inside the command: loading them takes longer
than weighing a cached image.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click

from weighbridge import __version__
from weighbridge.build.client import find_build_client
from weighbridge.cli.clients import make_tools, tools_for
from weighbridge.cli.history import HistoryRequest, print_history
from weighbridge.cli.lint import lint
from weighbridge.cli.options import (
    BuildOptions,
    GateOptions,
    OutputOptions,
    RangeOptions,
    RunOptions,
    build_options,
    cache_dir_option,
    debug_option,
    existing_config_option,
    gate_options,
    output_options,
    range_options,
    run_options,
    start_option,
)
from weighbridge.cli.plan import print_plan
from weighbridge.cli.process import run_command
from weighbridge.cli.results import check_outputs, publish
from weighbridge.cli.settings import build_settings, images_config, range_request, with_gate
from weighbridge.config import config_schema
from weighbridge.errors import EXIT_CODE_MEANING, ExitCode
from weighbridge.plan.shares import MAXIMUM_JOBS, parse_part
from weighbridge.report.files import merge_files, read_report
from weighbridge.report.model import report_schema
from weighbridge.report.verdict import exit_code_of
from weighbridge.sources.reference import parse_image_reference

_EXIT_CODES = "\n".join(["\b", "Exit codes:", *(f"  {code:3d}  {text}" for code, text in EXIT_CODE_MEANING.items())])


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Weighs container images: compares sizes, predicts whether they start, and enforces limits.",
    epilog=_EXIT_CODES,
)
@click.version_option(__version__, prog_name="weighbridge")
def cli() -> None:
    """Groups all commands."""


cli.add_command(lint)


@cli.command(epilog=_EXIT_CODES)
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
    config = with_gate(request.config, gate)
    if verify_tips is not None:
        config = replace(config, tips=replace(config.tips, verify=verify_tips))
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
        client = beside.submit(find_build_client, os.environ)  # starts docker: that need not wait for the imports
        from weighbridge.report.assemble import assemble  # noqa: PLC0415 - see above
        from weighbridge.run.weigh import weigh_range  # noqa: PLC0415 - see above

        with tools_for(run) as tools:
            result = weigh_range(request, replace(tools, find_build_client=client.result))
    report = assemble(result)
    publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@range_options
@click.option("--platform", help="Plans for this platform, such as linux/arm64.")
@click.option("--explain", is_flag=True, help="Prints for each image why it is built or skipped.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--max-jobs",
    type=click.IntRange(1, MAXIMUM_JOBS),
    default=MAXIMUM_JOBS,
    show_default=True,
    help="With --format json: maximum jobs of the matrix. Images share jobs by earlier build times.",
)
@cache_dir_option
@debug_option
def plan(
    ranged: RangeOptions,
    *,
    platform: str | None,
    explain: bool,
    format_: str,
    max_jobs: int,
    cache_dir: Path | None,
    debug: bool,
) -> ExitCode:
    """Lists the images that `diff` would build, and why. Needs no engine.

    With --format json it prints a matrix for GitHub. Each job of it runs `diff --part`.
    """
    del debug
    request = range_request(ranged, platform=platform)
    print_plan(
        request,
        format_=format_,
        explain=explain,
        maximum_jobs=max_jobs,
        cache_folder=cache_dir,
        environment=os.environ,
    )
    return ExitCode.PASSED


@cli.command(epilog=_EXIT_CODES)
@click.argument("old")
@click.argument("new")
@existing_config_option
@gate_options
@output_options
@run_options
def compare(
    old: str,
    new: str,
    *,
    config_file: Path | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Compares two existing images.

    An image is a name or ID in the engine, or docker-archive:FILE, oci:DIR, oci-archive:FILE, registry:REF.
    """
    check_outputs(output)
    config = images_config(config_file, gate)
    from weighbridge.report.assemble import assemble  # noqa: PLC0415 - see above
    from weighbridge.run.existing import compare_images  # noqa: PLC0415 - see above

    with tools_for(run) as tools:
        report = assemble(compare_images(parse_image_reference(old), parse_image_reference(new), config, tools))
    publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@click.argument("image")
@start_option
@existing_config_option
@gate_options
@output_options
@run_options
def inspect(
    image: str,
    *,
    start: bool,
    config_file: Path | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Shows the layers, waste, findings and tips of one image.

    IMAGE is a name or ID in the engine, or docker-archive:FILE, oci:DIR, oci-archive:FILE, registry:REF.
    """
    check_outputs(output)
    config = images_config(config_file, gate)
    from weighbridge.report.assemble import assemble  # noqa: PLC0415 - see above
    from weighbridge.run.existing import inspect_image  # noqa: PLC0415 - see above

    with tools_for(run) as tools:
        report = assemble(inspect_image(parse_image_reference(image), config, tools, start=start))
    publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@click.argument("report_file", metavar="REPORT", type=click.Path(dir_okay=False, path_type=Path))
@output_options
@debug_option
def render(report_file: Path, *, output: OutputOptions, debug: bool) -> ExitCode:
    """Converts a report.json to Markdown, HTML or a table."""
    del debug
    check_outputs(output)
    publish(read_report(report_file), output)
    return ExitCode.PASSED


@cli.command(epilog=_EXIT_CODES)
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


@cli.command(epilog=_EXIT_CODES)
@click.argument("images", metavar="[IMAGE...]", nargs=-1)
@click.option("--repo", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="[default: .]")
@existing_config_option
@cache_dir_option
@click.option("--branch", metavar="NAME", help="Also reads this branch. [default: history.branch of the configuration]")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="REPORT",
    help="Adds the sizes of this report.json first.",
)
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
@debug_option
def history(
    images: tuple[str, ...],
    *,
    repo: Path,
    config_file: Path | None,
    cache_dir: Path | None,
    branch: str | None,
    record: Path | None,
    format_: str,
    debug: bool,
) -> ExitCode:
    """Shows the sizes of images on the default branch per commit. IMAGE is a name or a glob."""
    del debug
    print_history(
        HistoryRequest(
            repo=repo,
            config_file=config_file,
            cache_folder=cache_dir,
            branch=branch,
            images=images,
            report=record,
            format_=format_,
        ),
        os.environ,
    )
    return ExitCode.PASSED


@cli.command(epilog=_EXIT_CODES)
@debug_option
def action(*, debug: bool) -> ExitCode:
    """Runs as a step of GitHub Actions. Reads its inputs from the environment: see docs/action.md."""
    del debug
    from weighbridge.action.run import run_action  # noqa: PLC0415 - see above

    return run_action(os.environ, make_tools=make_tools, stream=sys.stdout)


@cli.command()
@click.argument("what", type=click.Choice(["report", "config"]))
def schema(what: str) -> ExitCode:
    """Prints the JSON Schema of the report or of the configuration."""
    click.echo(json.dumps(report_schema() if what == "report" else config_schema(), indent=2, ensure_ascii=False))
    return ExitCode.PASSED


def run(arguments: Sequence[str]) -> ExitCode:
    """Runs the command line and returns its exit code."""
    return run_command(cli, arguments)
