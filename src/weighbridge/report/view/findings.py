"""Whether an image starts, and what the checks found in it."""

from __future__ import annotations

import enum

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.report.model import FindingReport, ImageReport, ImageSide, TrialReport
from weighbridge.report.view.words import where


class Starts(enum.Enum):
    """Whether an image starts, as far as its report says."""

    YES = "yes"
    NO_NEW = "no, new"
    NO_AS_BEFORE = "no, as before"
    NOT_CHECKED = "not checked"
    NOT_KNOWN = "not known"


def image_starts(image: ImageReport) -> Starts:
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


def told_findings(image: ImageReport) -> list[FindingReport]:
    """All findings that nobody ignores, the new ones first."""
    return [*new_findings(image), *old_findings(image)]


def finding_place(image: ImageReport, finding: FindingReport) -> str | None:
    """The line that a finding is about, else the path in the image; None where it has neither."""
    return where(image, finding.line) if finding.line is not None else finding.path
