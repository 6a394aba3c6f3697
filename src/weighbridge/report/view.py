"""What all renderers say alike: the facts of a report, counted, sorted and put into words once.

Plain values in, plain values out; nothing here is escaped, so nothing here may be printed without an escaping filter.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.domain.finding import Severity, Subject
from weighbridge.domain.tip import Basis
from weighbridge.report.escape import visible
from weighbridge.report.model import (
    CombinedTips,
    DroppedTip,
    FileRow,
    FindingReport,
    FolderRow,
    ImageReport,
    ImageSide,
    LadderRow,
    LayerChange,
    LayerRow,
    PackageRow,
    Reason,
    Report,
    Status,
    TipReport,
    TrialReport,
)
from weighbridge.report.units import format_bytes, format_delta, sparkline

_TOP_FOLDERS = 3
_MOVED_IMAGES = 3

STATUS_ORDER = (Status.FAILED, Status.CHANGED, Status.ADDED, Status.REMOVED, Status.UNCHANGED, Status.SKIPPED)
"""In which order images are listed: what needs a reader first."""

BASIS_IN_WORDS = {
    Basis.REBUILT: "built and measured",
    Basis.COMPUTED: "computed from the layers",
    Basis.UPPER_BOUND: "at most, computed",
    Basis.UNKNOWN: "not measured",
}

CAUSE_IN_WORDS = {
    "own-change": "a change of this repository",
    "base-image-moved": "the base image moved",
    "drift": "drift: the same instructions and context gave other content",
    "noise": "noise: two builds of one commit differ as much",
}


class Starts(enum.Enum):
    """Whether an image starts, as far as its report says."""

    YES = "yes"
    NO_NEW = "no, new"
    NO_AS_BEFORE = "no, as before"
    NOT_CHECKED = "not checked"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """The sum of the known differences, and how many images were to be weighed but could not be."""

    delta_bytes: int
    not_known: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """A part of the verdict about one image: its name and what is wrong with it."""

    image: str
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageTip:
    """A tip with the image it is for."""

    image: ImageReport
    tip: TipReport


def sorted_images(report: Report) -> list[ImageReport]:
    """The images as listed: by `STATUS_ORDER`, the largest difference first, then by name."""
    blamed = {reason.image for reason in report.verdict.reasons}

    def rank(image: ImageReport) -> tuple[int, int, str]:
        status = -1 if image.name in blamed else STATUS_ORDER.index(image.status)
        return status, -abs(image_delta(image) or 0), image.name

    return sorted(report.images, key=rank)


def is_quiet(report: Report) -> bool:
    """True if there is nothing to tell: the gate is open and no image changed, failed or has a new finding."""
    return (
        report.verdict.passed
        and not report.verdict.reasons
        and all(image.status in {Status.UNCHANGED, Status.SKIPPED} for image in report.images)
        and not any(image.failures or new_findings(image) for image in report.images)
    )


def image_delta(image: ImageReport) -> int | None:
    """Head minus base in unpacked bytes; None where it is not known."""
    return image.delta.unpacked_bytes


def total(report: Report) -> Total:
    """See `Total`."""
    known = [delta for image in report.images if (delta := image_delta(image)) is not None]
    missing = sum(
        image_delta(image) is None and image.status not in {Status.UNCHANGED, Status.SKIPPED} for image in report.images
    )
    return Total(delta_bytes=sum(known), not_known=missing)


def counts(report: Report) -> str:
    """How many images did what: ``1 of 3 images grew, 1 shrank``."""
    count = len(report.images)
    if count == 0:
        return "no images"
    seen = Counter(_deed(image) for image in report.images)
    deeds = [(seen[deed], deed) for deed in _DEEDS if seen[deed]]
    if not deeds:
        return f"{count} {plural(count, 'image')}"
    (first_count, first), *rest = deeds
    head = f"{first_count} of {count} images {first}" if count > 1 else f"1 image {first}"
    return ", ".join([head, *(f"{number} {deed}" for number, deed in rest)])


def clauses(report: Report) -> list[Clause]:
    """What the verdict says, one clause an image and kind of reason, in the order of the report."""
    found: dict[tuple[str, str], Clause] = {}
    images = {image.name: image for image in report.images}
    for reason in report.verdict.reasons:
        what = _RULE_IN_WORDS.get(reason.rule, f"breaks {reason.rule}")
        if reason.rule == "check" and not _is_start(images.get(reason.image), reason):
            what = "has a failed check"
        found.setdefault((reason.image, what), Clause(image=reason.image, what=what))
    return list(found.values())


def broken_limits(report: Report) -> dict[str, str]:
    """The limits that images are over, as configured, by the name of the image."""
    found: dict[str, str] = {}
    for reason in report.verdict.reasons:
        if reason.rule in {"max-increase", "max-size", "ratchet"} and reason.limit:
            found.setdefault(reason.image, reason.limit)
    return found


def reason_text(reason: Reason) -> str:
    """One reason in a sentence without its subject, with sizes in the units of the rest of the report."""
    if reason.rule == "max-increase" and reason.limit is not None and reason.actual_bytes is not None:
        return f"grew by {format_bytes(reason.actual_bytes)}; its limit is {reason.limit}"
    if reason.rule == "ratchet" and reason.limit is not None and reason.actual_bytes is not None:
        return f"has grown by {format_bytes(reason.actual_bytes)} in all; its limit is {reason.limit}"
    if reason.rule == "max-size" and reason.limit is not None and reason.actual_bytes is not None:
        return f"weighs {format_bytes(reason.actual_bytes)}; its limit is {reason.limit}"
    return reason.message


def starts(image: ImageReport) -> Starts:
    """Whether head starts."""
    side = image.head
    if side is None or side.start is None:
        return Starts.NOT_KNOWN
    if side.start.outcome == "yes":
        return Starts.YES
    if side.start.outcome == "not checked":
        return Starts.NOT_CHECKED
    before = image.base.start if image.base is not None else None
    introduced = any(finding.introduced for finding in start_errors(image))
    worked = before is not None and before.outcome == "yes"
    return Starts.NO_NEW if introduced or worked or image.base is None else Starts.NO_AS_BEFORE


def start_errors(image: ImageReport) -> list[FindingReport]:
    """The findings because of which the container does not start."""
    return [
        finding
        for finding in image.findings
        if finding.severity is Severity.ERROR
        and finding.subject is Subject.ENTRYPOINT
        and finding.ignored_because is None
    ]


def trial_verdict(trial: TrialReport) -> str:
    """What a real start says of the prediction."""
    if trial.agrees is None:
        return "this neither bears the prediction out nor refutes it"
    return "as predicted" if trial.agrees else "not as predicted"


def new_findings(image: ImageReport) -> list[FindingReport]:
    """Errors and warnings that head has and base has not, those configured to be ignored left out; errors first."""
    found = [
        finding
        for finding in image.findings
        if finding.introduced and finding.ignored_because is None and finding.severity is not Severity.INFO
    ]
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def old_findings(image: ImageReport) -> list[FindingReport]:
    """All other findings that are not ignored: known from base, or remarks; errors first."""
    new = {id(finding) for finding in new_findings(image)}
    order = list(Severity)
    found = [finding for finding in image.findings if id(finding) not in new and finding.ignored_because is None]
    return sorted(found, key=lambda finding: order.index(finding.severity))


def ignored_findings(image: ImageReport) -> list[FindingReport]:
    """The findings that a configuration or a Dockerfile told us to ignore."""
    return [finding for finding in image.findings if finding.ignored_because is not None]


def layer_delta(row: LayerRow) -> int:
    """Head minus base of one row; a side that does not have the layer has none of its bytes."""
    return (row.head_bytes or 0) - (row.base_bytes or 0)


def changed_layers(image: ImageReport) -> list[LayerRow]:
    """The rows that are not the same on both sides, in the order of the image."""
    return [row for row in image.layers if row.change is not LayerChange.SAME]


def main_layer(image: ImageReport) -> LayerRow | None:
    """The layer that moved most in the direction of the image's own change; None where none did."""
    delta = image_delta(image)
    if not delta:
        return None
    sign = 1 if delta > 0 else -1
    best = max(image.layers, key=lambda row: sign * layer_delta(row), default=None)
    return best if best is not None and sign * layer_delta(best) > 0 else None


