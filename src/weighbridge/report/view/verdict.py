"""The whole report: the order of its images, their changes, and why the gate fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.report.model import ImageReport, Reason, Report, Revision, Status
from weighbridge.report.units import format_bytes
from weighbridge.report.view.findings import new_findings, start_errors
from weighbridge.report.view.limits import over_limit_text
from weighbridge.report.view.sizes import image_delta
from weighbridge.report.view.words import plural

STATUS_ORDER = (Status.FAILED, Status.CHANGED, Status.ADDED, Status.REMOVED, Status.UNCHANGED, Status.SKIPPED)
"""The order of images: those that need attention come first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """The sum of the known differences, and the number of images that could not be weighed."""

    delta_bytes: int
    not_known: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """A part of the verdict on one image: its name, its problem, and the first reason of this kind."""

    image: str
    what: str
    reason: Reason


_RULE_IN_WORDS = {
    "max-increase": "is over its limit",
    "max-size": "is over its limit",
    "max-new-size": "is over the limit for new images",
    "max-own-increase": "is over its limit for own files",
    "max-dependency-increase": "is over its limit for dependencies",
    "max-base-image-increase": "is over its limit for the base image",
    "max-download-size": "is over its limit for the download",
    "max-download-increase": "is over its limit for the download",
    "max-wasted": "is over its limit for wasted bytes",
    "max-layers": "is over its limit for layers",
    "budget": "is over its budget",
    "tip": "adds bytes that a tip saves",
    "not-checked": "could not be checked against its limit",
    "ratchet": "is over its ratchet",
    "check": "will not start",
    "build": "could not be built",
    "unreadable": "could not be read",
    "unavailable": "could not be weighed",
    "defect": "met a defect in Weighbridge",
}
_LIMIT_WORDS = {
    "max-increase": "{}",
    "max-size": "{}",
    "max-new-size": "{}",
    "ratchet": "{}",
    "max-own-increase": "{} by own files",
    "max-dependency-increase": "{} by dependencies",
    "max-base-image-increase": "{} by the base image",
    "max-download-size": "{} to download",
    "max-download-increase": "{} to download",
    "max-wasted": "{} wasted",
    "max-layers": "{}",
}
"""A limit in a few words, behind "over"."""
_CHANGE_WORDS = ("grew", "shrank", "added", "removed", "not weighed", "changed without a change in size")


def sorted_images(report: Report) -> list[ImageReport]:
    """The images as listed: broken, over a limit, by `STATUS_ORDER`; then the largest difference, then the name."""
    blamed = {reason.image for reason in report.verdict.reasons}
    broken = {reason.image for reason in report.verdict.reasons if reason.rule in {"check", "build"}}

    def rank(image: ImageReport) -> tuple[int, int, str]:
        status = -2 if image.name in broken else -1 if image.name in blamed else STATUS_ORDER.index(image.status)
        return status, -abs(image_delta(image) or 0), image.name

    return sorted(report.images, key=rank)


def is_quiet(report: Report) -> bool:
    """True if there is nothing to report: the gate passes and no image changed, failed or has a new finding."""
    return (
        report.verdict.passed
        and not report.verdict.reasons
        and all(image.status in {Status.UNCHANGED, Status.SKIPPED} for image in report.images)
        and not any(image.failures or new_findings(image) for image in report.images)
    )


def is_inspection(report: Report) -> bool:
    """True if the report compares nothing: no base revision and no image with a base, as for ``inspect``."""
    return report.base is None and bool(report.images) and all(image.base is None for image in report.images)


def nothing_weighed_text(report: Report) -> str | None:
    """``nothing was weighed: 2 images skipped``; ``None`` unless there are images and all are skipped."""
    count = len(report.images)
    if not count or any(image.status is not Status.SKIPPED for image in report.images):
        return None
    return f"nothing was weighed: {count} {plural(count, 'image')} skipped"


def known_total(report: Report) -> Total:
    """See `Total`."""
    known = [delta for image in report.images if (delta := image_delta(image)) is not None]
    missing = sum(
        image_delta(image) is None and image.status not in {Status.UNCHANGED, Status.SKIPPED} for image in report.images
    )
    return Total(delta_bytes=sum(known), not_known=missing)


