"""Limits and budgets in words: what is limited, the figure in bytes and percent, and the result."""

from __future__ import annotations

from weighbridge.report.model import BudgetRow, ImageReport, LimitRow, Reason, Report, Status
from weighbridge.report.units import format_bytes, format_delta, format_percent
from weighbridge.report.view.findings import new_findings
from weighbridge.report.view.sizes import image_delta

_NAMES = {
    "max-increase": "growth",
    "max-own-increase": "growth by own files",
    "max-dependency-increase": "growth by dependencies",
    "max-base-image-increase": "growth by the base image",
    "max-download-increase": "growth of the download",
    "max-size": "size",
    "max-new-size": "size of a new image",
    "max-download-size": "download",
    "max-wasted": "wasted bytes",
    "max-layers": "layers",
    "ratchet": "growth in all",
}
_OVER = {
    "max-own-increase": "own files grew by {}",
    "max-dependency-increase": "dependencies grew by {}",
    "max-base-image-increase": "its base image grew by {}",
    "max-download-increase": "its download grew by {}",
    "max-download-size": "its download is {}",
    "max-wasted": "wastes {} in files that a later layer hides",
}
MARKS = {"passed": "✅", "warned": "⚠️", "failed": "❌", "not checked": "⚠️"}
"""An icon for each result."""


def limit_name(rule: str) -> str:
    """What a rule limits, in words."""
    return _NAMES.get(rule, rule)


def limit_figure(row: LimitRow | BudgetRow) -> str:
    """The figure in bytes and percent: ``+6.0 MB (+12.3 %)``, ``64.2 MB (13 % of the limit)``, ``21 (105 % …)``."""
    if row.outcome == "not checked":
        return "not known"
    is_growth = row.rule.endswith("increase") or row.rule == "ratchet"
    if isinstance(row, LimitRow) and row.actual_count is not None:
        shown = str(row.actual_count)
    else:
        shown = format_delta(row.actual_bytes) if is_growth else format_bytes(row.actual_bytes)
    if row.percent is None:
        return shown
    return f"{shown} ({format_percent(row.percent)})" if is_growth else f"{shown} ({row.percent:.0f} % of the limit)"


def limit_result(row: LimitRow) -> str:
    """``passed``, ``failed``, ``over the soft limit`` or ``not checked: why``."""
    if row.outcome == "not checked":
        return row.message.partition(" was ")[2] or row.outcome
    return "over the soft limit" if row.outcome == "warned" else row.outcome


def limit_line(row: LimitRow) -> str:
    """``Limit on growth by dependencies: +6.0 MB (+12.3 %), limit +5MB: failed``."""
    kind = "Soft limit" if row.soft else "Limit"
    return f"{kind} on {limit_name(row.rule)}: {limit_figure(row)}, limit {row.limit}: {limit_result(row)}."


def over_limit_text(reason: Reason) -> str | None:
    """A sentence on a limit that is exceeded, without its subject; ``None`` for rules that are shown elsewhere."""
    said = _OVER.get(reason.rule)
    if said is None or reason.actual_bytes is None or reason.limit is None:
        return None
    return f"{said.format(format_bytes(reason.actual_bytes))}; its limit is {reason.limit}"


def is_small(report: Report) -> bool:
    """True if nothing fails, warns or is new, and every image changes by less than ``comment.above`` of the report."""
    least = report.comment_above_bytes
    if least is None or not report.verdict.passed or report.verdict.reasons or report.verdict.warnings:
        return False
    return all(_is_small(image, least) for image in report.images)


def _is_small(image: ImageReport, least_bytes: int) -> bool:
    if image.failures or new_findings(image):
        return False
    delta = image_delta(image)
    if delta is None:
        return image.status in {Status.UNCHANGED, Status.SKIPPED}
    return abs(delta) < least_bytes


def budget_line(row: BudgetRow) -> str:
    """``budget for growth: +6.0 MB (+1.2 %) over 3 images, limit +50MB: passed``."""
    images = f"{len(row.shares)} images" if len(row.shares) != 1 else "1 image"
    result = row.message.partition(" was ")[2] if row.outcome == "not checked" else row.outcome
    return f"budget for {limit_name(row.rule)}: {limit_figure(row)} over {images}, limit {row.limit}: {result}"
