"""The style of numbers: their colour class, the length of their bars, and whether an image starts."""

from __future__ import annotations

from weighbridge.report.model import ImageReport, Status
from weighbridge.report.view.findings import StartSummary, image_starts
from weighbridge.report.view.sizes import percent_text
from weighbridge.report.view.words import ABSENT


def delta_kind(delta: int | None) -> str:
    """The CSS class of a difference."""
    return "" if not delta else "grows" if delta > 0 else "shrinks"


def percent_unless_unchanged(image: ImageReport) -> str:
    """The difference in percent; empty for an image that was not weighed in this run."""
    return "" if image.status is Status.UNCHANGED else percent_text(image)


def starts_pill(image: ImageReport) -> dict[str, str]:
    """Whether an image starts, in words, with the CSS class."""
    return {
        StartSummary.YES: {"kind": "good", "word": "yes"},
        StartSummary.NO_NEW: {"kind": "bad", "word": "no" if image.base is None else "no, new"},
        StartSummary.NO_AS_BEFORE: {"kind": "bad", "word": "no, as before"},
        StartSummary.NOT_CHECKED: {"kind": "warning", "word": "not checked"},
        StartSummary.NOT_KNOWN: {"kind": "", "word": ABSENT},
    }[image_starts(image)]


def bar_share(part: int, whole: int) -> float:
    """`part` in percent of `whole`; every value above zero is wide enough to be visible."""
    return max(0.8, part * 100 / whole) if whole > 0 and part > 0 else 0.0
