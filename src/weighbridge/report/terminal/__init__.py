"""Renders the report on a terminal: tables with bars, in colour if supported, otherwise plain text.

Every text of the report becomes a `rich.text.Text`, which has no markup, after `weighbridge.report.escape.visible` has
removed escape sequences and control characters.
"""

from __future__ import annotations

from weighbridge.report.terminal.comparison import render_table
from weighbridge.report.terminal.inspection import render_inspect

__all__ = ["render_inspect", "render_table"]
