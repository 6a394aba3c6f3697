"""Whether an image starts, the findings of the checks, and failures of a side."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.report.escape import plain_log_line, visible
from weighbridge.report.model import FindingReport, ImageReport, TrialReport
from weighbridge.report.terminal.elements import FAINT, ROWS, indented_text
from weighbridge.report.view.failures import failed_sides
from weighbridge.report.view.findings import (
    finding_place,
    ignored_findings,
    shown_findings,
    start_errors,
    trial_verdict,
)

_LOG_LINES = 30
_SEVERITY_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def start_lines(image: ImageReport) -> Iterable[RenderableType]:
    """``starts: yes`` or similar as the first line, the evidence below, then all other findings."""
    side = image.head
    if side is None:
        return
    start = side.start
    if start is None:
        yield Text("starts: not checked", style="yellow")
    elif start.outcome == "yes":
        how_far = f" ({visible(start.followed, maximum=200)})" if start.followed else ""
        yield Text(f"starts: yes{how_far}", style="bold green")
    elif start.outcome == "no":
        yield Text("starts: no", style="bold red")
    else:
        yield Text("starts: not checked", style="bold yellow")
    errors = start_errors(image)
    for finding in errors:
        yield _finding(image, finding)
    if start is not None:
        if start.chain and not errors:
            yield indented_text(" → ".join(visible(each, maximum=120) for each in start.chain[:12]), FAINT)
        for remark in start.not_checked[:ROWS]:
            yield indented_text(f"not checked: {visible(remark)}", "yellow")
    if side.trial is not None:
        yield from _trial_lines(side.trial)
    shown_above = {id(finding) for finding in errors}
    for finding in shown_findings(image)[:ROWS]:
        if id(finding) not in shown_above:
            yield _finding(image, finding)
    for finding in ignored_findings(image)[:ROWS]:
        reason = visible(finding.ignored_because or "")
        yield Text(f"ignored: {visible(finding.code)}, because: {reason}", style=FAINT)


def _trial_lines(trial: TrialReport) -> Iterable[RenderableType]:
    """The outcome of really starting the image, and the end of its output."""
    style = {True: "green", False: "bold red", None: "yellow"}[trial.agrees]
    yield Text(f"really started: {visible(trial.message)}; {trial_verdict(trial)}", style=style)
    for line in trial.output[-ROWS:]:
        yield indented_text(visible(line), FAINT)


def _finding(image: ImageReport, finding: FindingReport) -> RenderableType:
    head = Text.assemble(
        (f"{finding.severity.value}: {visible(finding.code)}", _SEVERITY_STYLE[finding.severity]),
        " (new)" if finding.introduced and image.base is not None else "",
        " in the health check" if finding.subject is Subject.HEALTHCHECK else "",
    )
    place = finding_place(image, finding)
    if place:
        head.append(f"  {visible(place)}", style=FAINT)
    lines: list[RenderableType] = [head]
    if finding.predicts:
        lines.append(indented_text(visible(finding.predicts), "bold"))
    lines += [indented_text(f"· {visible(each)}") for each in finding.evidence[:8]]
    if finding.fix:
        lines.append(indented_text(f"fix: {visible(finding.fix, maximum=600)}", "green"))
    return Group(*lines)


def failure_lines(image: ImageReport) -> Iterable[RenderableType]:
    """Why one or both sides could not be weighed, and the end of the build's output."""
    for failed in failed_sides(image):
        yield Text(f"{failed.sides_text} {failed.what}: {visible(failed.message, maximum=1000)}", style="bold red")
        for line in failed.log_tail[-_LOG_LINES:]:
            yield indented_text(f"│ {plain_log_line(line, maximum=300)}", FAINT)
