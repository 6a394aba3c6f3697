"""The verdict of a report and the exit code that it asks for, from nothing but the report and the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.gate.verdict import ErrorFinding, FailOn, Limits, OnTheScale, Rule, judge
from weighbridge.errors import ExitCode, worst
from weighbridge.report.model import FindingReport, ImageReport, Reason, Report, Verdict

_RULE_OF_FAILURE = {
    "build": Rule.BUILD,
    "dockerfile": Rule.BUILD,
    "context": Rule.BUILD,
    "unreadable": Rule.UNREADABLE,
    "unavailable": Rule.UNAVAILABLE,
}
_EXIT_CODE_OF_RULE = {
    Rule.MAX_INCREASE: ExitCode.GATE_CLOSED,
    Rule.MAX_SIZE: ExitCode.GATE_CLOSED,
    Rule.RATCHET: ExitCode.GATE_CLOSED,
    Rule.CHECK: ExitCode.GATE_CLOSED,
    Rule.BUILD: ExitCode.BUILD_FAILED,
    Rule.UNREADABLE: ExitCode.UNREADABLE_IMAGE,
    Rule.UNAVAILABLE: ExitCode.UNAVAILABLE,
}


def verdict_of(images: Sequence[ImageReport], *, limits: Mapping[str, Limits], fail_on: FailOn) -> Verdict:
    """The verdict over the images of a report, from nothing but the report and the limits."""
    breaches = judge([_on_the_scale(image, limits.get(image.name, Limits())) for image in images], fail_on=fail_on)
    return Verdict(
        passed=not breaches,
        reasons=tuple(
            Reason(
                image=breach.image,
                rule=breach.rule.value,
                limit=breach.limit,
                actual_bytes=breach.actual_bytes,
                message=breach.message,
            )
            for breach in breaches
        ),
    )


def exit_code_of(report: Report) -> ExitCode:
    """The exit code that a report asks for. An override opens the gate, but builds no image."""
    codes = [_EXIT_CODE_OF_RULE.get(Rule(reason.rule), ExitCode.GATE_CLOSED) for reason in report.verdict.reasons]
    if report.verdict.override is not None:
        codes = [code for code in codes if code is not ExitCode.GATE_CLOSED]
    return worst(codes)


def _on_the_scale(image: ImageReport, limits: Limits) -> OnTheScale:
    failure = next((one for one in image.failures if one.side == "head"), None)
    return OnTheScale(
        name=image.name,
        base_bytes=image.base.unpacked_bytes if image.base else None,
        head_bytes=image.head.unpacked_bytes if image.head else None,
        limits=limits,
        errors=tuple(
            ErrorFinding(code=finding.code, message=_finding_message(finding), introduced=finding.introduced)
            for finding in image.findings
            if finding.severity is Severity.ERROR and finding.ignored_because is None
        ),
        noise_bytes=image.noise_bytes or 0,
        ratchet_bytes=image.ratchet.baseline_bytes if image.ratchet else None,
        head_failure=(_RULE_OF_FAILURE[failure.kind], failure.message) if failure else None,
    )


def _finding_message(finding: FindingReport) -> str:
    what = "will not start" if finding.subject is Subject.ENTRYPOINT else f"has a broken {finding.subject.value}"
    return f"{what}: {finding.predicts or finding.code}"
