"""Converts the result of a run to its report: the only place where domain values become report fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from weighbridge import __version__
from weighbridge.domain.causes import SizeCause
from weighbridge.domain.gate.scale import AsBaseDefines
from weighbridge.domain.image.align import LayerPair, WeighedLayer
from weighbridge.domain.image.attribution import Cause, MetadataCopies
from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.metadata import metadata_changes
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.packages import PackageChange
from weighbridge.domain.result.comparison import ImageComparison, JudgedFinding
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.image import CachedBase, ImageResult, RatchetBaseline
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.result.side import SideResult
from weighbridge.domain.result.status import Status
from weighbridge.domain.result.tips import (
    EarlierMeasurement,
    ProposedTip,
    RejectedTip,
    Rung,
    TipCombination,
    TrialResult,
)
from weighbridge.domain.size_history import Point
from weighbridge.domain.start.predict import followed
from weighbridge.domain.tips.introduced import LEAST_INTRODUCED_BYTES
from weighbridge.domain.tips.tip import SharedTip, Tip
from weighbridge.report.file_maps import MAXIMUM_MAP_BYTES, with_maps_within
from weighbridge.report.limits import budget_row, limit_rows, limit_text, reason_of
from weighbridge.report.masked import masked
from weighbridge.report.model import (
    AsBaseDefinesReport,
    Attribution,
    CauseName,
    CausePart,
    CauseRow,
    CombinedTips,
    ConfigReport,
    Delta,
    DroppedTip,
    Failure,
    FileChange,
    FileRow,
    FindingReport,
    FolderRow,
    HistoryPoint,
    ImageReport,
    ImageSide,
    LadderRow,
    LayerChange,
    LayerReport,
    LayerRow,
    MeasuredEarlier,
    MetadataRow,
    Override,
    PackageRow,
    RatchetReport,
    Report,
    SharedTipReport,
    StartReport,
    TextDiff,
    TipReport,
    TrialReport,
    Verdict,
    WritingProgram,
)
from weighbridge.report.storage import storage_remarks
from weighbridge.report.units import format_bytes

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
        notes=tuple(map(_utf8, (*result.notes, *notes))),
        part=result.part,
        shared_tips=tuple(map(_shared_tip, result.shared_tips)),
        tips_pending=result.tips_pending,
        defects=tuple(map(_utf8, result.defects)),
        budgets=tuple(map(budget_row, result.budgets)),
        comment_above_bytes=result.comment_above_bytes,
    )
    return masked(report, result.secrets)


def _utf8(value: str) -> str:
    """`value` as valid Unicode: bytes of an image that are not UTF-8 become escapes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _optional(value: str | None) -> str | None:
    return None if value is None else _utf8(value)


def _image(one: ImageResult) -> ImageReport:
    comparison, tips = one.comparison, one.tips
    is_grown_known = comparison is not None and one.failure_of("base") is None
    return ImageReport(
        name=_utf8(one.image.name),
        dockerfile=one.image.dockerfile,
        context=one.image.context,
        target=one.image.target,
        platform=one.image.platform,
        status=one.status,
        reason=_optional(one.reason),
        base=_side(one.base, cached=one.cached_base),
        head=_side(one.head, trial=one.trial),
        delta=_delta(one),
        attribution=_attribution(comparison, one.base, one.head),
        metadata=_metadata_rows(one),
        causes=tuple(map(_cause_row, comparison.size_causes)) if comparison else (),
        layers=_layer_rows(one) if is_grown_known else (),
        packages=tuple(map(_package_row, comparison.packages)) if comparison and is_grown_known else (),
        packages_omitted=comparison.packages_omitted if comparison and is_grown_known else 0,
        folders=tuple(
            FolderRow(path=_utf8(folder.path), delta_bytes=folder.delta_bytes, files=folder.files)
            for folder in (comparison.folders if comparison else ())
        ),
        files=_file_rows(one),
        files_omitted=comparison.files_omitted if comparison else 0,
        findings=tuple(map(_finding, comparison.findings)) if comparison else (),
        tips=tuple(_tip(tip, tips.before_bytes, one) for tip in tips.proposed) if tips else (),
        dropped_tips=tuple(map(_dropped_tip, tips.rejected)) if tips else (),
        combined=_combined(tips.combination) if tips and tips.combination else None,
        not_combined=_optional(tips.not_combined) if tips else None,
        ladder=tuple(map(_rung, tips.ladder)) if tips else (),
        failures=tuple(map(_failure, one.failures)),
        limit=limit_text(one),
        limits=limit_rows(one),
        text_diffs=tuple(
            TextDiff(path=_utf8(change.path), diff=_utf8(change.diff), omitted_lines=change.omitted_lines)
            for change in (comparison.text_changes if comparison else ())
        ),
        noise_bytes=comparison.noise_bytes if comparison else None,
        remarks=(*(_remarks(comparison, one) if comparison else ()), *map(_utf8, one.remarks)),
        build_seconds=one.build_seconds,
        history=tuple(map(_history_point, one.history.points)),
        ratchet=_ratchet(one.history.ratchet),
        growth_unknown_because=_optional(one.growth_unknown_because),
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
        layers=tuple(_layer_report(layer, side.metadata_copies.get(index)) for index, layer in enumerate(side.layers)),
        config=ConfigReport(
            entrypoint=_argv(config.entrypoint),
            cmd=_argv(config.cmd),
            shell=_argv(config.shell),
            user=_utf8(config.user),
            workdir=_utf8(config.workdir),
            healthcheck=_argv(config.healthcheck.test) if config.healthcheck else None,
        ),
        start=StartReport(
            outcome=side.start.starts.value,
            followed=_utf8(followed(side.start)),
            chain=tuple(map(_utf8, side.start.chain)),
            not_checked=tuple(map(_utf8, side.start.not_checked)),
        ),
        trial=_trial(trial),
        measured_at=iso_time(cached.measured_at) if cached else None,
        moved_images=cached.moved_images if cached else (),
    )


