"""From what was weighed to the report: the one place where domain values become report fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from weighbridge import __version__
from weighbridge.domain.checks.finding import Finding, Subject
from weighbridge.domain.gate.ignores import Ignore, ignored_because
from weighbridge.domain.gate.verdict import FailOn, Limits
from weighbridge.domain.image.align import LayerPair, WeighedLayer
from weighbridge.domain.image.attribution import Cause, MetadataCopies, SourceChange, find_causes, metadata_copies
from weighbridge.domain.image.diff import LayerDiff
from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.weighed import WeighedImage, compare
from weighbridge.domain.packages import PackageChange
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.start.trial import Trial, agrees
from weighbridge.domain.tips.tip import SharedTip, Tip
from weighbridge.report.model import (
    Attribution,
    CauseName,
    ConfigReport,
    Delta,
    FileChange,
    FileRow,
    FindingReport,
    FolderRow,
    ImageReport,
    ImageSide,
    LayerChange,
    LayerReport,
    LayerRow,
    PackageRow,
    Part,
    Report,
    Revision,
    SharedTipReport,
    StartReport,
    TipReport,
    Tool,
    TrialReport,
)
from weighbridge.report.units import format_bytes
from weighbridge.report.verdict import verdict_of

MAXIMUM_FILE_ROWS = 500
"""More differing files than this are counted, not listed: the largest come first."""
MAXIMUM_PACKAGE_ROWS = 1000
"""The same for packages."""

_CAUSE_NAMES: dict[Cause, CauseName] = {
    Cause.OWN_CHANGE: "own-change",
    Cause.BASE_IMAGE_MOVED: "base-image-moved",
    Cause.DRIFT: "drift",
    Cause.NOISE: "noise",
}


def text(value: str) -> str:
    """`value` as text that any encoding can carry: bytes of an image that are not UTF-8 are shown as escapes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def side_report(weighed: WeighedImage | None) -> ImageSide | None:
    """One side of an image; ``None`` for a side that is not there."""
    if weighed is None:
        return None
    image = weighed.image
    config = image.config
    notes = _layer_notes(weighed)
    return ImageSide(
        image_id=image.image_id,
        platform=config.platform,
        unpacked_bytes=image.unpacked_bytes,
        download_bytes=image.download_bytes,
        download_estimated=image.download_estimated,
        wasted_bytes=weighed.waste.wasted_bytes,
        efficiency=round(weighed.efficiency, 6),
        layers=tuple(_layer_report(layer, notes.get(index)) for index, layer in enumerate(weighed.layers)),
        config=ConfigReport(
            entrypoint=_argv(config.entrypoint),
            cmd=_argv(config.cmd),
            shell=_argv(config.shell),
            user=text(config.user),
            workdir=text(config.workdir),
            healthcheck=_argv(config.healthcheck.test) if config.healthcheck else None,
        ),
        start=StartReport(
            outcome=weighed.start.starts.value,
            chain=tuple(map(text, weighed.start.chain)),
            not_checked=tuple(map(text, weighed.start.not_checked)),
        ),
    )


def with_trial(image: ImageReport, trial: Trial) -> ImageReport:
    """`image` with what really happened when its head was started, held against what was predicted of it."""
    if image.head is None or image.head.start is None:
        return image
    starts = Starts(image.head.start.outcome)
    predicted = (one.predicts for one in image.findings if one.subject is Subject.ENTRYPOINT and one.predicts)
    report = trial_report(trial, agrees=agrees(trial, starts, predicted))
    return replace(image, head=replace(image.head, trial=report))


def trial_report(trial: Trial, *, agrees: bool | None) -> TrialReport:
    """What happened when an image was really started."""
    return TrialReport(
        outcome=trial.outcome.value,
        message=text(trial.message),
        exit_code=trial.exit_code,
        output=tuple(map(text, trial.output)),
        agrees=agrees,
    )


