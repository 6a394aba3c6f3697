"""Reads unified diffs, and finds the lines of a new version that accept review comments: those of a hunk. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunk:
    """One hunk: where it starts on both sides (from 1), and its lines, each with its mark ``" "``, ``+`` or ``-``."""

    old_start: int
    new_start: int
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSide:
    """The new side of one hunk: its `lines` in the file from `start_line` (from 1) on."""

    start_line: int
    lines: tuple[str, ...]


def hunks_of(patch: str) -> tuple[Hunk, ...]:
    """The hunks of a `patch` of one file, with or without its file headers (the API omits them)."""
    found: list[tuple[int, int, list[str]]] = []
    for line in patch.split("\n"):
        # Within a hunk each line starts with " ", "+", "-" or "\", so "@@" at the start is always a header.
        if (match := _HUNK.match(line)) is not None:
            found.append((int(match[1]), int(match[2]), []))
        elif found and line[:1] in {" ", "+", "-"}:
            found[-1][2].append(line)
    return tuple(Hunk(old_start=old, new_start=new, lines=tuple(lines)) for old, new, lines in found)


def new_sides(patch: str) -> tuple[NewSide, ...]:
    """The new sides of the hunks in a `patch` of one file that have lines there."""
    sides = (
        NewSide(start_line=hunk.new_start, lines=tuple(line[1:] for line in hunk.lines if line[0] != "-"))
        for hunk in hunks_of(patch)
    )
    return tuple(side for side in sides if side.lines)


def lines_match(sides: Sequence[NewSide], start_line: int, lines: Sequence[str]) -> bool:
    """True if exactly `lines` are at `start_line` within one hunk: a comment cannot span two hunks."""
    for side in sides:
        first = start_line - side.start_line
        if lines and first >= 0 and side.lines[first : first + len(lines)] == tuple(lines):
            return True
    return False
