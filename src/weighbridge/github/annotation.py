"""Derives annotations on lines of Dockerfiles from the report. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from weighbridge.domain.checks.finding import Severity
from weighbridge.report.model import CauseRow, Failure, FindingReport, ImageReport, Reason, Report
from weighbridge.report.view.causes import cause_text, shown_causes

MAXIMUM_ANNOTATIONS = 500
"""Maximum number of annotations; one last annotation counts the dropped ones."""
_LEAST_CAUSE_BYTES = 100_000
"""Minimum growth of a cause to get an annotation."""


class Level(enum.StrEnum):
    """The level of an annotation, in the words of the Checks API."""

    NOTICE = "notice"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """One annotation. Without a `path` it belongs to no file; lines count from 1."""

    level: Level
    title: str
    message: str
    path: str | None = None
    start_line: int = 1
    end_line: int = 1


_LEVEL_OF = {Severity.ERROR: Level.FAILURE, Severity.WARNING: Level.WARNING, Severity.INFO: Level.NOTICE}
_ORDER = {Level.FAILURE: 0, Level.WARNING: 1, Level.NOTICE: 2}


def annotations_of(report: Report) -> tuple[Annotation, ...]:
    """The annotations of a report: reasons of the verdict, new findings, and causes of growth, each on its line.

    Failures come first. Images of several platforms with the same annotation share it.
    """
    images: dict[str, ImageReport] = {}
    for image in report.images:
        images.setdefault(image.name, image)
    # A failed check or build already has an annotation on its own line.
    found = [
        _of_reason(reason, images.get(reason.image), Level.FAILURE)
        for reason in report.verdict.reasons
        if not _is_covered(reason, images.get(reason.image))
    ]
    found += [_of_reason(reason, images.get(reason.image), Level.WARNING) for reason in report.verdict.warnings]
    found = _joined(found)
    # The annotation of a limit names the cause on its line, so the cause has no second annotation there.
    taken = {(one.path, one.start_line) for one in found}
    for image in report.images:
        found += [_of_failure(failure, image) for failure in image.failures if failure.side == "head"]
        found += [
            _of_finding(finding, image)
            for finding in image.findings
            if finding.introduced and finding.ignored_because is None
        ]
        explained = shown_causes(image)
        found += [
            _of_cause(cause, image)
            for cause in (explained.first if explained else ())
            if cause.path is not None
            and cause.bytes >= _LEAST_CAUSE_BYTES
            and (cause.path, cause.line or 1) not in taken
        ]
    unique = sorted(dict.fromkeys(found), key=lambda annotation: _ORDER[annotation.level])
    if len(unique) <= MAXIMUM_ANNOTATIONS:
        return tuple(unique)
    left_out = len(unique) - MAXIMUM_ANNOTATIONS + 1
    more = Annotation(
        level=Level.NOTICE, title="Weighbridge", message=f"{left_out} more annotations are in the report only."
    )
    return (*unique[: MAXIMUM_ANNOTATIONS - 1], more)


def _is_covered(reason: Reason, image: ImageReport | None) -> bool:
    """True if a finding or a failure of the image already covers the reason."""
    if image is None:
        return False
    if reason.rule == "check":
        code = reason.code or reason.limit
        return any(each.code == code and each.introduced and each.ignored_because is None for each in image.findings)
    return reason.rule in {"build", "unreadable", "unavailable"} and any(
        failure.side == "head" for failure in image.failures
    )


def _joined(found: list[Annotation]) -> list[Annotation]:
    """One annotation for each place and image: further limits add their lines to the first."""
    kept: dict[tuple[str | None, int, str], Annotation] = {}
    for one in found:
        key = one.path, one.start_line, one.title.rpartition(":")[0]
        first = kept.setdefault(key, one)
        if first is not one:
            lines = [line for line in one.message.split("\n") if line not in first.message.split("\n")]
            kept[key] = replace(first, message="\n".join([first.message, *lines]))
    return list(kept.values())


def _of_reason(reason: Reason, image: ImageReport | None, level: Level) -> Annotation:
    """At the largest cause of growth; if that is unknown, at the instruction that grew most."""
    explained = shown_causes(image) if image is not None else None
    cause = next(
        (one for one in (explained.first if explained else ()) if one.path is not None and one.bytes > 0), None
    )
    line = (cause.line if cause is not None else _heaviest_line(image)) or 1
    path = image.dockerfile if image is not None else None
    return Annotation(
        level=level,
        title=f"{reason.image}: {reason.rule}",
        message=f"{reason.message}\n{cause_text(cause)}" if cause is not None else reason.message,
        path=cause.path if cause is not None else path,
        start_line=line,
        end_line=line,
    )


def _of_cause(cause: CauseRow, image: ImageReport) -> Annotation:
    return Annotation(
        level=Level.NOTICE,
        title=f"{image.name}: what grew",
        message=cause_text(cause),
        path=cause.path,
        start_line=cause.line or 1,
        end_line=cause.line or 1,
    )


def _of_failure(failure: Failure, image: ImageReport) -> Annotation:
    # An unavailable service (for example a registry that needs credentials) is not the fault of the change.
    return Annotation(
        level=Level.WARNING if failure.kind == "unavailable" else Level.FAILURE,
        title=f"{image.name}: not weighed",
        message=failure.message,
        path=image.dockerfile,
    )


def _of_finding(finding: FindingReport, image: ImageReport) -> Annotation:
    said = [finding.predicts, *finding.evidence, finding.fix]
    line = finding.line if finding.line is not None and finding.line > 0 else 1
    return Annotation(
        level=_LEVEL_OF[finding.severity],
        title=f"{image.name}: {finding.code}",
        message="\n".join(part for part in said if part) or finding.code,
        path=image.dockerfile,
        start_line=line,
        end_line=line,
    )


def _heaviest_line(image: ImageReport | None) -> int | None:
    """The line of the Dockerfile's own instruction whose layer grew most, if any grew."""
    if image is None:
        return None
    grown = [
        ((row.head_bytes or 0) - (row.base_bytes or 0), row.line)
        for row in image.layers
        if row.line is not None and row.line > 0 and not row.from_base_image
    ]
    heaviest = max(grown, default=(0, None), key=lambda item: item[0])
    return heaviest[1] if heaviest[0] > 0 else None
