"""The report, version 1: what ``--format json`` prints, what is rendered, what is merged and what GitHub is told.

This module *is* the schema; ``docs/report-schema.json`` is generated from it. Sizes are bytes. ``None`` (JSON
``null``) is "not known" and never zero. Fields are only ever added; a change of meaning makes a new `SCHEMA_VERSION`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.result.revision import Part as Part  # noqa: PLC0414 - part of the schema
from weighbridge.domain.result.revision import Revision as Revision  # noqa: PLC0414 - the same
from weighbridge.domain.result.status import Status as Status  # noqa: PLC0414 - the same
from weighbridge.domain.tips.tip import Basis
from weighbridge.errors import ReportError

SCHEMA_VERSION = 1

MAXIMUM_REPORT_BYTES = 32 * 1024 * 1024
"""A larger report file is refused: reports come from pull requests, which may be hostile."""


class LayerChange(enum.StrEnum):
    """What became of a layer between base and head."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class FileChange(enum.StrEnum):
    """What became of a path of the final filesystem between base and head."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """Who wrote the report."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why the job fails: which image, which rule (a limit or a check), the `limit` as configured.

    `code` is the finding's, for the rule ``check``; `limit` repeats it there, as it always has.
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
    """Who opened a closed gate by hand, when, by which label, and what they gave as reason."""

    actor: str
    label: str
    at: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Passed or not, and every reason why not. An override leaves the reasons where they are.

    `warnings` are the soft limits that are exceeded; they never fail the job.
    """

    passed: bool
    reasons: tuple[Reason, ...] = ()
    override: Override | None = None
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerReport:
    """A layer of one image, lowest first. `line` is the Dockerfile line it comes from.

    `note` says in words what its size alone does not: copies that it holds only because of a new mode or owner.
    """

    diff_id: str
    instruction: str | None
    line: int | None
    unpacked_bytes: int
    download_bytes: int | None
    from_base_image: bool
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StartReport:
    """Whether the container starts as configured; `not_checked` says what could not be decided, and why.

    `followed` says in one line how far the start was followed: "followed /entrypoint.sh -> gosu -> /app/server".
    """

    outcome: Literal["yes", "no", "not checked"]
    followed: str = ""
    chain: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialReport:
    """What happened when the image was really started (``--start``), beside what was predicted.

    `message` is the outcome in words, `output` the last lines that were printed: hostile text. `agrees` is null where
    the outcome neither bears the prediction out nor refutes it.
    """

    outcome: Literal["still running", "ended", "refused", "not tried"]
    message: str
    exit_code: int | None = None
    output: tuple[str, ...] = ()
    agrees: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigReport:
    """The part of the image config that a reader wants to see changing. ``None`` where the config has none."""

    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    user: str = ""
    workdir: str = ""
    healthcheck: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSide:
    """One image, base or head. `wasted_bytes` and `efficiency` are explained in ``docs/architecture.md``.

    `measured_at` (ISO 8601, UTC) is set where the figures are those of an earlier run, and nothing was built in this.
    `moved_images` are the names that stood for other images then, as far as that could be found out.
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
    """Head minus base. For an added image the whole of head; for a removed one minus the whole of base."""

    unpacked_bytes: int | None = None
    download_bytes: int | None = None
    upgrade_bytes: int | None = None


