"""Whether an image starts, and the findings of the checks."""

from __future__ import annotations

import enum

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.report.model import FindingReport, ImageReport, ImageSide, TrialReport
from weighbridge.report.view.words import where


class StartSummary(enum.Enum):
    """Whether an image starts, according to its report."""

    YES = "yes"
    NO_NEW = "no, new"
    NO_AS_BEFORE = "no, as before"
    NOT_CHECKED = "not checked"
    NOT_KNOWN = "not known"


def image_starts(image: ImageReport) -> StartSummary:
    """Whether head starts."""
    side = image.head
    if side is None or side.start is None:
        return StartSummary.NOT_KNOWN
    if side.start.outcome == "yes":
        return StartSummary.YES
    if side.start.outcome == "not checked":
        return StartSummary.NOT_CHECKED
    before = image.base.start if image.base is not None else None
    introduced = any(finding.introduced for finding in start_errors(image))
    worked = before is not None and before.outcome == "yes"
    return StartSummary.NO_NEW if introduced or worked or image.base is None else StartSummary.NO_AS_BEFORE


def start_in_words(side: ImageSide | None) -> str:
    """How far a start was followed: ``Starts: yes (followed /e.sh -> /app).``; empty where that is nothing to tell."""
    start = side.start if side is not None else None
    if start is None:
        return ""
    if start.outcome == "yes" and start.followed:
        return f"Starts: yes (`{start.followed.replace('`', '')}`)."
    if start.outcome == "not checked" and start.not_checked:
        return f"Start not checked: {start.not_checked[0]}"
    return ""


def start_errors(image: ImageReport) -> list[FindingReport]:
    """The findings that prevent the container from starting."""
    return [
        finding
        for finding in image.findings
        if finding.severity is Severity.ERROR
        and finding.subject is Subject.ENTRYPOINT
        and finding.ignored_because is None
    ]


def trial_verdict(trial: TrialReport) -> str:
    """How a real start compares with the prediction."""
    if trial.agrees is None:
        return "inconclusive: the prediction is neither confirmed nor refuted"
    return "as predicted" if trial.agrees else "not as predicted"


def new_findings(image: ImageReport) -> list[FindingReport]:
    """Errors and warnings that head has and base does not, without ignored ones; errors first."""
    found = [
        finding
        for finding in image.findings
        if finding.introduced and finding.ignored_because is None and finding.severity is not Severity.INFO
    ]
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def old_findings(image: ImageReport) -> list[FindingReport]:
    """All other findings that are not ignored: also in base, or remarks; errors first."""
    new = {id(finding) for finding in new_findings(image)}
    order = list(Severity)
    found = [finding for finding in image.findings if id(finding) not in new and finding.ignored_because is None]
    return sorted(found, key=lambda finding: order.index(finding.severity))


def ignored_findings(image: ImageReport) -> list[FindingReport]:
    """The findings that the configuration or the Dockerfile ignores."""
    return [finding for finding in image.findings if finding.ignored_because is not None]


def shown_findings(image: ImageReport) -> list[FindingReport]:
    """All findings that are not ignored, new ones first."""
    return [*new_findings(image), *old_findings(image)]


def finding_place(image: ImageReport, finding: FindingReport) -> str | None:
    """The Dockerfile line of a finding, otherwise the path in the image; None without either."""
    return where(image, finding.line) if finding.line is not None else finding.path
