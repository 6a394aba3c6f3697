"""The sizes of an image on each side, and their change."""

from __future__ import annotations

from weighbridge.report.model import ImageReport, ImageSide, Status
from weighbridge.report.units import format_bytes, format_delta, format_percent, percent
from weighbridge.report.view.words import ABSENT, bytes_text


def image_delta(image: ImageReport) -> int | None:
    """Head minus base in unpacked bytes; None if unknown."""
    return image.delta.unpacked_bytes


def unpacked_text(side: ImageSide | None) -> str:
    """The size of a side, if it exists."""
    return bytes_text(None if side is None else side.unpacked_bytes)


def estimated_text(value: int | None, *, estimated: bool) -> str:
    """A compressed size; "≈" precedes an estimate."""
    return f"{'≈ ' if estimated and value is not None else ''}{format_bytes(value)}"


def download_text(side: ImageSide | None) -> str:
    """The compressed size of a side; "≈" precedes an estimate (computed here, not stored by the builder)."""
    return ABSENT if side is None else estimated_text(side.download_bytes, estimated=side.download_estimated)


def upgrade_text(image: ImageReport) -> str:
    """The bytes that a node with base pulls for head."""
    return ABSENT if image.base is None or image.head is None else format_bytes(image.delta.upgrade_bytes)


def change_text(image: ImageReport) -> str:
    """The difference; otherwise whether it is unknown or was not measured."""
    delta = image_delta(image)
    if delta is None:
        return ABSENT if image.status in {Status.UNCHANGED, Status.SKIPPED} else "not known"
    return format_delta(delta)


def percent_text(image: ImageReport) -> str:
    """The difference in percent of base; empty if an image has only one side, or base has 0 bytes."""
    if image.base is None or image.head is None:
        return ""
    return format_percent(percent(image.base.unpacked_bytes, image.head.unpacked_bytes))


def sizes_text(before_bytes: int, after_bytes: int) -> str:
    """``64.2 → 105.4 MB``, with both units if they differ."""
    before, after = format_bytes(before_bytes), format_bytes(after_bytes)
    number, _, unit = before.partition(" ")
    return f"{number} → {after}" if after.endswith(f" {unit}") else f"{before} → {after}"


def waste_text(side: ImageSide | None) -> str | None:
    """``3.2 MB wasted in … files (efficiency 97.1 %)``; None if unknown or nothing is wasted."""
    if side is None or not side.wasted_bytes:
        return None
    efficiency = efficiency_text(side)
    share = f" ({efficiency})" if efficiency else ""
    return f"{format_bytes(side.wasted_bytes)} wasted in overwritten and removed files{share}"


def efficiency_text(side: ImageSide) -> str:
    """``efficiency 97.1 %``; empty if unknown."""
    return "" if side.efficiency is None else f"efficiency {side.efficiency * 100:.1f} %"
