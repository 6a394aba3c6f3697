"""Converts the result of a run to its report: the only place where domain values become report fields."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge import __version__
from weighbridge.domain.gate.scale import AsBaseDefines
from weighbridge.domain.image.attribution import Cause
from weighbridge.domain.image.metadata import metadata_changes
from weighbridge.domain.result.comparison import ImageComparison, JudgedFinding
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.image import CachedBase, ImageResult, RatchetBaseline
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.result.side import SideResult
from weighbridge.domain.result.status import Status
from weighbridge.domain.result.tips import (
    TrialResult,
)
from weighbridge.domain.size_history import Point
from weighbridge.domain.start.predict import followed
from weighbridge.report.content_rows import aligned_layers, cause_row, file_rows, layer_report, package_row
from weighbridge.report.file_maps import MAXIMUM_MAP_BYTES, with_maps_within
from weighbridge.report.limits import budget_row, limit_rows, limit_text, reason_of
from weighbridge.report.masked import masked
from weighbridge.report.model import (
    AsBaseDefinesReport,
    Attribution,
    CauseName,
    ConfigReport,
    Delta,
    Failure,
    FindingReport,
    FolderRow,
    HistoryPoint,
    ImageReport,
    ImageSide,
    MetadataRow,
    Override,
    RatchetReport,
    Report,
    StartReport,
    TextDiff,
    Verdict,
    WritingProgram,
)
from weighbridge.report.report_text import iso_time, optional_text, report_text
from weighbridge.report.storage import storage_remarks
from weighbridge.report.tip_rows import (
    combined_tips,
    dropped_tip,
    ladder_row,
    shared_tip_report,
    tip_report,
    trial_report,
)

_CAUSE_NAMES: dict[Cause, CauseName] = {
    Cause.OWN_CHANGE: "own-change",
    Cause.BASE_IMAGE_MOVED: "base-image-moved",
    Cause.DRIFT: "drift",
    Cause.NOISE: "noise",
}


def assemble(result: RunResult, *, override: Override | None = None, notes: Sequence[str] = ()) -> Report:
    """The report of a run. `override` made a failed verdict pass; `notes` follow those of the run."""
    report = Report(
        tool=WritingProgram(name="weighbridge", version=__version__),
        base=result.base,
        head=result.head,
        verdict=Verdict(
            passed=not result.breaches,
            reasons=tuple(map(reason_of, result.breaches)),
            override=override,
            warnings=tuple(map(reason_of, result.warnings)),
        ),
        images=with_maps_within(tuple(map(_image, result.images)), MAXIMUM_MAP_BYTES),
        notes=tuple(map(report_text, (*result.notes, *notes))),
        part=result.part,
        shared_tips=tuple(map(shared_tip_report, result.shared_tips)),
        tips_pending=result.tips_pending,
        defects=tuple(map(report_text, result.defects)),
        budgets=tuple(map(budget_row, result.budgets)),
        comment_above_bytes=result.comment_above_bytes,
    )
    return masked(report, result.secrets)


def _image(one: ImageResult) -> ImageReport:
    comparison, tips = one.comparison, one.tips
    is_grown_known = comparison is not None and one.failure_of("base") is None
    return ImageReport(
        name=report_text(one.image.name),
        dockerfile=one.image.dockerfile,
        context=one.image.context,
        target=one.image.target,
        platform=one.image.platform,
        status=one.status,
        reason=optional_text(one.reason),
        base=_side(one.base, cached=one.cached_base),
        head=_side(one.head, trial=one.trial),
        delta=_delta(one),
        attribution=_attribution(comparison, one.base, one.head),
        metadata=_metadata_rows(one),
        causes=tuple(map(cause_row, comparison.size_causes)) if comparison else (),
        layers=aligned_layers(one) if is_grown_known else (),
        packages=tuple(map(package_row, comparison.packages)) if comparison and is_grown_known else (),
        packages_omitted=comparison.packages_omitted if comparison and is_grown_known else 0,
        folders=tuple(
            FolderRow(path=report_text(folder.path), delta_bytes=folder.delta_bytes, files=folder.files)
            for folder in (comparison.folders if comparison else ())
        ),
        files=file_rows(one),
        files_omitted=comparison.files_omitted if comparison else 0,
        findings=tuple(map(_finding, comparison.findings)) if comparison else (),
        tips=tuple(tip_report(tip, tips.before_bytes, one) for tip in tips.proposed) if tips else (),
        dropped_tips=tuple(map(dropped_tip, tips.rejected)) if tips else (),
        combined=combined_tips(tips.combination) if tips and tips.combination else None,
        not_combined=optional_text(tips.not_combined) if tips else None,
        ladder=tuple(map(ladder_row, tips.ladder)) if tips else (),
        failures=tuple(map(_failure, one.failures)),
        limit=limit_text(one),
        limits=limit_rows(one),
        text_diffs=tuple(
            TextDiff(path=report_text(change.path), diff=report_text(change.diff), omitted_lines=change.omitted_lines)
            for change in (comparison.text_changes if comparison else ())
        ),
        noise_bytes=comparison.noise_bytes if comparison else None,
        remarks=(*(_remarks(comparison, one) if comparison else ()), *map(report_text, one.remarks)),
        build_seconds=one.build_seconds,
        history=tuple(map(_history_point, one.history.points)),
        ratchet=_ratchet(one.history.ratchet),
        growth_unknown_because=optional_text(one.growth_unknown_because),
        as_base_defines=_as_base_defines(one.as_base_defines),
        file_map=comparison.file_map or None if comparison else None,
    )


def _side(
    side: SideResult | None, *, trial: TrialResult | None = None, cached: CachedBase | None = None
) -> ImageSide | None:
    if side is None:
        return None
    config = side.config
    return ImageSide(
        image_id=side.image_id,
        platform=config.platform,
        unpacked_bytes=side.unpacked_bytes,
        download_bytes=side.download_bytes,
        download_estimated=side.download_estimated,
        wasted_bytes=side.wasted_bytes,
        efficiency=round(side.efficiency, 6),
        layers=tuple(layer_report(layer, side.metadata_copies.get(index)) for index, layer in enumerate(side.layers)),
        config=ConfigReport(
            entrypoint=_argv(config.entrypoint),
            cmd=_argv(config.cmd),
            shell=_argv(config.shell),
            user=report_text(config.user),
            workdir=report_text(config.workdir),
            healthcheck=_argv(config.healthcheck.test) if config.healthcheck else None,
        ),
        start=StartReport(
            outcome=side.start.starts.value,
            followed=report_text(followed(side.start)),
            chain=tuple(map(report_text, side.start.chain)),
            not_checked=tuple(map(report_text, side.start.not_checked)),
        ),
        trial=trial_report(trial),
        measured_at=iso_time(cached.measured_at) if cached else None,
        moved_images=cached.moved_images if cached else (),
    )


def _delta(one: ImageResult) -> Delta:
    """Head minus base. Zero for an unaffected image; unknown if a side failed."""
    if one.comparison is None or one.failures:
        is_same = one.status is Status.UNCHANGED
        return Delta(unpacked_bytes=0, download_bytes=0, upgrade_bytes=0) if is_same else Delta()
    delta = one.comparison.layers.delta
    return Delta(
        unpacked_bytes=delta.unpacked_bytes,
        download_bytes=delta.download_bytes,
        upgrade_bytes=delta.upgrade_bytes if one.head else None,
    )


def _failure(failure: SideFailure) -> Failure:
    return Failure(
        side=failure.side,
        kind=failure.kind.value,
        message=report_text(failure.message),
        log_tail=tuple(map(report_text, failure.log_tail)),
    )


def _history_point(point: Point) -> HistoryPoint:
    return HistoryPoint(
        commit=point.commit, at=iso_time(point.committed_at), unpacked_bytes=point.figure.unpacked_bytes
    )


def _ratchet(baseline: RatchetBaseline | None) -> RatchetReport | None:
    if baseline is None:
        return None
    return RatchetReport(
        since=report_text(baseline.ratchet.since),
        limit=str(baseline.ratchet.max_increase),
        commit=baseline.commit,
        baseline_bytes=baseline.baseline_bytes,
        reason=baseline.reason,
    )


def _as_base_defines(one: AsBaseDefines | None) -> AsBaseDefinesReport | None:
    if one is None:
        return None
    return AsBaseDefinesReport(
        change=report_text(one.change), unpacked_bytes=one.head_bytes, reason=optional_text(one.failure)
    )


def _argv(argv: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if argv is None else tuple(map(report_text, argv))


def _attribution(
    comparison: ImageComparison | None, base: SideResult | None, head: SideResult | None
) -> Attribution | None:
    if comparison is None:
        return None
    is_base_image_known = any(layer.from_base_image for side in (base, head) if side for layer in side.layers)
    if not is_base_image_known and not comparison.causes:
        return None
    names = tuple(_CAUSE_NAMES[cause] for cause in comparison.causes)
    return Attribution(
        base_image_bytes=comparison.layers.base_image_bytes,
        own_bytes=comparison.layers.own_bytes,
        cause=names[0] if names else None,
        also=names[1:],
    )


def _metadata_rows(one: ImageResult) -> tuple[MetadataRow, ...]:
    if one.base is None or one.head is None:
        return ()
    return tuple(
        MetadataRow(name=report_text(change.name), base=optional_text(change.base), head=optional_text(change.head))
        for change in metadata_changes(one.base.config, one.head.config)
    )


def _remarks(comparison: ImageComparison, one: ImageResult) -> tuple[str, ...]:
    """Notes on storage changes and unreadable data; a note on both sides appears once."""
    base, head = one.base, one.head
    sides_of: dict[str, list[str]] = {}
    for name, side in (("base", base), ("head", head)):
        for note in side.notes if side else ():
            sides_of.setdefault(note, []).append(name)
    has_both = base is not None and head is not None
    notes = tuple(
        report_text(f"{names[0]}: {note}" if has_both and len(names) == 1 else note) for note, names in sides_of.items()
    )
    unread = (f"Not read to explain the change: {note}." for note in comparison.cause_notes)
    return (*map(report_text, storage_remarks(comparison.storage)), *map(report_text, unread), *notes)


def _finding(one: JudgedFinding) -> FindingReport:
    finding = one.finding
    return FindingReport(
        code=finding.code,
        severity=finding.severity,
        subject=finding.subject,
        path=optional_text(finding.path),
        predicts=optional_text(finding.predicts),
        evidence=tuple(map(report_text, finding.evidence)),
        line=finding.line,
        fix=optional_text(finding.fix),
        introduced=one.introduced,
        ignored_because=optional_text(one.ignored_because),
    )