def counts_text(report: Report) -> str:
    """The number of images per change: ``1 of 3 images grew, 1 shrank``."""
    count = len(report.images)
    if count == 0:
        return "no images"
    seen = Counter(_change_word(image) for image in report.images)
    deeds = [(seen[deed], deed) for deed in _CHANGE_WORDS if seen[deed]]
    if not deeds:
        return f"{count} {plural(count, 'image')}"
    (first_count, first), *rest = deeds
    head = f"{first_count} of {count} images {first}" if count > 1 else f"1 image {first}"
    return ", ".join([head, *(f"{number} {deed}" for number, deed in rest)])


def _change_word(image: ImageReport) -> str:
    delta = image_delta(image)
    match image.status:
        case Status.ADDED:
            return "added"
        case Status.REMOVED:
            return "removed"
        case Status.FAILED:
            return "not weighed"
        case Status.SKIPPED:
            return "skipped"
        case Status.UNCHANGED:
            return "unchanged"
        case Status.CHANGED if delta is None:
            return "not weighed"
        case Status.CHANGED if delta == 0:
            return "changed without a change in size"
        case _:
            return "grew" if (delta or 0) > 0 else "shrank"


def verdict_word(report: Report) -> Literal["passed", "overridden", "failed"]:
    """The verdict in a word; "overridden" if an override made it pass."""
    if not report.verdict.passed:
        return "failed"
    return "overridden" if report.verdict.reasons else "passed"


def rule_in_words(rule: str) -> str:
    """What is wrong with an image that breaks a rule of the verdict: ``is over its limit``."""
    return _RULE_IN_WORDS.get(rule, f"breaks {rule}")


def verdict_clauses(report: Report) -> list[Clause]:
    """The verdict as clauses, one per image and kind of reason, in the order of the report."""
    found: dict[tuple[str, str], Clause] = {}
    images = {image.name: image for image in report.images}
    for reason in report.verdict.reasons:
        what = rule_in_words(reason.rule)
        if reason.rule == "check" and not _is_start(images.get(reason.image), reason):
            what = "has a failed check"
        if reason.rule == "budget" and reason.actual_bytes is None:
            what = "has a budget that was not checked"
        found.setdefault((reason.image, what), Clause(image=reason.image, what=what, reason=reason))
    return list(found.values())


def _is_start(image: ImageReport | None, reason: Reason) -> bool:
    return image is not None and any(finding.code == reason.limit for finding in start_errors(image))


def broken_limits(report: Report) -> dict[str, str]:
    """The exceeded limits as configured, by image name."""
    return _limits_of(report.verdict.reasons)


def soft_limits(report: Report) -> dict[str, str]:
    """The exceeded soft limits as configured, by image name."""
    return _limits_of(report.verdict.warnings)


def _limits_of(reasons: Sequence[Reason]) -> dict[str, str]:
    found: dict[str, str] = {}
    for reason in reasons:
        if reason.limit and reason.rule in _LIMIT_WORDS:
            found.setdefault(reason.image, _LIMIT_WORDS[reason.rule].format(reason.limit))
    return found


def reason_text(reason: Reason) -> str:
    """One reason as a sentence without its subject, with sizes in the report's units."""
    if reason.rule == "max-increase" and reason.limit is not None and reason.actual_bytes is not None:
        how = " when it is built as base defines it" if "as base defines it" in reason.message else ""
        return f"grew by {format_bytes(reason.actual_bytes)}{how}; its limit is {reason.limit}"
    if reason.rule == "ratchet" and reason.limit is not None and reason.actual_bytes is not None:
        return f"has grown by {format_bytes(reason.actual_bytes)} in all; its limit is {reason.limit}"
    if reason.rule == "max-size" and reason.limit is not None and reason.actual_bytes is not None:
        return f"weighs {format_bytes(reason.actual_bytes)}; its limit is {reason.limit}"
    if reason.rule == "budget" and reason.limit is not None and reason.actual_bytes is not None:
        if reason.limit.startswith("+"):
            return f"grew by {format_bytes(reason.actual_bytes)} in all; the budget is {reason.limit}"
        return f"weighs {format_bytes(reason.actual_bytes)} in all; the budget is {reason.limit}"
    # A failed build says its image and side, which the reader of a reason already has.
    sentence = re.sub(r"^(?:base|head): ", "", reason.message.removeprefix(f"{reason.image} "))
    return over_limit_text(reason) or sentence


def blamed_images(report: Report) -> set[str]:
    """The images that fail the job; none if it passes."""
    return set() if report.verdict.passed else {reason.image for reason in report.verdict.reasons}


def named_sides(report: Report) -> list[tuple[str, Revision]]:
    """``base`` and ``head`` with their revisions, if the report has them."""
    return [(name, side) for name, side in (("base", report.base), ("head", report.head)) if side is not None]
