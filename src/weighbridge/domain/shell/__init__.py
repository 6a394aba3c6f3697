"""The shell language as values: `parse_script` parses a text into the nodes of `syntax`."""

from __future__ import annotations

from weighbridge.domain.shell.parse import MAX_SCRIPT_BYTES, parse_script
from weighbridge.domain.shell.syntax import Dialect, Script, SyntaxFault

__all__ = ["MAX_SCRIPT_BYTES", "Dialect", "Script", "SyntaxFault", "parse_script"]
