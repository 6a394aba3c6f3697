"""The image on other bases."""

from __future__ import annotations

from weighbridge.report.model import ImageReport, LadderRow
from weighbridge.report.units import format_bytes
from weighbridge.report.view.sizes import estimated_text
from weighbridge.report.view.tips import earlier_text


def ladder_rows(image: ImageReport) -> tuple[list[LadderRow], list[LadderRow]]:
    """The rows with a size, largest first, and the rows that could not be built, each with its reason."""
    built = [row for row in image.ladder if row.unpacked_bytes is not None]
    return built, [row for row in image.ladder if row.unpacked_bytes is None]


def ladder_headline(image: ImageReport) -> str | None:
    """``on 6 other bases: from 387.8 MB down to 24.7 kB``, of rows that start; None without another row."""
    built, _ = ladder_rows(image)
    others = [row.unpacked_bytes for row in built if row.outcome == "built" and row.unpacked_bytes is not None]
    if not others:
        return None
    starting = [row.unpacked_bytes for row in built if row.starts == "yes" and row.unpacked_bytes is not None]
    head = f"on {len(others)} other {'base' if len(others) == 1 else 'bases'}"
    if image.head is None or not starting or min(starting) >= image.head.unpacked_bytes:
        return head
    return f"{head}: from {format_bytes(image.head.unpacked_bytes)} down to {format_bytes(min(starting))}"


def ladder_download(row: LadderRow) -> str:
    """The compressed size of a row; "≈" precedes an estimate."""
    return estimated_text(row.download_bytes, estimated=row.download_estimated)


def ladder_tools(row: LadderRow) -> str:
    """The names of a row's debug tools."""
    return ", ".join(row.debug_tools) if row.debug_tools else "none"


def ladder_lost(row: LadderRow) -> str:
    """What the image loses on this base, and the earlier run that measured it; empty without either."""
    parts = [", ".join(row.lost)] if row.lost else []
    parts += [f"measured{earlier_text(row.measured)}"] if row.measured else []
    return "; ".join(parts)