CauseName = Literal["own-change", "base-image-moved", "drift", "noise"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """Whose bytes the change is: of the base image named in ``FROM``, or of the Dockerfile's own instructions.

    `cause` is why: an edit of this repository, a base image that moved, other content from the same instructions and
    context (``drift``), or a difference that two builds of one commit show as well (``noise``). `also` are further
    causes, each of less weight than the one before.
    """

    base_image_bytes: int
    own_bytes: int
    cause: CauseName | None = None
    also: tuple[CauseName, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataRow:
    """A setting of the image config that differs (``ENV PATH``, ``EXPOSE``, ``USER``, …).

    A side that does not have it is ``None``. A value that looks like a secret is shown as ``•••``.
    """

    name: str
    base: str | None
    head: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CausePart:
    """A share of a cause, such as a package that another one brings. `via` are the packages between the two."""

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
    """One reason why an image grew or shrank by `bytes`; the bytes of all causes add up to the unpacked difference.

    `what` names the package, file or base image, `because` what happened to it. `path` and `line` are the place in the
    repository where the change was made (in base, for what is gone); `via` is the way from there to the bytes. `brings`
    are the largest shares of it, `brings_omitted` how many more there are.
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
    """One row of the aligned layers of base and head. A side that does not have the layer has ``None``.

    `note` is that of the layer in head (in base, where head does not have it); see `LayerReport`.
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
    """One package whose version or size differs. A version is ``None`` where the package is not on that side.

    Where there is only one side, each of its packages has a row. The row of the ecosystem ``other`` is what changed in
    files that no package has. `delta_bytes` is ``None`` for what has no bytes of its own: a module in a Go program.
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
    """One file of the final filesystem that differs. `layer` is the index in head's layers (base's, if removed).

    A file that only moved has its old path in `moved_from`, and the same size on both sides.
    """

    path: str
    change: FileChange
    base_bytes: int | None
    head_bytes: int | None
    layer: int | None
    moved_from: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderRow:
    """A folder that explains a part of the change: its changed files, anywhere below it, and their bytes together.

    Head minus base. The folders of a report do not contain each other.
    """

    path: str
    delta_bytes: int
    files: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingReport:
    """A check's finding; `introduced` says that head has it and base does not.

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
    """The earlier run that measured: at which commit, and when (ISO 8601, UTC).

    `same_content`: everything that the build reads is the same now. Where false, copied files have changed since.
    """

    commit: str
    at: str
    same_content: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TipReport:
    """A way to make the image smaller, with the bytes it saves and how they were come by.

    `patch` is a unified diff for ``git apply``. `not_built` says why a patch was not built and measured: a bound of the
    run, or because nobody asked. `measured` is the earlier run that measured it; null: this run. `introduced`: the
    change adds what the tip saves; null if that is unknown. `cures_start`: head does not start, and with the patch it
    does.
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
    """A tip whose patch was built and is not proposed, and why: it does not build or not start, or saves too little."""

    code: str
    line: int | None
    ground: Literal["does not build", "does not start", "a check warns", "saves too little"]
    reason: str
    saved_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedTips:
    """The best set of patches that go together, applied at once, built and measured; `codes` name its tips."""

    codes: tuple[str, ...]
    lines: tuple[int | None, ...]
    saved_bytes: int
    before_bytes: int
    after_bytes: int
    patch: str
    measured: MeasuredEarlier | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderRow:
    """The image on another base, really built; the first row is the image as it is.

    What is not known of a row that was not built is null, and `reason` says why; for a row that will not start, it says
    what happens instead. `lost` is what the image no longer has there; `debug_tools` are the usual ones that it has.
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
    """What the image weighed at a commit of the default branch; `at` is the commit's own time (ISO 8601, UTC)."""

    commit: str
    at: str
    unpacked_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RatchetReport:
    """The limit on all growth since a revision or a day, `since`, and what the image weighed there.

    `commit` is where the history has that size. Where the size is not known, `reason` says why, and the limit was not
    checked.
    """

    since: str
    limit: str
    commit: str | None = None
    baseline_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AsBaseDefinesReport:
    """Head, built as base defines the image, for the gate: `change` says what head defines in another way.

    `unpacked_bytes` is ``None`` where it no longer builds like that; `reason` then says why.
    """

    change: str
    unpacked_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReport:
    """Everything about one image. `reason` says in words why it is unchanged, skipped or failed.

    `causes` say where the difference comes from, the largest first; they are empty where a side is missing. `metadata`
    are the settings of the image config that differ between two sides.
    `limit` are the limits that apply to this image, as configured ("+10 MB, at most 500MB"); ``None``: none.
    `limits` has a row for each of them, with the figure that it is about.
    `noise_bytes` is by how much two builds of base differ, where base was built twice to learn that. `remarks` say what
    could not be read, such as a package database in an unknown format. `dropped_tips`, `combined` and `ladder` are what
    came out of building patched Dockerfiles; `not_combined` says why patches that hold alone were not built together.
    `build_seconds` is what the builds of both sides took together, where there were any. `history` is what it weighed
    on the default branch, the oldest first. `growth_unknown_because` says why no growth is known although base has the
    image: limits on growth are then not checked. `as_base_defines` is there where head defines the image in another way
    than base. `file_map` has all files of both sides with their bytes, layers and packages: columns of JSON, compressed
    with zlib; ``weighbridge.domain.image.file_map.pack`` says what they hold. The largest files have a row each.
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
    """What several images could have in common. `saved_bytes` are saved on a node that has all of `images`."""

    code: str
    saved_bytes: int
    basis: Basis
    images: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The whole run, or one `part` of it. `notes` are remarks for the reader, such as uncommitted files left out.

    `shared_tips` are about several images together; a part only knows its own images. `tips_pending`: the verdict is
    final, and tips are still being measured. `defects` are the defects in Weighbridge that the run met while it looked
    for tips; they make the exit code 70. `budgets` are the limits on several images together.
    `comment_above_bytes` is the least change of an image that is worth a comment, as configured.
    """

    schema_version: Literal[1] = 1
    tool: Tool
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


def decode_report(data: bytes, *, name: str) -> Report:
    """The report in `data`, checked against the schema; `name` is the file's name for error texts.

    Raises ReportError for what is too large, not JSON, of another version, or not valid.
    """
    if len(data) > MAXIMUM_REPORT_BYTES:
        raise ReportError(f"{name}: {len(data)} bytes is more than a report may have ({MAXIMUM_REPORT_BYTES}).")
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        raise ReportError(f"{name}: not a report of version {SCHEMA_VERSION}: {error}") from error
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
