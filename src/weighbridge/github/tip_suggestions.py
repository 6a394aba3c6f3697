"""Converts a report's tips to suggested changes, which a reviewer can apply with one click. Pure.

Only measured tips become suggestions, and only patches of one run of lines in one file: GitHub applies each suggestion
separately, so half of a change that needs two places would break the Dockerfile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.tips.tip import Basis
from weighbridge.github.diff_lines import hunks_of
from weighbridge.github.suggestions import Suggestion
from weighbridge.report.escape import code, figure, prose
from weighbridge.report.model import ImageReport, Report, TipReport
from weighbridge.report.units import format_bytes, format_delta

_NEW = "+++ "


@dataclass(frozen=True, kw_only=True, slots=True)
class LineChange:
    """Replace the lines `old` at `start_line` (from 1) of `path` by `new`."""

    path: str
    start_line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def suggestions_of(report: Report) -> tuple[Suggestion, ...]:
    """The suggestions of a report, largest saving first. Images of one Dockerfile share equal suggestions.

    Of several suggestions for the same lines, only the largest remains: the others would not apply after it.
    """
    found: dict[LineChange, tuple[int, Suggestion]] = {}
    for image in report.images:
        for tip in image.tips:
            change = _change_of(image, tip)
            if change is not None and change not in found:
                found[change] = (tip.saved_bytes or 0, _suggestion(image, tip, change))
    chosen: list[Suggestion] = []
    for _, suggestion in sorted(found.values(), key=lambda item: -item[0]):
        if not any(_overlap(suggestion, other) for other in chosen):
            chosen.append(suggestion)
    return tuple(chosen)


def _overlap(one: Suggestion, other: Suggestion) -> bool:
    same_file = one.path == other.path
    return same_file and one.start_line <= other.end_line and other.start_line <= one.end_line


def single_change(patch: str) -> LineChange | None:
    """The one run of changed lines in a unified diff; ``None`` if it has several, or is not a unified diff.

    A pure insertion also replaces an adjacent line by itself, because a suggestion needs an existing line. The line
    number refers to the old side, the version that the patch was made for.
    """
    headers = [line for line in patch.split("\n") if line.startswith(_NEW)]
    hunks = hunks_of(patch)
    if len(headers) != 1 or len(hunks) != 1 or "\r" in patch:
        return None
    path = headers[0].removeprefix(_NEW).partition("\t")[0].removeprefix("b/")
    marked = hunks[0].lines
    changed = [index for index, line in enumerate(marked) if line[0] != " "]
    if not changed or not path or path == "/dev/null":
        return None
    first, last = changed[0], changed[-1]
    if all(line[0] == "+" for line in marked[first : last + 1]):
        # An insertion: include the adjacent line, preferably the one before.
        if first > 0:
            first -= 1
        elif last + 1 < len(marked):
            last += 1
        else:
            return None
    run = marked[first : last + 1]
    return LineChange(
        path=path,
        start_line=hunks[0].old_start + sum(line[0] != "+" for line in marked[:first]),
        old=tuple(line[1:] for line in run if line[0] != "+"),
        new=tuple(line[1:] for line in run if line[0] != "-"),
    )


def _change_of(image: ImageReport, tip: TipReport) -> LineChange | None:
    """The change of a tip to the image's own Dockerfile; ``None`` if it cannot become a suggestion."""
    if tip.measured is not None and not tip.measured.same_content:
        return None  # measured with other files than those of this pull request
    if tip.patch is None or tip.basis is not Basis.REBUILT or not tip.saved_bytes or tip.saved_bytes < 0:
        return None
    change = single_change(tip.patch)
    return change if change is not None and change.path == image.dockerfile else None


def _suggestion(image: ImageReport, tip: TipReport, change: LineChange) -> Suggestion:
    return Suggestion(
        path=change.path,
        start_line=change.start_line,
        replaced=change.old,
        replacement="\n".join(change.new),
        explanation="".join(_explained(image, tip)),
    )


def _explained(image: ImageReport, tip: TipReport) -> Iterator[str]:
    saved = figure(format_delta(-(tip.saved_bytes or 0)))
    yield f"💡 **{saved}** for {code(image.name, maximum=80)}: {prose(tip.explanation)}\n\n"
    yield "<sub>Weighbridge built this change and measured it"
    if tip.before_bytes is not None and tip.after_bytes is not None:
        yield f": {figure(format_bytes(tip.before_bytes))} → {figure(format_bytes(tip.after_bytes))}"
    yield f" ({code(tip.code, maximum=80)}).</sub>"