def same_layers(image: ImageReport) -> tuple[int, int]:
    """How many layers are the same on both sides, and their bytes together."""
    same = [row for row in image.layers if row.change is LayerChange.SAME]
    return len(same), sum(row.head_bytes or 0 for row in same)


def has_one_side(image: ImageReport) -> bool:
    """True where there is nothing to compare: packages then have a version and a size, and no change."""
    return (image.base is None) != (image.head is None)


def package_version(row: PackageRow) -> str | None:
    """The version of a package of an image that has one side only; None where it has none."""
    return row.base_version if row.head_version is None else row.head_version


def sorted_packages(image: ImageReport) -> list[PackageRow]:
    """The packages, the largest difference first."""
    return sorted(image.packages, key=lambda row: (-abs(row.delta_bytes or 0), row.ecosystem, row.name))


def file_path(row: FileRow) -> str:
    """The path of a file; of one that moved ``old → new``."""
    return row.path if row.moved_from is None else f"{row.moved_from} → {row.path}"


def top_folders(image: ImageReport) -> list[FolderRow]:
    """The folders in which most of the change is."""
    return [row for row in image.folders if row.delta_bytes][:_TOP_FOLDERS]


def file_delta(row: FileRow) -> int | None:
    """Head minus base of one file; None where a side that has the file has no size."""
    match row.base_bytes, row.head_bytes:
        case None, None:
            return None
        case base, head:
            return (head or 0) - (base or 0)


