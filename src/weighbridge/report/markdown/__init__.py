"""Renders the report as the Markdown comment of a pull request, and as the summary of a job.

Prepares all numbers and words; the templates under ``templates/markdown`` only place them, and cannot print anything
unescaped (see `weighbridge.report.escape`).
"""

from __future__ import annotations

from weighbridge.report.markdown.comment import MAXIMUM_COMMENT_CHARACTERS, comment_marker, render_markdown
from weighbridge.report.markdown.links import ReportLinks

__all__ = ["MAXIMUM_COMMENT_CHARACTERS", "ReportLinks", "comment_marker", "render_markdown"]
