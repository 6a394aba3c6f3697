"""A patch as lines for display in colour and for exact copying."""

from __future__ import annotations

from typing import Any

from weighbridge.report.escape import plain_log_line
from weighbridge.report.html.templates import Visible

_MAXIMUM_PATCH_LINES = 400
_MAXIMUM_PATCH_CHARACTERS = 4_000


def patch_lines(patch: str | None) -> list[dict[str, Any]]:
    """The lines of a patch; tabs stay for copying."""
    lines = (patch or "").removesuffix("\n").split("\n") if patch else []
    return [
        {"kind": _patch_kind(line), "line": Visible("\t".join(map(_patch_text, line.split("\t"))))}
        for line in lines[:_MAXIMUM_PATCH_LINES]
    ]


def _patch_text(part: str) -> str:
    return plain_log_line(part, maximum=_MAXIMUM_PATCH_CHARACTERS)


def _patch_kind(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "place"
    return {"+": "plus", "-": "minus"}.get(line[:1], "")
