"""One image of the report: its sides, base and head, and all that is known of the difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from weighbridge.domain.result.status import Status
from weighbridge.report.model.causes import Attribution, CauseRow
from weighbridge.report.model.contents import FileRow, FolderRow, LayerRow, PackageRow, TextDiff
from weighbridge.report.model.gate import AsBaseDefinesReport, LimitRow, RatchetReport
from weighbridge.report.model.start import FindingReport, StartReport, TrialReport
from weighbridge.report.model.tips import CombinedTips, DroppedTip, LadderRow, TipReport


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPoint:
    """The size of the image at a commit of the default branch; `at` is the commit's time (ISO 8601, UTC)."""

    commit: str
    at: str
    unpacked_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a side of an image could not be weighed. `log_tail` is the end of the build's output: hostile text."""

    side: Literal["base", "head"]
    kind: Literal["build", "unreadable", "unavailable", "dockerfile", "context", "defect"]
    message: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerReport:
    """A layer of one image, lowest first. `line` is its line in the Dockerfile.

    `note` describes files that the layer copies only to change their mode or owner. `download_estimated`: no store that
    was asked has the compressed layer, so `download_bytes` is an estimate.
    """

    diff_id: str
    instruction: str | None
    line: int | None
    unpacked_bytes: int
    download_bytes: int | None
    from_base_image: bool
    note: str | None = None
    download_estimated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigReport:
    """The relevant part of the image config. ``None`` if the config has no value."""

    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    user: str = ""
    workdir: str = ""
    healthcheck: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSide:
    """One image, base or head. `wasted_bytes` and `efficiency` are explained in ``docs/architecture.md``.

    `measured_at` (ISO 8601, UTC) is set if an earlier run measured this side and this run did not build it.
    `moved_images` are the names of images that have moved since then, as far as known.
    """

    image_id: str
    platform: str
    unpacked_bytes: int
    download_bytes: int | None
    download_estimated: bool
    wasted_bytes: int | None
    efficiency: float | None
    layers: tuple[LayerReport, ...]
    config: ConfigReport
    start: StartReport | None = None
    trial: TrialReport | None = None
    measured_at: str | None = None
    moved_images: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """Head minus base. For an added image the size of head; for a removed one minus the size of base."""

    unpacked_bytes: int | None = None
    download_bytes: int | None = None
    upgrade_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataRow:
    """A changed setting of the image config (``ENV PATH``, ``EXPOSE``, ``USER``, …).

    A missing side is ``None``. A value that looks like a secret is shown as ``***``.
    """

    name: str
    base: str | None
    head: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReport:
    """All data on one image. `reason` says why it is unchanged, skipped or failed.

    `causes` explain the difference, largest first; they are empty if a side is missing. `metadata` are the settings of
    the image config that differ between two sides. `limit` are the configured limits of this image ("+10 MB, at most
    500MB"); ``None`` without any. `limits` has a row for each of them, with the limited figure. `text_diffs` are
    there on request (``report.text-diffs`` of the configuration). `noise_bytes` is the
    difference between two builds of base, if base was built twice. `remarks` name unreadable data, such as a package
    database in an unknown format. `dropped_tips`, `combined` and `ladder` are the results of building patched
    Dockerfiles; `not_combined` says why valid patches were not built together. `build_seconds` is the build time of
    both sides, if any was built. `history` are the sizes on the default branch, oldest first. `growth_unknown_because`
    says why the growth is unknown although base has the image: limits on growth are then not checked.
    `as_base_defines` is set if head changes the definition of the image. `file_map` has all files of both sides with
    their bytes, layers and packages: columns of JSON, compressed with zlib, as documented in
    ``weighbridge.domain.image.packed_file_map.pack``. The largest files also have a row each.
    """

    name: str
    dockerfile: str | None
    context: str | None
    target: str | None
    platform: str | None
    status: Status
    reason: str | None = None
    base: ImageSide | None = None
    head: ImageSide | None = None
    delta: Delta = field(default_factory=Delta)
    attribution: Attribution | None = None
    causes: tuple[CauseRow, ...] = ()
    metadata: tuple[MetadataRow, ...] = ()
    layers: tuple[LayerRow, ...] = ()
    packages: tuple[PackageRow, ...] = ()
    packages_omitted: int = 0
    folders: tuple[FolderRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    files_omitted: int = 0
    findings: tuple[FindingReport, ...] = ()
    tips: tuple[TipReport, ...] = ()
    dropped_tips: tuple[DroppedTip, ...] = ()
    combined: CombinedTips | None = None
    not_combined: str | None = None
    ladder: tuple[LadderRow, ...] = ()
    failures: tuple[Failure, ...] = ()
    limit: str | None = None
    limits: tuple[LimitRow, ...] = ()
    text_diffs: tuple[TextDiff, ...] = ()
    noise_bytes: int | None = None
    remarks: tuple[str, ...] = ()
    build_seconds: float | None = None
    history: tuple[HistoryPoint, ...] = ()
    ratchet: RatchetReport | None = None
    growth_unknown_because: str | None = None
    as_base_defines: AsBaseDefinesReport | None = None
    file_map: bytes | None = None