def _trial(result: TrialResult | None) -> TrialReport | None:
    if result is None:
        return None
    return TrialReport(
        outcome=result.trial.outcome.value,
        message=_utf8(result.trial.message),
        exit_code=result.trial.exit_code,
        output=tuple(map(_utf8, result.trial.output)),
        agrees=result.agrees,
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
        message=_utf8(failure.message),
        log_tail=tuple(map(_utf8, failure.log_tail)),
    )


def _tip(one: ProposedTip, image_bytes: int, image: ImageResult) -> TipReport:
    tip = one.tip
    before_bytes = image_bytes if one.before_bytes is None else one.before_bytes
    return TipReport(
        code=tip.code,
        saved_bytes=tip.saved_bytes,
        basis=tip.basis,
        line=tip.line,
        explanation=_utf8(tip.explanation),
        patch=_optional(one.patch),
        before_bytes=before_bytes,
        after_bytes=None if tip.saved_bytes is None else before_bytes - tip.saved_bytes,
        not_built=_optional(one.not_built),
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


def _dropped_tip(one: RejectedTip) -> DroppedTip:
    return DroppedTip(
        code=one.tip.code,
        line=one.tip.line,
        ground=one.objection.ground,
        reason=_utf8(one.objection.reason),
        saved_bytes=one.saved_bytes,
    )


def _combined(combination: TipCombination) -> CombinedTips:
    return CombinedTips(
        codes=tuple(tip.code for tip in combination.tips),
        lines=tuple(tip.line for tip in combination.tips),
        saved_bytes=combination.before_bytes - combination.after_bytes,
        before_bytes=combination.before_bytes,
        after_bytes=combination.after_bytes,
        patch=_utf8(combination.patch),
        measured=_measured(combination.earlier),
    )


def _rung(rung: Rung) -> LadderRow:
    measured = rung.measured
    return LadderRow(
        name=_utf8(rung.name),
        outcome=rung.outcome.value,
        unpacked_bytes=measured.unpacked_bytes if measured else None,
        download_bytes=measured.download_bytes if measured else None,
        download_estimated=measured.download_estimated if measured else False,
        starts=measured.starts.value if measured else None,
        trial=_trial(rung.trial),
        shell=measured.shell if measured else None,
        debug_tools=measured.debug_tools if measured else None,
        lost=tuple(map(_utf8, rung.lost)),
        reason=_optional(rung.reason),
        patch=_optional(rung.patch),
        measured=_measured(rung.earlier),
    )


def _shared_tip(tip: SharedTip) -> SharedTipReport:
    return SharedTipReport(
        code=tip.code,
        saved_bytes=tip.saved_bytes,
        basis=tip.basis,
        images=tip.images,
        explanation=_utf8(tip.explanation),
    )


def _history_point(point: Point) -> HistoryPoint:
    return HistoryPoint(
        commit=point.commit, at=iso_time(point.committed_at), unpacked_bytes=point.figure.unpacked_bytes
    )


def _ratchet(baseline: RatchetBaseline | None) -> RatchetReport | None:
    if baseline is None:
        return None
    return RatchetReport(
        since=_utf8(baseline.ratchet.since),
        limit=str(baseline.ratchet.max_increase),
        commit=baseline.commit,
        baseline_bytes=baseline.baseline_bytes,
        reason=baseline.reason,
    )


def _as_base_defines(one: AsBaseDefines | None) -> AsBaseDefinesReport | None:
    if one is None:
        return None
    return AsBaseDefinesReport(change=_utf8(one.change), unpacked_bytes=one.head_bytes, reason=_optional(one.failure))


def iso_time(time_seconds: int) -> str:
    """Seconds of Unix time as ISO 8601, UTC."""
    return datetime.fromtimestamp(time_seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _argv(argv: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if argv is None else tuple(map(_utf8, argv))


def _layer_report(layer: WeighedLayer, copies: MetadataCopies | None) -> LayerReport:
    return LayerReport(
        diff_id=layer.diff_id,
        instruction=_optional(layer.instruction),
        line=layer.line,
        unpacked_bytes=layer.unpacked_bytes,
        download_bytes=layer.download_bytes,
        from_base_image=layer.from_base_image,
        note=_copies_note(copies),
    )


def _copies_note(copies: MetadataCopies | None) -> str | None:
    if copies is None:
        return None
    files = "1 file" if copies.files == 1 else f"{copies.files} files"
    return f"{files} copied only to change mode, owner or time: {format_bytes(copies.size_bytes)}"


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
        MetadataRow(name=_utf8(change.name), base=_optional(change.base), head=_optional(change.head))
        for change in metadata_changes(one.base.config, one.head.config)
    )


def _cause_row(cause: SizeCause) -> CauseRow:
    return CauseRow(
        bytes=cause.bytes,
        kind=cause.kind.value,
        what=_utf8(cause.what),
        because=_utf8(cause.because),
        path=_optional(cause.place.path),
        line=cause.place.line,
        via=tuple(map(_utf8, cause.via)),
        brings=tuple(
            CausePart(what=_utf8(part.what), bytes=part.bytes, via=tuple(map(_utf8, part.via))) for part in cause.parts
        ),
        brings_omitted=cause.parts_omitted,
    )


def _package_row(change: PackageChange) -> PackageRow:
    return PackageRow(
        ecosystem=change.ecosystem.value,
        name=_utf8(change.name),
        base_version=_optional(change.base_version),
        head_version=_optional(change.head_version),
        delta_bytes=change.delta_bytes,
        from_sbom=change.is_listed,
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
        _utf8(f"{names[0]}: {note}" if has_both and len(names) == 1 else note) for note, names in sides_of.items()
    )
    unread = (f"Not read to explain the change: {note}." for note in comparison.cause_notes)
    return (*map(_utf8, storage_remarks(comparison.storage)), *map(_utf8, unread), *notes)


def _layer_rows(one: ImageResult) -> tuple[LayerRow, ...]:
    if one.comparison is None:
        return ()
    notes = {
        layer.diff_id: _copies_note(copies)
        for side in (one.base, one.head)
        if side
        for index, layer in enumerate(side.layers)
        if (copies := side.metadata_copies.get(index)) is not None
    }
    return tuple(_layer_row(pair, notes) for pair in one.comparison.layers.rows)


def _layer_row(pair: LayerPair, notes: Mapping[str, str | None]) -> LayerRow:
    layer = pair.head or pair.base
    if layer is None:
        raise AssertionError("a row has at least one side")
    if pair.base is None:
        change = LayerChange.ADDED
    elif pair.head is None:
        change = LayerChange.REMOVED
    else:
        change = LayerChange.SAME if pair.base.diff_id == pair.head.diff_id else LayerChange.CHANGED
    return LayerRow(
        change=change,
        instruction=_optional(layer.instruction),
        line=layer.line,
        base_bytes=pair.base.unpacked_bytes if pair.base else None,
        head_bytes=pair.head.unpacked_bytes if pair.head else None,
        base_diff_id=pair.base.diff_id if pair.base else None,
        head_diff_id=pair.head.diff_id if pair.head else None,
        from_base_image=layer.from_base_image,
        note=notes.get(layer.diff_id),
    )


def _file_rows(one: ImageResult) -> tuple[FileRow, ...]:
    if one.comparison is None:
        return ()
    base_indices, head_indices = (
        {layer.diff_id: index for index, layer in enumerate(side.layers)} if side else {}
        for side in (one.base, one.head)
    )
    return tuple(_file_row(file, base_indices, head_indices) for file in one.comparison.files)


def _file_row(delta: FileDelta, base_indices: Mapping[str, int], head_indices: Mapping[str, int]) -> FileRow:
    if delta.link is not None:
        change = FileChange.CHANGED
    elif delta.base is None:
        change = FileChange.ADDED
    else:
        change = FileChange.REMOVED if delta.head is None else FileChange.CHANGED
    moved_from = delta.base.path if delta.base and delta.head and delta.base.path != delta.head.path else None
    if moved_from is not None:
        change = FileChange.MOVED
    layer = head_indices.get(delta.head.diff_id) if delta.head else None
    if delta.head is None and delta.base is not None:
        layer = base_indices.get(delta.base.diff_id)
    return FileRow(
        path=_utf8(delta.path),
        change=change,
        base_bytes=_file_bytes(delta.base, delta.link),
        head_bytes=_file_bytes(delta.head, delta.link),
        layer=layer,
        moved_from=_optional(moved_from),
    )


def _file_bytes(node: Node | None, link: str | None) -> int | None:
    """The size of one side of a file: a hard link counts as 0 bytes."""
    if node is not None:
        return node.size_bytes
    return None if link is None else 0


def _finding(one: JudgedFinding) -> FindingReport:
    finding = one.finding
    return FindingReport(
        code=finding.code,
        severity=finding.severity,
        subject=finding.subject,
        path=_optional(finding.path),
        predicts=_optional(finding.predicts),
        evidence=tuple(map(_utf8, finding.evidence)),
        line=finding.line,
        fix=_optional(finding.fix),
        introduced=one.introduced,
        ignored_because=_optional(one.ignored_because),
    )
