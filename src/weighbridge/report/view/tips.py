"""The tips of a report, their combined saving, and the layers that images could share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.tips.tip import Basis
from weighbridge.report.model import CombinedTips, DroppedTip, ImageReport, MeasuredEarlier, Report, TipReport
from weighbridge.report.units import format_bytes
from weighbridge.report.view.sizes import sizes_text
from weighbridge.report.view.verdict import sorted_images
from weighbridge.report.view.words import bytes_text, plural

BASIS_IN_WORDS = {
    Basis.REBUILT: "built and measured",
    Basis.COMPUTED: "computed from the layers",
    Basis.UPPER_BOUND: "at most, computed",
    Basis.UNKNOWN: "not measured",
}

PENDING_TIPS = "Tips are being measured. They never change the verdict, and appear here when they are done."
"""Shown instead of tips while `Report.tips_pending`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageTip:
    """A tip with its image."""

    image: ImageReport
    tip: TipReport


def sorted_tips(report: Report) -> list[ImageTip]:
    """All tips of all images: those that the change introduces first, then by saving, unmeasured ones last."""
    found = [ImageTip(image=image, tip=tip) for image in sorted_images(report) for tip in image.tips]
    return sorted(
        found,
        key=lambda each: (
            not each.tip.introduced,
            -(each.tip.saved_bytes if each.tip.saved_bytes is not None else -1),
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cure:
    """A built patch with which an image starts that does not start without it; `name` is a tip's code or a base."""

    name: str
    line: int | None
    after_bytes: int | None


def cure_of(image: ImageReport) -> Cure | None:
    """The cure of a failed start that was built and checked: a tip, otherwise the smallest base that starts."""
    if image.head is None or image.head.start is None or image.head.start.outcome != "no":
        return None
    for tip in image.tips:
        if tip.cures_start:
            return Cure(name=tip.code, line=tip.line, after_bytes=tip.after_bytes)
    started = [row for row in image.ladder if row.outcome == "built" and row.starts == "yes" and row.patch]
    if not started:
        return None
    best = min(started, key=lambda row: row.unpacked_bytes or 0)
    return Cure(name=best.name, line=None, after_bytes=best.unpacked_bytes)


def cure_text(cure: Cure) -> str:
    """The cure in a sentence, ``With `build-static` (line 4) it starts: built, checked, 6.5 MB.``."""
    line = f" (line {cure.line})" if cure.line is not None else ""
    return f"With `{cure.name}`{line} it starts: built, checked, {format_bytes(cure.after_bytes)}."


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltPatch:
    """A patch that was built and measured: of one tip, or of several together."""

    image: ImageReport
    codes: tuple[str, ...]
    saved_bytes: int
    before_bytes: int
    after_bytes: int
    patch: str


def built_patches(report: Report) -> list[BuiltPatch]:
    """All patches that were built, largest saving first."""
    found = [each for image in report.images for each in _patches_of(image)]
    return sorted(found, key=lambda each: (-each.saved_bytes, each.image.name))


def _patches_of(image: ImageReport) -> Iterator[BuiltPatch]:
    if image.combined is not None and image.combined.patch:
        yield BuiltPatch(
            image=image,
            codes=image.combined.codes,
            saved_bytes=image.combined.saved_bytes,
            before_bytes=image.combined.before_bytes,
            after_bytes=image.combined.after_bytes,
            patch=image.combined.patch,
        )
    for tip in image.tips:
        measured = tip.saved_bytes is not None and tip.before_bytes is not None and tip.after_bytes is not None
        if tip.basis is Basis.REBUILT and tip.patch and measured:
            yield BuiltPatch(
                image=image,
                codes=(tip.code,),
                saved_bytes=tip.saved_bytes or 0,
                before_bytes=tip.before_bytes or 0,
                after_bytes=tip.after_bytes or 0,
                patch=tip.patch,
            )


def tips_headline(found: Sequence[ImageTip]) -> str:
    """``3 tips to make these images smaller; the best saves 41.2 MB, built and measured``.

    Savings are not added up, because two tips may save the same bytes. If patches of one image were built together,
    their measured total is used instead.
    """
    count = len(found)
    images = {each.image.name: each.image for each in found}
    head = f"{count} {plural(count, 'tip')} to make {'this image' if len(images) == 1 else 'these images'} smaller"
    if any(image.combined for image in images.values()):
        saved_bytes = sum(_best_measured(image) for image in images.values())
        return f"{head}; the compatible ones save {format_bytes(saved_bytes)} together, built and measured"
    best = found[0].tip
    if best.saved_bytes is None:
        return head
    how = BASIS_IN_WORDS[best.basis]
    return f"{head}; {'it' if count == 1 else 'the best'} saves {format_bytes(best.saved_bytes)}, {how}"


def _best_measured(image: ImageReport) -> int:
    """The saving of an image's built patches: together, otherwise of the best one; 0 without any."""
    if image.combined is not None:
        return image.combined.saved_bytes
    return max((tip.saved_bytes or 0 for tip in image.tips if tip.basis is Basis.REBUILT), default=0)


def basis_text(tip: TipReport) -> str:
    """The basis of a tip's saving, and why its patch was not built, if so."""
    basis = BASIS_IN_WORDS[tip.basis] + earlier_text(tip.measured)
    return basis if tip.not_built is None else f"{basis}; the patch was not built: {tip.not_built}"


def earlier_text(measured: MeasuredEarlier | None) -> str:
    """The earlier run that measured, to follow "measured"; empty for this run."""
    if measured is None:
        return ""
    content = "same content" if measured.same_content else "copied files have changed since"
    return f" at {measured.commit[:7]} on {measured.at[:10]} ({content})"


def together_text(combined: CombinedTips) -> str:
    """``both`` or ``all 3``, for the number of combined tips; precedes their saving."""
    return "both" if len(combined.codes) == 2 else f"all {len(combined.codes)}"


def shown_rejections(image: ImageReport) -> list[DroppedTip]:
    """The patches that do not work; omits those that only save too little."""
    return [one for one in image.dropped_tips if one.ground != "saves too little"]


def shared_headline(report: Report) -> str:
    """``2 things these images could share; the best saves 41.2 MB on a node that has them all, exact``."""
    found = report.shared_tips
    best = found[0]
    count = len(found)
    return (
        f"{count} {plural(count, 'thing')} that images could share; {'it' if count == 1 else 'the best'} saves"
        f" {format_bytes(best.saved_bytes)} on a node that has them all, {BASIS_IN_WORDS[best.basis]}"
    )


def saving_text(tip: TipReport) -> str:
    """The saving of a tip; "≤" precedes an upper bound."""
    at_most = "≤ " if tip.basis is Basis.UPPER_BOUND and tip.saved_bytes is not None else ""
    return at_most + bytes_text(tip.saved_bytes)


def measured_text(tip: TipReport) -> str:
    """``105.4 → 64.2 MB``; empty if it was not measured."""
    if tip.before_bytes is None or tip.after_bytes is None or tip.basis is Basis.UPPER_BOUND:
        return ""
    return sizes_text(tip.before_bytes, tip.after_bytes)


def measured_together_text(combined: CombinedTips) -> str:
    """The same for a combination, which is always measured."""
    return sizes_text(combined.before_bytes, combined.after_bytes) + earlier_text(combined.measured)
