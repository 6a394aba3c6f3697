"""Limits and budgets of a run as rows of its report."""

from __future__ import annotations

from weighbridge.domain.gate.budget import CheckedBudget
from weighbridge.domain.gate.checked import CheckedLimit, checked_limits
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.verdict import Breach
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.judge import gate_input
from weighbridge.report.model import BudgetRow, BudgetShare, LimitRow, Reason
from weighbridge.report.report_text import report_text

_SHORT = {
    Rule.MAX_INCREASE: "{}",
    Rule.MAX_SIZE: "at most {}",
    Rule.MAX_NEW_SIZE: "at most {} if new",
    Rule.MAX_OWN_INCREASE: "{} by own files",
    Rule.MAX_DEPENDENCY_INCREASE: "{} by dependencies",
    Rule.MAX_BASE_IMAGE_INCREASE: "{} by the base image",
    Rule.MAX_DOWNLOAD_SIZE: "at most {} to download",
    Rule.MAX_DOWNLOAD_INCREASE: "{} to download",
    Rule.MAX_WASTED: "at most {} wasted",
    Rule.MAX_LAYERS: "at most {}",
    Rule.RATCHET: "{}",
}
"""A limit in a few words, by its rule."""


def limit_text(image: ImageResult) -> str | None:
    """The hard limits that apply to an image, in words; ``None`` if there are none."""
    texts = [_SHORT[one.rule].format(one.limit) for one in checked_limits(gate_input(image)) if not one.is_soft]
    return ", ".join(texts) or None


def limit_rows(image: ImageResult) -> tuple[LimitRow, ...]:
    """A row for each limit that applies to an image."""
    return tuple(map(_row, checked_limits(gate_input(image))))


def _row(one: CheckedLimit) -> LimitRow:
    return LimitRow(
        rule=one.rule.value,
        limit=one.limit,
        outcome=one.outcome.value,
        message=report_text(one.message),
        soft=one.is_soft,
        actual_bytes=one.actual_bytes,
        actual_count=one.actual_count,
        percent=one.percent,
    )


def reason_of(breach: Breach) -> Reason:
    """A reason of the verdict, or a warning."""
    return Reason(
        image=report_text(breach.image),
        rule=breach.rule.value,
        limit=breach.limit if breach.code is None else breach.code,  # readers of version 1 expect the code there
        actual_bytes=breach.actual_bytes,
        message=report_text(breach.message),
        code=breach.code,
    )


def budget_row(one: CheckedBudget) -> BudgetRow:
    """A limit of a budget."""
    return BudgetRow(
        name=one.name,
        rule=one.rule.value,
        limit=one.limit,
        outcome=one.outcome.value,
        message=one.message,
        shares=tuple(
            BudgetShare(
                image=share.image,
                base_bytes=share.base_bytes,
                head_bytes=share.head_bytes,
                grown_bytes=share.grown_bytes,
            )
            for share in one.shares
        ),
        on_unknown=one.on_unknown.value,
        actual_bytes=one.actual_bytes,
        percent=one.percent,
    )
