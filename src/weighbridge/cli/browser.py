"""Opens the interactive browser, whose library is an optional install."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.explore.subject import BrowsedImage


def check_browser() -> None:
    """Raises UsageError if the browser cannot run, before an image is read."""
    if importlib.util.find_spec("textual") is None:
        raise UsageError("The browser needs Textual. Run: pip install 'weighbridge[explore]'")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The browser needs a terminal. Use `inspect` or `compare` for a report.")


def browse(subject: BrowsedImage) -> None:
    """Shows `subject` until the user ends the browser."""
    from weighbridge.explore.app import run_browser  # noqa: PLC0415 - Textual is optional, and slow to load

    run_browser(subject)