def sorted_files(image: ImageReport) -> list[FileRow]:
    """The files, the largest difference first."""
    return sorted(image.files, key=lambda row: (-abs(file_delta(row) or 0), row.path))


def tips(report: Report) -> list[ImageTip]:
    """All tips of all images, the largest saving first, unmeasured ones last."""
    found = [ImageTip(image=image, tip=tip) for image in sorted_images(report) for tip in image.tips]
    return sorted(found, key=lambda each: -(each.tip.saved_bytes if each.tip.saved_bytes is not None else -1))


def tips_headline(found: Sequence[ImageTip]) -> str:
    """``3 ways to make these images smaller; the best saves 41.2 MB, built and measured``.

    The savings are not added up: two tips may well save the same bytes. Where patches of one image were built together,
    what is built and measured in all is said instead.
    """
    count = len(found)
    images = {each.image.name: each.image for each in found}
    head = f"{count} {plural(count, 'way')} to make {'this image' if len(images) == 1 else 'these images'} smaller"
    if any(image.combined for image in images.values()):
        saved_bytes = sum(_best_measured(image) for image in images.values())
        return f"{head}; those that go together save {format_bytes(saved_bytes)}, built and measured"
    best = found[0].tip
    if best.saved_bytes is None:
        return head
    how = BASIS_IN_WORDS[best.basis]
    return f"{head}; {'it' if count == 1 else 'the best'} saves {format_bytes(best.saved_bytes)}, {how}"


def _best_measured(image: ImageReport) -> int:
    """What the patches of an image save that were built: together, else the best of them; 0 where there is none."""
    if image.combined is not None:
        return image.combined.saved_bytes
    return max((tip.saved_bytes or 0 for tip in image.tips if tip.basis is Basis.REBUILT), default=0)


def basis_text(tip: TipReport) -> str:
    """How a tip's bytes were come by; where its patch was not built, why not."""
    said = BASIS_IN_WORDS[tip.basis]
    return said if tip.not_built is None else f"{said}; the patch was not built: {tip.not_built}"


def together_text(combined: CombinedTips) -> str:
    """``both`` or ``all 3`` where a combination is of so many tips: what stands before its saving."""
    return "both" if len(combined.codes) == 2 else f"all {len(combined.codes)}"


