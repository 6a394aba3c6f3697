"""The verdict of a run, from what was weighed and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.gate.verdict import Breach, ErrorFinding, FailOn, OnTheScale, Rule, judge
from weighbridge.domain.result.failure import FailureKind
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.status import Status

_RULE_OF_FAILURE = {
    FailureKind.BUILD: Rule.BUILD,
    FailureKind.DOCKERFILE: Rule.BUILD,
    FailureKind.CONTEXT: Rule.BUILD,
    FailureKind.UNREADABLE: Rule.UNREADABLE,
    FailureKind.UNAVAILABLE: Rule.UNAVAILABLE,
    FailureKind.DEFECT: Rule.DEFECT,
}


def judge_images(images: Sequence[ImageResult], *, fail_on: FailOn) -> tuple[Breach, ...]:
    """Every reason why the job fails, in the order of the images; none: it passes."""
    return judge([_on_the_scale(image) for image in images], fail_on=fail_on)


def _on_the_scale(image: ImageResult) -> OnTheScale:
    failure = image.failure_of("head")
    comparison = image.comparison
    return OnTheScale(
        name=image.name,
        base_bytes=image.base.unpacked_bytes if image.base else None,
        head_bytes=image.head.unpacked_bytes if image.head else None,
        limits=image.limits,
        errors=tuple(
            ErrorFinding(code=one.finding.code, message=_message(one.finding), introduced=one.introduced)
            for one in (comparison.findings if comparison else ())
            if one.finding.severity is Severity.ERROR and one.ignored_because is None
        ),
        noise_bytes=(comparison.noise_bytes if comparison else None) or 0,
        ratchet_bytes=image.history.ratchet.baseline_bytes if image.history.ratchet else None,
        is_new=image.status is Status.ADDED,
        growth_unknown_because=image.growth_unknown_because,
        as_base_defines=image.as_base_defines,
        head_failure=(_RULE_OF_FAILURE[failure.kind], failure.message) if failure else None,
    )


def _message(finding: Finding) -> str:
    what = "will not start" if finding.subject is Subject.ENTRYPOINT else f"has a broken {finding.subject.value}"
    return f"{what}: {finding.predicts or finding.code}"
