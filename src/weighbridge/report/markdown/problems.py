"""The problems: new errors, failed builds, and the outcome of real starts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.report.escape import Markdown, code, fence, html_code, join_markdown, prose, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import NAME_CHARACTERS, image_name, template
from weighbridge.report.markdown.findings import evidence
from weighbridge.report.markdown.links import ReportLinks, place_of_text
from weighbridge.report.markdown.ranks import RANK_LOG, RANK_PROBLEM
from weighbridge.report.model import FindingReport, ImageReport, TrialReport
from weighbridge.report.view.failures import Failed, failed_sides, split_place
from weighbridge.report.view.findings import new_findings, trial_verdict
from weighbridge.report.view.tips import cure_of, cure_text
from weighbridge.report.view.words import plural, where

_OPEN_PROBLEMS = 3
_OPEN_PROBLEMS_OF_MANY = 2
_OPEN_LOGS = 3


def problems_sections(
    images: Sequence[ImageReport], links: ReportLinks, *, blamed: Collection[str]
) -> list[TextSection]:
    """A quoted block for each failure, new error and real start; folds blocks beyond the first ones.

    `blamed` are the names of the images that fail the job.
    """
    blocks: list[str] = []
    for image in images:
        icon = "❌" if image.name in blamed else "⚠️"
        blocks += [_failure(image, failed, links, icon=icon) for failed in failed_sides(image)]
        errors = [each for each in new_findings(image) if each.severity is Severity.ERROR]
        blocks += [_error(image, finding, links) for finding in errors]
        blocks += [_trial(image, image.head.trial)] if image.head and image.head.trial else []
    pieces = [Piece(text=block + "\n\n", rank=RANK_PROBLEM, kind="error") for block in blocks]
    first = _OPEN_PROBLEMS if len(pieces) <= 2 * _OPEN_PROBLEMS else _OPEN_PROBLEMS_OF_MANY
    more = len(pieces) - first
    folded = TextSection(
        opening=f"<details><summary>{more} more {plural(more, 'problem')}</summary>\n\n",
        pieces=tuple(pieces[first:]),
        closing="</details>\n\n",
    )
    return [TextSection(pieces=tuple(pieces[:first])), folded]


def _error(image: ImageReport, finding: FindingReport, links: ReportLinks) -> Markdown:
    what = {
        Subject.ENTRYPOINT: "will not start",
        Subject.HEALTHCHECK: "will never be healthy",
        Subject.FILE: "has an error",
    }[finding.subject]
    at = where(image, finding.line)
    cure = cure_of(image) if finding.subject is Subject.ENTRYPOINT else None
    fix = " ".join(part for part in (finding.fix, cure_text(cure) if cure is not None else None) if part)
    return template(
        "start",
        icon="❌",
        image=image_name(image.name),
        what=what,
        predicts=code(finding.predicts) if finding.predicts else "",
        evidence=evidence(finding),
        place=place_of_text(links, at) if at else "",
        code=code(finding.code),
        fix=prose(fix) if fix else "",
    )


def _trial(image: ImageReport, trial: TrialReport) -> Markdown:
    return template(
        "start",
        icon="⚠️" if trial.agrees is False else "▶️",
        image=image_name(image.name),
        what="was not started" if trial.outcome == "not tried" else "was really started",
        predicts=code(trial.message),
        evidence=join_markdown([code(line) for line in trial.output[-3:]], " ⏎ "),
        place="",
        code=text(trial_verdict(trial)),
        fix="",
    )


def _failure(image: ImageReport, failed: Failed, links: ReportLinks, *, icon: str) -> Markdown:
    what = f"{failed.what} ({failed.sides_text})"
    at, message = split_place(failed.message)
    shown = prose(message) if at is None else Markdown(f"{place_of_text(links, at)}: {prose(message)}")
    return template("failure", icon=icon, image=image_name(image.name), what=what, message=shown)


def failure_logs(images: Sequence[ImageReport]) -> list[TextSection]:
    """The ends of failed builds' output, a fold each; above `_OPEN_LOGS` builds one fold holds all of them."""
    logs = tuple(Piece(text=log, rank=RANK_LOG, kind="build log") for image in images for log in _logs(image))
    if len(logs) <= _OPEN_LOGS:
        return [TextSection(pieces=logs)]
    opening = f"<details><summary>The output of {len(logs)} failed builds</summary>\n\n"
    return [TextSection(opening=opening, pieces=logs, closing="</details>\n\n")]


def _logs(image: ImageReport) -> list[str]:
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
    return [log + "\n\n" for log in logs]