def told_drops(image: ImageReport) -> list[DroppedTip]:
    """The patches of which a reader wants to know that they do not work; not those that only save too little."""
    return [one for one in image.dropped_tips if one.ground != "saves too little"]


def ladder_rows(image: ImageReport) -> tuple[list[LadderRow], list[LadderRow]]:
    """The rows that have a size, the largest first, and those that could not be built, each with its reason."""
    built = [row for row in image.ladder if row.unpacked_bytes is not None]
    return built, [row for row in image.ladder if row.unpacked_bytes is None]


def ladder_headline(image: ImageReport) -> str | None:
    """``on 6 other bases: from 387.8 MB down to 24.7 kB``, of rows that start; None where there is no other row."""
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
    """The compressed size of a row; "≈" before one that was computed here."""
    mark = "≈ " if row.download_estimated and row.download_bytes is not None else ""
    return mark + format_bytes(row.download_bytes)


def ladder_tools(row: LadderRow) -> str:
    """The debug tools of a row, by name."""
    return ", ".join(row.debug_tools) if row.debug_tools else "none"


def shared_headline(report: Report) -> str:
    """``2 things these images could share; the best saves 41.2 MB on a node that has them all, exact``."""
    found = report.shared_tips
    best = found[0]
    count = len(found)
    return (
        f"{count} {plural(count, 'thing')} that images could share; {'it' if count == 1 else 'the best'} saves"
        f" {format_bytes(best.saved_bytes)} on a node that has them all, {BASIS_IN_WORDS[best.basis]}"
    )


def layer_name(instruction: str | None) -> str:
    """The instruction, or what stands for one in an image without history."""
    return instruction or "(no instruction recorded)"


def facts(image: ImageReport) -> list[str]:
    """What is to be said of a comparison beside its tables, a sentence each, in our words and figures only."""
    said = [attribution_text(image)]
    if image.noise_bytes is not None:
        said.append(f"Noise: two builds of base differ by {format_bytes(image.noise_bytes)}.")
    if image.base is not None and image.head is not None:
        sides = f"{download_text(image.base)} → {download_text(image.head)}"
        said.append(f"Download, compressed: {sides} ({format_delta(image.delta.download_bytes)}).")
        if image.delta.upgrade_bytes is not None:
            said.append(f"A node that runs base pulls {format_bytes(image.delta.upgrade_bytes)} to run head.")
    waste = waste_text(image.head)
    if waste:
        said.append(f"Head has {waste}.")
    said += [memory_text(image.base), ratchet_text(image), trend_text(image)]
    return [sentence for sentence in said if sentence]


def is_inspection(report: Report) -> bool:
    """True if the report compares nothing: no base revision and no image with a base. ``inspect`` makes such."""
    return report.base is None and bool(report.images) and all(image.base is None for image in report.images)


def attribution_text(image: ImageReport) -> str | None:
    """``Own instructions +39.8 MB, base image +1.4 MB. Cause: …``; None where the report does not say."""
    found = image.attribution
    if found is None:
        return None
    said = f"Own instructions {format_delta(found.own_bytes)}, base image {format_delta(found.base_image_bytes)}."
    causes = [CAUSE_IN_WORDS[cause] for cause in (found.cause, *found.also) if cause is not None]
    return f"{said} Cause: {'; and also: '.join(causes)}." if causes else said


def memory_text(side: ImageSide | None) -> str | None:
    """Where the figures of base are from, if not from this run; what may have moved on since then."""
    if side is None or side.measured_at is None:
        return None
    when = visible(side.measured_at, maximum=40).replace("T", " ")[:16]
    said = f"Base was measured by an earlier run ({when} UTC) and not built again"
    if not side.moved_images:
        return f"{said}; what packages and URLs gave then may have moved on."
    names = enumerate_words(visible(name, maximum=100) for name in side.moved_images[:_MOVED_IMAGES])
    more = len(side.moved_images) - _MOVED_IMAGES
    return f"{said}; since then moved: {names}{f' and {more} more' if more > 0 else ''}."


