"""The report, version 1: the output of ``--format json``, and the input of rendering, merging and GitHub.

This module *is* the schema; ``docs/report-schema.json`` is generated from it. Sizes are bytes. ``None`` (JSON
``null``) means unknown and never zero. New versions only add fields; a change of meaning makes a new `SCHEMA_VERSION`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.result.revision import Part as Part  # noqa: PLC0414 - part of the schema
from weighbridge.domain.result.revision import Revision as Revision  # noqa: PLC0414 - part of the schema
from weighbridge.domain.result.status import Status as Status  # noqa: PLC0414 - part of the schema
from weighbridge.domain.tips.tip import Basis
from weighbridge.errors import ReportError

SCHEMA_VERSION = 1

MAXIMUM_REPORT_BYTES = 32 * 1024 * 1024
"""Maximum size of a report file: reports come from pull requests, which may be hostile."""


class LayerChange(enum.StrEnum):
    """How a layer changed between base and head."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class FileChange(enum.StrEnum):
    """How a path of the final filesystem changed between base and head."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class WritingProgram:
    """The program that wrote the report."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why the job fails: the image, the rule (a limit or a check), and the `limit` as configured.

    `code` is the finding's code for the rule ``check``; `limit` repeats it there for older readers.
    """

    image: str
    rule: str
    limit: str | None
    actual_bytes: int | None
    message: str
    code: str | None = None


LimitOutcome = Literal["passed", "warned", "failed", "not checked"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitRow:
    """One limit that applies to an image, with the figure that it is about. `limit` is the limit as configured.

    `rule` is the key of the configuration, as ``max-increase``; `soft` limits warn and never fail the job.
    `actual_bytes` is the growth or the size, `actual_count` the number of layers. `percent` is of base for a growth,
    and of the limit for a size or a number. `message` is a sentence without its subject.
    """

    rule: str
    limit: str
    outcome: LimitOutcome
    message: str
    soft: bool = False
    actual_bytes: int | None = None
    actual_count: int | None = None
    percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetShare:
    """One image of a budget: 0 for a side that does not exist, null for what is unknown."""

    image: str
    base_bytes: int | None
    head_bytes: int | None
    grown_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRow:
    """A limit on several images together. Each image counts as a whole, also if it shares layers with another."""

    name: str
    rule: str
    limit: str
    outcome: LimitOutcome
    message: str
    shares: tuple[BudgetShare, ...]
    on_unknown: Literal["fail", "warn"] = "fail"
    actual_bytes: int | None = None
    percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """The person who overrode a failed gate, the time, the label, and the reason given."""

    actor: str
    label: str
    at: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Passed or failed, with every reason. An override keeps the reasons.

    `warnings` are the exceeded soft limits; they never fail the job.
    """

    passed: bool
    reasons: tuple[Reason, ...] = ()
    override: Override | None = None
    warnings: tuple[Reason, ...] = ()


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
class StartReport:
    """Whether the container starts as configured; `not_checked` names what could not be decided, and why.

    `followed` summarises how far the start was followed: "followed /entrypoint.sh -> gosu -> /app/server".
    """

    outcome: Literal["yes", "no", "not checked"]
    followed: str = ""
    chain: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialReport:
    """The outcome of really starting the image (``--start``), compared with the prediction.

    `message` is the outcome in words, `output` the last printed lines: hostile text. `agrees` is null if the outcome is
    inconclusive.
    """

    outcome: Literal["still running", "ended", "refused", "not tried"]
    message: str
    exit_code: int | None = None
    output: tuple[str, ...] = ()
    agrees: bool | None = None


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


