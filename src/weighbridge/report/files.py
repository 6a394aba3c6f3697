"""Reads report files of earlier runs: one report, or the parts of a run that was distributed over jobs."""

from __future__ import annotations

from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.plan.shares import MAXIMUM_JOBS
from weighbridge.report.merge import merge_reports
from weighbridge.report.model import MAXIMUM_REPORT_BYTES, Report, decode_report


def read_report(file: Path) -> Report:
    """Read the report in `file`, up to the maximum size. Raises UsageError and ReportError."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAXIMUM_REPORT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}.") from error
    return decode_report(data, name=str(file))


def merge_files(paths: tuple[Path, ...]) -> Report:
    """Merge the part reports in `paths`: files, or folders with ``.json`` files.

    Raises UsageError and ReportError.
    """
    files: dict[str, Path] = {}
    for path in paths:
        found = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        for file in found:
            files[str(file)] = file
    if len(files) > 4 * MAXIMUM_JOBS:
        raise UsageError(f"{len(files)} files exceed the maximum number of parts of a run.")
    return merge_reports({name: read_report(file) for name, file in files.items()})
