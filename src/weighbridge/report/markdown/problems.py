"""What is broken: new errors, failed builds, and what a real start says."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.report.escape import Markdown, code, fence, html_code, join, prose, text
from weighbridge.report.fit import Piece, Section
from weighbridge.report.markdown.elements import NAME_CHARACTERS, image_name, section, template
from weighbridge.report.markdown.findings import evidence
from weighbridge.report.markdown.ranks import RANK_LOG, RANK_PROBLEM
from weighbridge.report.model import FindingReport, ImageReport, TrialReport
from weighbridge.report.view.failures import Failed, failed_sides
from weighbridge.report.view.findings import new_findings, trial_verdict
from weighbridge.report.view.words import where


def problems_section(images: Sequence[ImageReport]) -> Section:
    """A quoted block for each failure, each new error and each real start."""
    blocks: list[str] = []
    for image in images:
        blocks += [_failure(image, failed) for failed in failed_sides(image)]
        errors = [each for each in new_findings(image) if each.severity is Severity.ERROR]
        blocks += [_error(image, finding) for finding in errors]
        blocks += [_trial(image, image.head.trial)] if image.head and image.head.trial else []
    return Section(pieces=tuple(Piece(text=block + "\n\n", rank=RANK_PROBLEM, kind="error") for block in blocks))


def _error(image: ImageReport, finding: FindingReport) -> Markdown:
    what = {
        Subject.ENTRYPOINT: "will not start",
        Subject.HEALTHCHECK: "will never be healthy",
        Subject.FILE: "has an error",
    }[finding.subject]
    place = where(image, finding.line)
    return template(
        "start",
        icon="❌",
        image=image_name(image.name),
        what=what,
        predicts=code(finding.predicts) if finding.predicts else "",
        evidence=evidence(finding),
        place=code(place) if place else "",
        code=code(finding.code),
        fix=prose(finding.fix) if finding.fix else "",
    )


def _trial(image: ImageReport, trial: TrialReport) -> Markdown:
    return template(
        "start",
        icon="⚠️" if trial.agrees is False else "▶️",
        image=image_name(image.name),
        what="was not started" if trial.outcome == "not tried" else "was really started",
        predicts=code(trial.message),
        evidence=join([code(line) for line in trial.output[-3:]], " ⏎ "),
        place="",
        code=text(trial_verdict(trial)),
        fix="",
    )


def _failure(image: ImageReport, failed: Failed) -> Markdown:
    what = f"{failed.what} ({failed.sides_text})"
    return template("failure", image=image_name(image.name), what=what, message=prose(failed.message))


def failure_logs(image: ImageReport) -> Section:
    """The ends of what failed builds printed, folded."""
    logs = [
        template(
            "log",
            image=html_code(image.name, maximum=NAME_CHARACTERS),
            side=failed.sides[-1],
            log=fence(failed.log_tail),
        )
        for failed in failed_sides(image)
        if failed.log_tail
    ]
    return section(*(log + "\n\n" for log in logs), rank=RANK_LOG, kind="build log")
