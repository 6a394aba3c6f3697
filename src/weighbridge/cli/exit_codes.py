"""The exit codes as the end of each command's help."""

from __future__ import annotations

from weighbridge.errors import EXIT_CODE_MEANING

EXIT_CODES = "\n".join(["\b", "Exit codes:", *(f"  {code:3d}  {text}" for code, text in EXIT_CODE_MEANING.items())])
"""The end of each command's help."""
