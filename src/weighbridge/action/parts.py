"""The reports of a run on many machines, joined where the run ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from weighbridge.action.commits import Sides
from weighbridge.errors import ReportError, UsageError
from weighbridge.report.files import merge_files
from weighbridge.report.model import Report


def merged_parts(folder: Path, sides: Sides) -> Report:
    """One report of the parts in `folder`. Raises UsageError without any, ReportError for those of another run.

    What is missing among them is named in the report, and closes the gate.
    """
    if not folder.is_dir():
        raise UsageError(f"parts: there is no folder {folder.name}: no job has left a report.")
    report = merge_files((folder,))
    for name, found, wanted in (("base", report.base, sides.base), ("head", report.head, sides.head)):
        if found is None or found.sha != wanted.sha:
            raise ReportError(f"the parts are those of another run: their {name} is {found.sha if found else None}.")
    return replace(report, base=sides.base, head=sides.head)
