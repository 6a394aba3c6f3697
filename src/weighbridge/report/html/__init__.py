"""The report as one HTML file that needs nothing else: no network, no script, no font, no picture file.

Everything is placed and counted here. The template is autoescaped, and what it prints has been made visible before
(control characters, bidirectional overrides), so a file name cannot become markup or mislead a reader.
"""

from __future__ import annotations

from weighbridge.report.html.page import render_html

__all__ = ["render_html"]
