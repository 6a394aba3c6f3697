"""The image on other bases as rows of a table."""

from __future__ import annotations

from typing import Any

from weighbridge.report.escape import visible
from weighbridge.report.html.figures import bar_share
from weighbridge.report.html.patch import patch_lines
from weighbridge.report.html.templates import prose
from weighbridge.report.model import ImageReport, LadderRow
from weighbridge.report.units import format_bytes
from weighbridge.report.view.ladder import ladder_download, ladder_headline, ladder_lost, ladder_rows, ladder_tools
from weighbridge.report.view.words import ABSENT

_CHART_WIDTH = 760
_NAMES_WIDTH = 230
_SIZES_WIDTH = 190
_ROW_HEIGHT = 24


def ladder_table(image: ImageReport) -> dict[str, Any] | None:
    """The image on other bases, and the bases that could not be built; None without other bases."""
    title = ladder_headline(image)
    if title is None:
        return None
    built, others = ladder_rows(image)
    largest = max((row.unpacked_bytes or 0 for row in built), default=0)
    return {
        "title": title,
        "width": _CHART_WIDTH,
        "height": _ROW_HEIGHT * len(built),
        "bars": [_bar(number, row, largest) for number, row in enumerate(built)],
        "rows": [_ladder_row(row, largest) for row in built],
        "others": [{"name": row.name, "outcome": row.outcome, "reason": prose(row.reason or "")} for row in others],
    }


def _bar(number: int, row: LadderRow, largest: int) -> dict[str, Any]:
    """A bar of the chart: its length is the size, its colour tells whether the image starts; both are also in words."""
    length = bar_share(row.unpacked_bytes or 0, largest) * (_CHART_WIDTH - _NAMES_WIDTH - _SIZES_WIDTH) / 100
    word = {"yes": "starts", "no": "does not start"}.get(row.starts or "", "start not checked")
    y = number * _ROW_HEIGHT + 4
    return {
        "name": visible(row.name, maximum=30),
        "kind": {"yes": "good", "no": "bad"}.get(row.starts or "", "unknown"),
        "size": f"{format_bytes(row.unpacked_bytes)}, {word}",
        "label_x": _NAMES_WIDTH - 8,
        "x": _NAMES_WIDTH,
        "y": y,
        "text_y": y + 12,
        "width": length,
        "size_x": _NAMES_WIDTH + length + 8,
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