def ratchet_text(image: ImageReport) -> str | None:
    """``Since v1.0: +12.3 MB in all (limit +20%).``; None where there is no ratchet."""
    found = image.ratchet
    if found is None:
        return None
    since, limit = visible(found.since, maximum=100), visible(found.limit, maximum=100)
    if found.baseline_bytes is None or image.head is None:
        why = visible(found.reason or "the size there is not known", maximum=200)
        return f"The limit {limit} since {since} was not checked: {why}."
    return f"Since {since}: {format_delta(image.head.unpacked_bytes - found.baseline_bytes)} in all (limit {limit})."


def trend_text(image: ImageReport) -> str | None:
    """The sizes on the default branch in little, then head's; None where there are no two of them."""
    sizes = trend_sizes(image)
    if len(sizes) < 2:
        return None
    return f"Trend: {sparkline(sizes)} ({format_bytes(sizes[0])} to {format_bytes(sizes[-1])}, the last one is head)."


def trend_sizes(image: ImageReport) -> list[int]:
    """What the image weighed on the default branch, the oldest first, and what head weighs; empty without a history."""
    if not image.history or image.head is None:
        return []
    return [*(point.unpacked_bytes for point in image.history), image.head.unpacked_bytes]


def memory_summary(report: Report) -> str | None:
    """How many bases were not built, and of when their figures are; None where all were."""
    dates = sorted(image.base.measured_at for image in report.images if image.base and image.base.measured_at)
    if not dates:
        return None
    bases = f"{len(dates)} {plural(len(dates), 'base')} measured earlier"
    first, last = dates[0][:10], dates[-1][:10]
    return f"{bases} ({first})" if first == last else f"{bases} ({first} to {last})"


def waste_text(side: ImageSide | None) -> str | None:
    """``3.2 MB wasted (97.1 % efficient)``; None where it is not known or nothing is wasted."""
    if side is None or not side.wasted_bytes:
        return None
    share = "" if side.efficiency is None else f" (efficiency {side.efficiency * 100:.1f} %)"
    return f"{format_bytes(side.wasted_bytes)} wasted in overwritten and removed files{share}"


def download_text(side: ImageSide | None) -> str:
    """The compressed size of a side; "≈" before one that was computed here and not stored by the builder."""
    if side is None:
        return "–"
    mark = "≈ " if side.download_estimated and side.download_bytes is not None else ""
    return mark + format_bytes(side.download_bytes)


def where(image: ImageReport, line: int | None) -> str | None:
    """``services/api/Dockerfile:7``; None where either is not known."""
    if image.dockerfile is None:
        return None if line is None else f"line {line}"
    return image.dockerfile if line is None else f"{image.dockerfile}:{line}"


def short_sha(sha: str | None) -> str | None:
    """The first seven digits of a commit hash; None for what is no hash."""
    return sha[:7] if sha and 7 <= len(sha) <= 64 and all(digit in "0123456789abcdef" for digit in sha) else None


def plural(count: int, noun: str) -> str:
    """The noun in the number that `count` asks for."""
    return noun if count == 1 else noun + "s"


def enumerate_words(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else ""


_DEEDS = ("grew", "shrank", "new", "removed", "not weighed", "changed without a change in size")

_RULE_IN_WORDS = {
    "max-increase": "is over its limit",
    "max-size": "is over its limit",
    "ratchet": "is over its ratchet",
    "check": "will not start",
    "build": "could not be built",
    "unreadable": "could not be read",
    "unavailable": "could not be weighed",
}


def _deed(image: ImageReport) -> str:
    delta = image_delta(image)
    match image.status:
        case Status.ADDED:
            return "new"
        case Status.REMOVED:
            return "removed"
        case Status.FAILED:
            return "not weighed"
        case Status.SKIPPED:
            return "skipped"
        case Status.UNCHANGED:
            return "unchanged"
        case Status.CHANGED if delta is None:
            return "not weighed"
        case Status.CHANGED if delta == 0:
            return "changed without a change in size"
        case _:
            return "grew" if (delta or 0) > 0 else "shrank"


def _is_start(image: ImageReport | None, reason: Reason) -> bool:
    return image is not None and any(finding.code == reason.limit for finding in start_errors(image))