def compared_fields(
    base: WeighedImage | None,
    head: WeighedImage | None,
    *,
    ignores: Sequence[Ignore] = (),
    source: SourceChange | None = None,
    noise_bytes: int | None = None,
) -> dict[str, Any]:
    """The fields of an `ImageReport` that come out of weighing: sides, delta, rows, files, findings.

    Findings that `ignores` accept are listed with the reason given. `source` is what the repository says of the two
    sides; without it no cause is named. `noise_bytes` is the difference between two builds of base, if there are two.
    """
    comparison = compare(base, head)
    delta = comparison.layers.delta
    known_base_image = any(layer.from_base_image for side in (base, head) if side for layer in side.layers)
    causes = find_causes(base.layers, head.layers, source, noise_bytes=noise_bytes) if base and head and source else ()
    notes = {
        layer.diff_id: note
        for side in (base, head)
        if side
        for index, layer in enumerate(side.layers)
        if (note := _layer_notes(side).get(index))
    }
    head_indices = _indices(head)
    base_indices = _indices(base)
    return {
        "base": side_report(base),
        "head": side_report(head),
        "delta": Delta(
            unpacked_bytes=delta.unpacked_bytes,
            download_bytes=delta.download_bytes,
            upgrade_bytes=delta.upgrade_bytes if head else None,
        ),
        "attribution": _attribution(comparison.layers, causes) if known_base_image or causes else None,
        "noise_bytes": noise_bytes,
        "layers": tuple(_layer_row(pair, notes) for pair in comparison.layers.rows),
        "packages": tuple(_package_row(one) for one in comparison.packages[:MAXIMUM_PACKAGE_ROWS]),
        "packages_omitted": max(0, len(comparison.packages) - MAXIMUM_PACKAGE_ROWS),
        "folders": tuple(
            FolderRow(path=text(one.path), delta_bytes=one.delta_bytes, files=one.files) for one in comparison.folders
        ),
        "remarks": _remarks(base, head),
        "files": tuple(_file_row(one, base_indices, head_indices) for one in comparison.files[:MAXIMUM_FILE_ROWS]),
        "files_omitted": max(0, len(comparison.files) - MAXIMUM_FILE_ROWS),
        "findings": tuple(
            _finding_report(
                finding,
                introduced=finding in comparison.introduced,
                ignored_because=ignored_because(finding, ignores),
            )
            for finding in (head.findings if head else ())
        ),
    }


def tip_report(tip: Tip, *, before_bytes: int, patch: str | None = None, not_built: str | None = None) -> TipReport:
    """One tip for an image of `before_bytes`; `not_built` says why its patch was not built, where it has one."""
    return TipReport(
        code=tip.code,
        saved_bytes=tip.saved_bytes,
        basis=tip.basis,
        line=tip.line,
        explanation=text(tip.explanation),
        patch=None if patch is None else text(patch),
        before_bytes=before_bytes,
        after_bytes=None if tip.saved_bytes is None else before_bytes - tip.saved_bytes,
        not_built=None if not_built is None else text(not_built),
    )


def assemble(
    images: Sequence[ImageReport],
    *,
    base: Revision | None,
    head: Revision | None,
    limits: Mapping[str, Limits],
    fail_on: FailOn,
    notes: Sequence[str] = (),
    part: Part | None = None,
    shared_tips: Sequence[SharedTip] = (),
) -> Report:
    """The report of a run, with its verdict. `limits` are by image name; an image without is asked nothing."""
    return Report(
        tool=Tool(name="weighbridge", version=__version__),
        base=base,
        head=head,
        verdict=verdict_of(images, limits=limits, fail_on=fail_on),
        images=tuple(replace(image, limit=_limit_text(limits.get(image.name))) for image in images),
        notes=tuple(map(text, notes)),
        part=part,
        shared_tips=tuple(
            SharedTipReport(
                code=tip.code,
                saved_bytes=tip.saved_bytes,
                basis=tip.basis,
                images=tip.images,
                explanation=text(tip.explanation),
            )
            for tip in shared_tips
        ),
    )


