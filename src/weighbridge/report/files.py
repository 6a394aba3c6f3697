"""Reports that earlier runs left in files: one, or the parts of a run that was shared out to jobs."""

from __future__ import annotations

from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.plan.shares import MAXIMUM_JOBS
from weighbridge.report.merge import merge_reports
from weighbridge.report.model import MAXIMUM_REPORT_BYTES, Report, decode_report


def read_report(file: Path) -> Report:
    """The report in `file`, read within its bound. Raises UsageError and ReportError."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAXIMUM_REPORT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}.") from error
    return decode_report(data, name=str(file))


def merge_files(paths: tuple[Path, ...]) -> Report:
    """One report of the part reports in `paths`: files, or folders for the ``.json`` files below them.

    Raises UsageError and ReportError.
    """
    files: dict[str, Path] = {}
    for path in paths:
        found = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        for file in found:
            files[str(file)] = file
    if len(files) > 4 * MAXIMUM_JOBS:
        raise UsageError(f"{len(files)} files are more than a run can have parts.")
    return merge_reports({name: read_report(file) for name, file in files.items()})
