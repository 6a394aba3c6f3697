"""Report fields of tips: proposed, dropped, combined, shared, the ladder, and real starts."""

from __future__ import annotations

from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.tips import (
    EarlierMeasurement,
    ProposedTip,
    RejectedTip,
    Rung,
    TipCombination,
    TrialResult,
)
from weighbridge.domain.tips.introduced import LEAST_INTRODUCED_BYTES
from weighbridge.domain.tips.tip import SharedTip, Tip
from weighbridge.report.model import (
    CombinedTips,
    DroppedTip,
    LadderRow,
    MeasuredEarlier,
    SharedTipReport,
    TipReport,
    TrialReport,
)
from weighbridge.report.report_text import iso_time, optional_text, report_text


def tip_report(one: ProposedTip, image_bytes: int, image: ImageResult) -> TipReport:
    """A proposed tip of `image`, whose size now is `image_bytes`."""
    tip = one.tip
    before_bytes = image_bytes if one.before_bytes is None else one.before_bytes
    return TipReport(
        code=tip.code,
        saved_bytes=tip.saved_bytes,
        basis=tip.basis,
        line=tip.line,
        explanation=report_text(tip.explanation),
        patch=optional_text(one.patch),
        before_bytes=before_bytes,
        after_bytes=None if tip.saved_bytes is None else before_bytes - tip.saved_bytes,
        not_built=optional_text(one.not_built),
        measured=_measured(one.earlier),
        introduced=_is_introduced(tip, image),
        cures_start=one.cures_start,
    )


def _is_introduced(tip: Tip, image: ImageResult) -> bool | None:
    """True if the change adds what a tip saves; ``None`` if that is unknown.

    Without the tips of base, the layer of the tip's instruction decides: the same layer adds nothing, and a new or
    edited instruction whose layer grew by what the tip saves adds it.
    """
    comparison = image.comparison
    if comparison is None or image.base is None or image.head is None:
        return None
    grown_bytes = comparison.tip_growth.get(tip.code)
    if grown_bytes is not None:
        return grown_bytes >= LEAST_INTRODUCED_BYTES
    pair = next((one for one in comparison.layers.rows if one.head is not None and one.head.line == tip.line), None)
    if tip.line is None or pair is None or pair.head is None:
        return None
    if pair.base is not None and pair.base.diff_id == pair.head.diff_id:
        return False
    is_edited = pair.base is None or pair.base.instruction != pair.head.instruction
    return True if is_edited and pair.delta_bytes >= max(tip.saved_bytes or 0, LEAST_INTRODUCED_BYTES) else None


def _measured(earlier: EarlierMeasurement | None) -> MeasuredEarlier | None:
    if earlier is None:
        return None
    return MeasuredEarlier(
        commit=earlier.commit, at=iso_time(earlier.measured_at), same_content=earlier.is_same_content
    )


def dropped_tip(one: RejectedTip) -> DroppedTip:
    """A tip that is not proposed after its patch was built."""
    return DroppedTip(
        code=one.tip.code,
        line=one.tip.line,
        ground=one.objection.ground,
        reason=report_text(one.objection.reason),
        saved_bytes=one.saved_bytes,
    )


def combined_tips(combination: TipCombination) -> CombinedTips:
    """The tips that were built together."""
    return CombinedTips(
        codes=tuple(tip.code for tip in combination.tips),
        lines=tuple(tip.line for tip in combination.tips),
        saved_bytes=combination.before_bytes - combination.after_bytes,
        before_bytes=combination.before_bytes,
        after_bytes=combination.after_bytes,
        patch=report_text(combination.patch),
        measured=_measured(combination.earlier),
    )


def ladder_row(rung: Rung) -> LadderRow:
    """The image on one base."""
    measured = rung.measured
    return LadderRow(
        name=report_text(rung.name),
        outcome=rung.outcome.value,
        unpacked_bytes=measured.unpacked_bytes if measured else None,
        download_bytes=measured.download_bytes if measured else None,
        download_estimated=measured.download_estimated if measured else False,
        starts=measured.starts.value if measured else None,
        trial=trial_report(rung.trial),
        shell=measured.shell if measured else None,
        debug_tools=measured.debug_tools if measured else None,
        lost=tuple(map(report_text, rung.lost)),
        reason=optional_text(rung.reason),
        patch=optional_text(rung.patch),
        measured=_measured(rung.earlier),
    )


def shared_tip_report(tip: SharedTip) -> SharedTipReport:
    """A tip on several images."""
    return SharedTipReport(
        code=tip.code,
        saved_bytes=tip.saved_bytes,
        basis=tip.basis,
        images=tip.images,
        explanation=report_text(tip.explanation),
    )


def trial_report(result: TrialResult | None) -> TrialReport | None:
    """A real start; ``None`` without one."""
    if result is None:
        return None
    return TrialReport(
        outcome=result.trial.outcome.value,
        message=report_text(result.trial.message),
        exit_code=result.trial.exit_code,
        output=tuple(map(report_text, result.trial.output)),
        agrees=result.agrees,
    )
