"""The command `weighbridge history`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import cache_dir_option, debug_option, existing_config_option
from weighbridge.config import load_config, parse_branch
from weighbridge.domain.globs import match_path
from weighbridge.domain.size_history import Point, Trend
from weighbridge.errors import ExitCode, UsageError
from weighbridge.plan.git import open_repository
from weighbridge.progress.text import without_controls
from weighbridge.report.files import read_report
from weighbridge.report.units import format_bytes, format_delta, format_percent, percent, sparkline
from weighbridge.run.size_history import read_history, record_of_report, repository_identity
from weighbridge.size_history.file import HistoryFile
from weighbridge.sources.layer_cache import default_cache_folder

_BLOCKS = 24
_NAME_CHARACTERS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryRequest:
    """The repository and images to show. `report` is added first. `branch` overrides the configuration."""

    repo: Path
    config_file: Path | None
    cache_folder: Path | None
    branch: str | None
    images: Sequence[str]
    report: Path | None
    format_: str


def print_history(request: HistoryRequest, environment: Mapping[str, str]) -> None:
    """Print one line or object per image. Raises GitError, ConfigError, UsageError and ReportError."""
    branch = _branch(request.branch)
    repository = open_repository(request.repo)
    config = load_config(repository.root if not repository.is_bare else request.repo, request.config_file)
    folder = request.cache_folder or default_cache_folder(environment)
    file = HistoryFile(folder, repository_identity(repository))
    if request.report is not None:
        report = read_report(request.report)
        if report.part is not None:
            raise UsageError(
                f"{request.report}: this is one part of a run. Merge the parts first (`weighbridge merge`)."
            )
        file.append(record_of_report(report, repository))
    trend, refused = read_history(file, repository, branch or config.history.branch)
    if refused:
        click.echo(f"warning: ignored {refused} invalid lines of the size history", err=True)
    names = [name for name in trend.names if not request.images or any(match_path(one, name) for one in request.images)]
    for glob in request.images:
        if not any(match_path(glob, name) for name in names):
            raise UsageError(f"{glob}: no image of the size history matches.")
    if request.format_ == "json":
        document = {"schema_version": 1, "images": [_described(trend, name) for name in names]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in _table(trend, names):
        click.echo(line)


def _branch(name: str | None) -> str | None:
    try:
        return None if name is None else parse_branch(name)
    except ValueError as error:
        raise UsageError(f"--branch: {error}.") from error


def _table(trend: Trend, names: Sequence[str]) -> list[str]:
    if not names:
        return ["No sizes recorded. Run `weighbridge diff HEAD^ HEAD` on the default branch."]
    rows = [("image", "trend", "first", "last", "change", "last commit")]
    for name in names:
        points = trend.points(name)
        sizes = [point.figure.unpacked_bytes for point in points]
        share = format_percent(percent(sizes[0], sizes[-1]))
        rows.append(
            (
                without_controls(name)[:_NAME_CHARACTERS],
                sparkline(sizes[-_BLOCKS:]),
                format_bytes(sizes[0]),
                format_bytes(sizes[-1]),
                format_delta(sizes[-1] - sizes[0]) + (f" ({share})" if share and len(sizes) > 1 else ""),
                f"{points[-1].commit[:7]} {_day(points[-1])}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {2, 3, 4}
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _described(trend: Trend, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "points": [
            {
                "commit": point.commit,
                "at": datetime.fromtimestamp(point.committed_at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "unpacked_bytes": point.figure.unpacked_bytes,
                "download_bytes": point.figure.download_bytes,
                "build_seconds": point.figure.build_seconds,
            }
            for point in trend.points(name)
        ],
    }


def _day(point: Point) -> str:
    return datetime.fromtimestamp(point.committed_at, tz=UTC).strftime("%Y-%m-%d")


@click.command(epilog=EXIT_CODES)
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
