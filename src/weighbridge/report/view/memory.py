"""Measurements of earlier runs: cached bases, the ratchet, the sizes on the default branch."""

from __future__ import annotations

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport, ImageSide, Report
from weighbridge.report.units import format_bytes, format_delta, sparkline
from weighbridge.report.view.words import enumerate_words, plural

_MOVED_IMAGES = 3


def memory_text(side: ImageSide | None) -> str | None:
    """The source of base's figures if an earlier run measured them, and the images that moved since."""
    if side is None or side.measured_at is None:
        return None
    when = visible(side.measured_at, maximum=40).replace("T", " ")[:16]
    said = f"Base was measured by an earlier run ({when} UTC) and not built again"
    if not side.moved_images:
        return f"{said}; packages and URLs may have changed since."
    names = enumerate_words(visible(name, maximum=100) for name in side.moved_images[:_MOVED_IMAGES])
    more = len(side.moved_images) - _MOVED_IMAGES
    return f"{said}; since then moved: {names}{f' and {more} more' if more > 0 else ''}."


def memory_summary(report: Report) -> str | None:
    """The number of bases that were not built, and the age of their figures; None if all were built."""
    dates = sorted(image.base.measured_at for image in report.images if image.base and image.base.measured_at)
    if not dates:
        return None
    bases = f"{len(dates)} {plural(len(dates), 'base')} measured earlier"
    first, last = dates[0][:10], dates[-1][:10]
    return f"{bases} ({first})" if first == last else f"{bases} ({first} to {last})"


def ratchet_text(image: ImageReport) -> str | None:
    """``Since v1.0: +12.3 MB in all (limit +20%).``; None without a ratchet."""
    found = image.ratchet
    if found is None:
        return None
    since, limit = visible(found.since, maximum=100), visible(found.limit, maximum=100)
    if found.baseline_bytes is None or image.head is None:
        why = visible(found.reason or "the size there is unknown", maximum=200)
        return f"The limit {limit} since {since} was not checked: {why}."
    return f"Since {since}: {format_delta(image.head.unpacked_bytes - found.baseline_bytes)} in all (limit {limit})."


def trend_text(image: ImageReport) -> str | None:
    """The sizes on the default branch as a sparkline, followed by head's; None for fewer than two sizes."""
    sizes = trend_sizes(image)
    if len(sizes) < 2:
        return None
    return f"Trend: {sparkline(sizes)} ({format_bytes(sizes[0])} to {format_bytes(sizes[-1])}, the last one is head)."


def trend_sizes(image: ImageReport) -> list[int]:
    """The sizes of the image on the default branch, oldest first, and head's size; empty without a history."""
    if not image.history or image.head is None:
        return []
    return [*(point.unpacked_bytes for point in image.history), image.head.unpacked_bytes]