def _limit_text(limits: Limits | None) -> str | None:
    """What is asked of an image, in words."""
    if limits is None:
        return None
    asked = [str(limits.max_increase)] if limits.max_increase else []
    if limits.max_size_bytes is not None:
        asked.append(f"at most {limits.max_size_text or limits.max_size_bytes}")
    if limits.ratchet is not None:
        asked.append(str(limits.ratchet))
    return ", ".join(asked) or None


def _argv(argv: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if argv is None else tuple(map(text, argv))


def _layer_report(layer: WeighedLayer, note: str | None) -> LayerReport:
    return LayerReport(
        diff_id=layer.diff_id,
        instruction=None if layer.instruction is None else text(layer.instruction),
        line=layer.line,
        unpacked_bytes=layer.unpacked_bytes,
        download_bytes=layer.download_bytes,
        from_base_image=layer.from_base_image,
        note=note,
    )


def _layer_notes(weighed: WeighedImage) -> dict[int, str]:
    """What is to be said of layers beside their size, by index."""
    return {index: _copies_note(copies) for index, copies in metadata_copies(weighed.waste).items()}


def _copies_note(copies: MetadataCopies) -> str:
    files = "1 file" if copies.files == 1 else f"{copies.files} files"
    return f"{files} copied only to change mode, owner or time: {format_bytes(copies.size_bytes)}"


def _attribution(layers: LayerDiff, causes: Sequence[Cause]) -> Attribution:
    names = tuple(_CAUSE_NAMES[cause] for cause in causes)
    return Attribution(
        base_image_bytes=layers.base_image_bytes,
        own_bytes=layers.own_bytes,
        cause=names[0] if names else None,
        also=names[1:],
    )


def _package_row(change: PackageChange) -> PackageRow:
    return PackageRow(
        ecosystem=change.ecosystem.value,
        name=text(change.name),
        base_version=None if change.base_version is None else text(change.base_version),
        head_version=None if change.head_version is None else text(change.head_version),
        delta_bytes=change.delta_bytes,
    )


def _remarks(base: WeighedImage | None, head: WeighedImage | None) -> tuple[str, ...]:
    """What could not be read, once for both sides where both say it."""
    sides = {"base": base, "head": head}
    said: dict[str, list[str]] = {}
    for name, side in sides.items():
        for note in side.packages.notes if side else ():
            said.setdefault(note, []).append(name)
    only = base is not None and head is not None
    return tuple(text(f"{names[0]}: {note}" if only and len(names) == 1 else note) for note, names in said.items())


def _layer_row(pair: LayerPair, notes: Mapping[str, str]) -> LayerRow:
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
        instruction=None if layer.instruction is None else text(layer.instruction),
        line=layer.line,
        base_bytes=pair.base.unpacked_bytes if pair.base else None,
        head_bytes=pair.head.unpacked_bytes if pair.head else None,
        base_diff_id=pair.base.diff_id if pair.base else None,
        head_diff_id=pair.head.diff_id if pair.head else None,
        from_base_image=layer.from_base_image,
        note=notes.get(layer.diff_id),
    )


def _indices(weighed: WeighedImage | None) -> dict[str, int]:
    return {layer.diff_id: index for index, layer in enumerate(weighed.layers)} if weighed else {}


def _file_row(delta: FileDelta, base_indices: Mapping[str, int], head_indices: Mapping[str, int]) -> FileRow:
    if delta.base is None:
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
        path=text(delta.path),
        change=change,
        base_bytes=delta.base.size_bytes if delta.base else None,
        head_bytes=delta.head.size_bytes if delta.head else None,
        layer=layer,
        moved_from=None if moved_from is None else text(moved_from),
    )


def _finding_report(finding: Finding, *, introduced: bool, ignored_because: str | None) -> FindingReport:
    return FindingReport(
        code=finding.code,
        severity=finding.severity,
        subject=finding.subject,
        path=None if finding.path is None else text(finding.path),
        predicts=None if finding.predicts is None else text(finding.predicts),
        evidence=tuple(map(text, finding.evidence)),
        line=finding.line,
        fix=None if finding.fix is None else text(finding.fix),
        introduced=introduced,
        ignored_because=None if ignored_because is None else text(ignored_because),
    )
