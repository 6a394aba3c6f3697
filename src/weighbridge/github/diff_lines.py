"""Which lines of the new version of a file a reviewer can comment on: those inside the hunks of its diff. Pure."""

from __future__ import annotations

import re

_HUNK = re.compile(r"@@ -\d{1,9}(?:,\d{1,9})? \+(\d{1,9})(?:,(\d{1,9}))? @@")


def commentable_lines(patch: str) -> tuple[range, ...]:
    """The line ranges of the new side, one a hunk, of a `patch` as the API gives it (hunks without file headers)."""
    ranges: list[range] = []
    for line in patch.split("\n"):
        # Within a hunk each line starts with " ", "+", "-" or "\", so "@@" at the start is a header and nothing else.
        if (match := _HUNK.match(line)) is not None:
            start, count = int(match[1]), int(match[2]) if match[2] is not None else 1
            if count:
                ranges.append(range(start, start + count))
    return tuple(ranges)


def in_one_hunk(ranges: tuple[range, ...], start_line: int, end_line: int) -> bool:
    """Whether the lines from start to end, both included, lie within one hunk: a comment cannot span two."""
    return start_line <= end_line and any(start_line in lines and end_line in lines for lines in ranges)
