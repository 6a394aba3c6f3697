"""The image on other bases as rows of a table."""

from __future__ import annotations

from typing import Any

from weighbridge.report.html.figures import bar_share
from weighbridge.report.html.patch import patch_lines
from weighbridge.report.html.templates import prose
from weighbridge.report.model import ImageReport, LadderRow
from weighbridge.report.units import format_bytes
from weighbridge.report.view.ladder import ladder_download, ladder_headline, ladder_lost, ladder_rows, ladder_tools
from weighbridge.report.view.words import ABSENT


def ladder_table(image: ImageReport) -> dict[str, Any] | None:
    """The image on other bases, and which could not be built; None where there is no other."""
    title = ladder_headline(image)
    if title is None:
        return None
    built, others = ladder_rows(image)
    largest = max((row.unpacked_bytes or 0 for row in built), default=0)
    return {
        "title": title,
        "rows": [_ladder_row(row, largest) for row in built],
        "others": [{"name": row.name, "outcome": row.outcome, "reason": prose(row.reason or "")} for row in others],
    }


def _ladder_row(row: LadderRow, largest: int) -> dict[str, Any]:
    starts = {"yes": ("yes", "good"), "no": ("no", "bad")}.get(row.starts or "", ("not checked", ""))
    return {
        "name": row.name,
        "is_other": row.outcome != "as it is",
        "unpacked": format_bytes(row.unpacked_bytes),
        "download": ladder_download(row),
        "starts": {"word": starts[0], "kind": starts[1]},
        "reason": row.reason or "",
        "trial": row.trial.message if row.trial else "",
        "shell": "yes" if row.shell else "no",
        "tools": ladder_tools(row),
        "lost": ladder_lost(row) or ABSENT,
        "patch": patch_lines(row.patch),
        "kind": "",
        "base_share": 0.0,
        "head_share": bar_share(row.unpacked_bytes or 0, largest),
    }
