"""The report on a terminal: tables with bars, in colour where there is colour, plain text where there is none.

Every text of the report is put into a `rich.text.Text`, which has no markup, after `weighbridge.report.escape.visible`
has taken escape sequences and control characters out of it.
"""

from __future__ import annotations

from weighbridge.report.terminal.comparison import render_table
from weighbridge.report.terminal.inspection import render_inspect

__all__ = ["render_inspect", "render_table"]
