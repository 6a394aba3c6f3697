"""Renders the report as one self-contained HTML file: no network, no external script, font or image.

All values are computed here. The template is autoescaped, and invisible characters (control characters, bidirectional
overrides) are made visible first, so a file name can neither become markup nor mislead a reader.
"""

from __future__ import annotations

from weighbridge.report.html.page import render_html

__all__ = ["render_html"]
