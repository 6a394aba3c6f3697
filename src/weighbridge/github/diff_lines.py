"""Finds the lines of a file's new version that accept review comments: those inside the hunks of its diff. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -\d{1,9}(?:,\d{1,9})? \+(\d{1,9})(?:,(\d{1,9}))? @@")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSide:
    """The new side of one hunk: its `lines` in the file from `start_line` (from 1) on."""

    start_line: int
    lines: tuple[str, ...]


def new_sides(patch: str) -> tuple[NewSide, ...]:
    """The new sides of the hunks in a `patch` as the API gives it (hunks without file headers)."""
    found: list[tuple[int, list[str]]] = []
    for line in patch.split("\n"):
        # Within a hunk each line starts with " ", "+", "-" or "\", so "@@" at the start is always a header.
        if (match := _HUNK.match(line)) is not None:
            found.append((int(match[1]), []))
        elif found and line[:1] in {" ", "+"}:
            found[-1][1].append(line[1:])
    return tuple(NewSide(start_line=start, lines=tuple(lines)) for start, lines in found if lines)


def lines_match(sides: Sequence[NewSide], start_line: int, lines: Sequence[str]) -> bool:
    """True if exactly `lines` are at `start_line` within one hunk: a comment cannot span two hunks."""
    for side in sides:
        first = start_line - side.start_line
        if lines and first >= 0 and side.lines[first : first + len(lines)] == tuple(lines):
            return True
    return False