CauseName = Literal["own-change", "base-image-moved", "drift", "noise"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """How the change splits between the base image in ``FROM`` and the Dockerfile's own instructions.

    `cause` is the main reason: an edit of this repository, a base image that moved, other content from the same
    instructions and context (``drift``), or the difference between two builds of one commit (``noise``). `also` are
    further causes, in descending order.
    """

    base_image_bytes: int
    own_bytes: int
    cause: CauseName | None = None
    also: tuple[CauseName, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataRow:
    """A changed setting of the image config (``ENV PATH``, ``EXPOSE``, ``USER``, …).

    A missing side is ``None``. A value that looks like a secret is shown as ``***``.
    """

    name: str
    base: str | None
    head: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CausePart:
    """A share of a cause, such as a dependency of a package. `via` are the packages between the two."""

    what: str
    bytes: int
    via: tuple[str, ...] = ()


CauseKindName = Literal[
    "dependency",
    "system-package",
    "file",
    "base-image",
    "drift",
    "instruction",
    "program",
    "duplication",
    "waste",
    "not-attributed",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class CauseRow:
    """One cause of growth or shrinkage by `bytes`; the bytes of all causes add up to the unpacked difference.

    `what` names the package, file or base image; `because` describes its change. `path` and `line` are the place of the
    change in the repository (in base for a removed thing); `via` is the chain from there to the bytes. `brings` are its
    largest shares, `brings_omitted` the number of others.
    """

    bytes: int
    kind: CauseKindName
    what: str
    because: str
    path: str | None = None
    line: int | None = None
    via: tuple[str, ...] = ()
    brings: tuple[CausePart, ...] = ()
    brings_omitted: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerRow:
    """One row of the aligned layers of base and head. A side without the layer has ``None``.

    `note` is that of the layer in head (in base if head does not have it); see `LayerReport`.
    """

    change: LayerChange
    instruction: str | None
    line: int | None
    base_bytes: int | None
    head_bytes: int | None
    base_diff_id: str | None
    head_diff_id: str | None
    from_base_image: bool = False
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageRow:
    """One package whose version or size differs. A version is ``None`` on a side without the package.

    If there is only one side, each of its packages has a row. The row of the ecosystem ``other`` is the change of files
    outside of packages. `delta_bytes` is ``None`` for a package without own files: a module in a Go program.
    `from_sbom` marks a package that only an SBOM attached to the image lists.
    """

    ecosystem: str
    name: str
    base_version: str | None
    head_version: str | None
    delta_bytes: int | None
    from_sbom: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRow:
    """One changed file of the final filesystem. `layer` is the index in head's layers (base's if removed).

    A moved file has its old path in `moved_from`, and the same size on both sides.
    """

    path: str
    change: FileChange
    base_bytes: int | None
    head_bytes: int | None
    layer: int | None
    moved_from: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderRow:
    """A folder that explains a part of the change: the number of changed files below it, and their bytes together.

    Head minus base. The folders of a report do not contain each other.
    """

    path: str
    delta_bytes: int
    files: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDiff:
    """The unified diff of a small text file that differs; lines that look like secrets are masked: hostile text."""

    path: str
    diff: str
    omitted_lines: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingReport:
    """A check's finding; `introduced` means that head has it and base does not.

    See `weighbridge.domain.checks.finding`.
    """

    code: str
    severity: Severity
    subject: Subject
    path: str | None
    predicts: str | None
    evidence: tuple[str, ...]
    line: int | None
    fix: str | None
    introduced: bool
    ignored_because: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredEarlier:
    """The earlier run that measured: its commit, and its time (ISO 8601, UTC).

    `same_content`: all build inputs are the same now. If false, copied files have changed since.
    """

    commit: str
    at: str
    same_content: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TipReport:
    """A way to make the image smaller, with its saving in bytes and the basis of that number.

    `patch` is a unified diff for ``git apply``. `not_built` says why a patch was not built and measured: a limit of the
    run, or builds are disabled. `measured` is the earlier run that measured it; null: this run. `introduced`: the
    change adds the bytes that the tip saves; null if unknown. `cures_start`: head starts only with the patch.
    """

    code: str
    saved_bytes: int | None
    basis: Basis
    line: int | None
    explanation: str
    patch: str | None
    before_bytes: int | None
    after_bytes: int | None
    not_built: str | None = None
    measured: MeasuredEarlier | None = None
    introduced: bool | None = None
    cures_start: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DroppedTip:
    """A tip that is not proposed after its patch was built: it does not build, does not start, or saves too little."""

    code: str
    line: int | None
    ground: Literal["does not build", "does not start", "a check warns", "saves too little"]
    reason: str
    saved_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedTips:
    """The best set of compatible patches, applied, built and measured together; `codes` name its tips."""

    codes: tuple[str, ...]
    lines: tuple[int | None, ...]
    saved_bytes: int
    before_bytes: int
    after_bytes: int
    patch: str
    measured: MeasuredEarlier | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderRow:
    """The image on another base, really built; the first row is the current image.

    Unknown values of a row that was not built are null, and `reason` says why; for an image that will not start, it
    names the error. `lost` names what the image loses on this base; `debug_tools` are the usual tools that it has.
    """

    name: str
    outcome: Literal["as it is", "built", "does not build", "not tried"]
    unpacked_bytes: int | None = None
    download_bytes: int | None = None
    download_estimated: bool = False
    starts: Literal["yes", "no", "not checked"] | None = None
    trial: TrialReport | None = None
    shell: bool | None = None
    debug_tools: tuple[str, ...] | None = None
    lost: tuple[str, ...] = ()
    reason: str | None = None
    patch: str | None = None
    measured: MeasuredEarlier | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a side of an image could not be weighed. `log_tail` is the end of the build's output: hostile text."""

    side: Literal["base", "head"]
    kind: Literal["build", "unreadable", "unavailable", "dockerfile", "context", "defect"]
    message: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPoint:
    """The size of the image at a commit of the default branch; `at` is the commit's time (ISO 8601, UTC)."""

    commit: str
    at: str
    unpacked_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RatchetReport:
    """The limit on total growth since `since` (a revision or a day), and the size at that point.

    `commit` is the commit in the size history with that size. If the size is unknown, `reason` says why, and the limit
    was not checked.
    """

    since: str
    limit: str
    commit: str | None = None
    baseline_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AsBaseDefinesReport:
    """Head, built as base defines the image, for the gate: `change` names the difference in head's definition.

    `unpacked_bytes` is ``None`` if that build failed; `reason` then says why.
    """

    change: str
    unpacked_bytes: int | None = None
    reason: str | None = None


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
    ``weighbridge.domain.image.file_map.pack``. The largest files also have a row each.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedTipReport:
    """A way for several images to share layers. A node with all of `images` saves `saved_bytes`."""

    code: str
    saved_bytes: int
    basis: Basis
    images: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The whole run, or one `part` of it. `notes` are for the reader, such as ignored uncommitted files.

    `shared_tips` concern several images together; a part only knows its own images. `tips_pending`: the verdict is
    final, and tips are still being measured. `defects` are internal errors of Weighbridge during the search for tips;
    they make the exit code 70. `budgets` are limits on several images together. `comment_above_bytes` is the configured
    minimum change of an image for a comment.
    """

    schema_version: Literal[1] = 1
    tool: WritingProgram
    base: Revision | None
    head: Revision | None
    verdict: Verdict
    notes: tuple[str, ...] = ()
    images: tuple[ImageReport, ...]
    part: Part | None = None
    shared_tips: tuple[SharedTipReport, ...] = ()
    tips_pending: bool = False
    defects: tuple[str, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    comment_above_bytes: int | None = None


def encode_report(report: Report) -> str:
    """The report as JSON text, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


class _Versioned(msgspec.Struct):
    schema_version: int


def _schema_version(data: bytes) -> int | None:
    """The version that a report names; ``None`` if it names none."""
    try:
        return msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def decode_report(data: bytes, *, name: str) -> Report:
    """Decode the report in `data`, and validate it against the schema; `name` is the file's name for error texts.

    Raises ReportError for input that is too large, not JSON, of another version, or invalid.
    """
    if len(data) > MAXIMUM_REPORT_BYTES:
        raise ReportError(f"{name}: {len(data)} bytes exceed the limit for a report ({MAXIMUM_REPORT_BYTES}).")
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        version = _schema_version(data)
        if version is not None and version != SCHEMA_VERSION:
            raise ReportError(
                f"{name}: a report of version {version}; this program reads version {SCHEMA_VERSION}."
                " Use the version of Weighbridge that wrote it."
            ) from error
        raise ReportError(
            f"{name}: not a report of version {SCHEMA_VERSION}: {error}. Write one with --format json."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"{name}: not JSON: {error}") from error


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report."""
    schema = msgspec.json.schema(Report)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Weighbridge report, version {SCHEMA_VERSION}",
        **schema,
    }
