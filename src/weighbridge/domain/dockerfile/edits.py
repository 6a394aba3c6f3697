"""Edits of a text: applies them, or shows them as a unified diff for ``git apply``. Linear in the size of the text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_CONTEXT_LINES = 3
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"}


class Edit(NamedTuple):
    """Replace the characters from `start` up to `end` of the text; an insertion has ``start == end``."""

    start: int
    end: int
    replacement: str


class _Region(NamedTuple):
    """Lines `first` up to `last` (counted from 0, `last` excluded), and their replacement `after`."""

    first: int
    last: int
    after: tuple[str, ...]


class EditSet:
    """Compatible edits. Each addition is accepted or rejected as a whole; equal edits count once."""

    def __init__(self) -> None:
        self._edits: list[Edit] = []

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The accepted edits, in the text's order."""
        return tuple(self._edits)

    def add(self, edits: Iterable[Edit]) -> bool:
        """Add `edits`, unless one of them overlaps an accepted one. True if they were added."""
        new = []
        for edit in edits:
            at = bisect_left(self._edits, edit.start, key=lambda one: one.start)
            neighbours = self._edits[max(at - 1, 0) : at + 1]
            if edit in neighbours:
                continue
            if any(edit.start <= other.end and other.start <= edit.end for other in neighbours):
                return False
            new.append(edit)
        for edit in new:
            insort(self._edits, edit, key=lambda one: one.start)
        return True


def compatible(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits in order, without duplicates; of two that overlap or insert at the same place, the first stays."""
    chosen: list[Edit] = []
    for edit in sorted(dict.fromkeys(edits), key=lambda one: (one.start, one.end)):
        if not chosen or edit.start > chosen[-1].end or (edit.start == chosen[-1].end and edit.start < edit.end):
            chosen.append(edit)
    return tuple(chosen)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` after applying the compatible ones of `edits`."""
    parts = []
    position = 0
    for edit in compatible(edits):
        parts += [text[position : edit.start], edit.replacement]
        position = edit.end
    return "".join([*parts, text[position:]])


def unified_diff(path: str, text: str, edits: Iterable[Edit]) -> str:
    """The edits as a unified diff of the file `path`, ending in a newline; empty if nothing changes.

    `text` must not be empty; a Dockerfile never is.
    """
    lines = _split_at_newlines(text)
    regions = _regions(lines, compatible(edits))
    if not regions:
        return ""
    name = path.lstrip("/")
    diff = [f"--- {_quoted('a/' + name)}\n", f"+++ {_quoted('b/' + name)}\n"]
    shift = 0
    for group in _grouped(regions):
        first = max(group[0].first - _CONTEXT_LINES, 0)
        last = min(group[-1].last + _CONTEXT_LINES, len(lines))
        growth = sum(len(region.after) - (region.last - region.first) for region in group)
        before_range = _range(first, last - first)
        diff.append(f"@@ -{before_range} +{_range(first + shift, last - first + growth)} @@\n")
        position = first
        for region in group:
            diff += [_marked(" ", line) for line in lines[position : region.first]]
            diff += [_marked("-", line) for line in lines[region.first : region.last]]
            diff += [_marked("+", line) for line in region.after]
            position = region.last
        diff += [_marked(" ", line) for line in lines[position:last]]
        shift += growth
    return "".join(diff)


def diff_of_empty(path: str, lines: Sequence[str], *, is_new: bool) -> str:
    """The unified diff that writes `lines` to the file `path`, which is empty or does not exist (`is_new`)."""
    name = path.lstrip("/")
    before = "/dev/null" if is_new else _quoted("a/" + name)
    added = "".join(f"+{line}\n" for line in lines)
    return f"--- {before}\n+++ {_quoted('b/' + name)}\n@@ -0,0 +{_range(0, len(lines))} @@\n{added}"


def _split_at_newlines(text: str) -> list[str]:
    r"""The lines of `text` as git sees them: only ``\n`` ends one."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _regions(lines: Sequence[str], edits: Sequence[Edit]) -> list[_Region]:
    """The runs of lines that the edits change, without unchanged lines at their ends."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    regions: list[_Region] = []
    index = 0
    while index < len(edits):
        first = min(bisect_right(starts, edits[index].start) - 1, len(lines) - 1)
        last = first + 1
        inside: list[Edit] = []
        # The end of the text belongs to its last line, which may lack a newline.
        while index < len(edits) and (not inside or edits[index].start < starts[last] or last == len(lines)):
            inside.append(edits[index])
            while starts[last] < edits[index].end:
                last += 1
            index += 1
        offset = starts[first]
        moved = [
            Edit(start=edit.start - offset, end=edit.end - offset, replacement=edit.replacement) for edit in inside
        ]
        after = _split_at_newlines(apply_edits("".join(lines[first:last]), moved))
        while after and first < last and lines[first] == after[0]:
            first, after = first + 1, after[1:]
        while after and first < last and lines[last - 1] == after[-1]:
            last, after = last - 1, after[:-1]
        if after or first < last:
            regions.append(_Region(first=first, last=last, after=tuple(after)))
    return regions


def _grouped(regions: Sequence[_Region]) -> list[list[_Region]]:
    """Group the regions into hunks: regions whose context lines would touch share a hunk."""
    groups = [[regions[0]]]
    for region in regions[1:]:
        if region.first - groups[-1][-1].last <= 2 * _CONTEXT_LINES:
            groups[-1].append(region)
        else:
            groups.append([region])
    return groups


def _range(first: int, count: int) -> str:
    return f"{first + 1 if count else first},{count}"


def _marked(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _quoted(path: str) -> str:
    """`path` as git writes it in a diff: quoted if it contains special characters."""
    if path.isascii() and path.isprintable() and '"' not in path and "\\" not in path:
        return path
    escaped = "".join(_ESCAPES.get(character, character) for character in path)
    return '"' + "".join(one if one.isprintable() and one.isascii() else _octal(one) for one in escaped) + '"'


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
