"""Joins the reports of a run on many machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from weighbridge.action.commits import Sides
from weighbridge.errors import ReportError, UsageError
from weighbridge.report.files import merge_files
from weighbridge.report.model import Report


def merged_parts(folder: Path, sides: Sides) -> Report:
    """Join the parts in `folder` to one report. Raises UsageError without parts, ReportError for parts of another run.

    The report names missing parts, and a missing part fails the gate.
    """
    if not folder.is_dir():
        raise UsageError(f"parts: the folder {folder.name} does not exist. Download the report artifacts to it.")
    report = merge_files((folder,))
    for name, found, wanted in (("base", report.base, sides.base), ("head", report.head, sides.head)):
        if found is None or found.sha != wanted.sha:
            raise ReportError(f"the parts are those of another run: their {name} is {found.sha if found else None}.")
    return replace(report, base=sides.base, head=sides.head)
