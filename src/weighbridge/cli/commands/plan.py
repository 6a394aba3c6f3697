"""The command `weighbridge plan`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from weighbridge.build.client import find_build_client
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import RangeOptions, cache_dir_option, debug_option, range_options
from weighbridge.cli.settings import range_request
from weighbridge.errors import ExitCode
from weighbridge.plan.shares import MAXIMUM_JOBS
from weighbridge.progress.text import without_controls
from weighbridge.report.plan_output import render_plan_json, render_plan_text
from weighbridge.run.plan import bake_finder, plan_range
from weighbridge.run.request import DiffRequest
from weighbridge.run.size_history import known_build_seconds
from weighbridge.sources.layer_cache import default_cache_folder


def print_plan(
    request: DiffRequest,
    *,
    format_: str,
    explain: bool,
    maximum_jobs: int,
    cache_folder: Path | None,
    environment: Mapping[str, str],
) -> None:
    """Print the images that a `diff` of `request` would build, and notes on stderr.

    Balances the matrix by build times of the size history. Raises GitError, ConfigError and UsageError.
    """
    planned = plan_range(request, bake_finder(lambda: find_build_client(environment), environment))
    plans = planned.plans
    for note in planned.notes:
        click.echo(f"note: {without_controls(note)}", err=True)
    if format_ == "json":
        seconds = known_build_seconds(planned, request, cache_folder or default_cache_folder(environment))
        answer = render_plan_json(plans, all_images=request.all_images, maximum_jobs=maximum_jobs, seconds=seconds)
        click.echo(answer, nl=False)
    else:
        click.echo(
            render_plan_text(plans, all_images=request.all_images, explain=explain, left_out=planned.left_out), nl=False
        )


@click.command(epilog=EXIT_CODES)
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
