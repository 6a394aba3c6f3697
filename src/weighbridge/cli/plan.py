"""The command ``weighbridge plan``: what would be built, and how it is shared out to jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from weighbridge.build.client import find_build_client
from weighbridge.progress.lines import without_controls
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
    """Print what a `diff` of `request` would build; on stderr what of the repository was not read.

    The matrix is balanced by the build times that the history knows.

    Raises GitError, ConfigError and UsageError.
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
        click.echo(render_plan_text(plans, all_images=request.all_images, explain=explain), nl=False)
