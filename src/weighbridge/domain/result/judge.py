"""Computes the verdict of a run from its results only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.causes import CauseKind
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.gate.budget import CheckedBudget, Share, budget_breaches, check_budgets
from weighbridge.domain.gate.scale import UNKNOWN_FIGURES, ErrorFinding, GateInput, GrowthKind, Rule, SideFigures
from weighbridge.domain.gate.settings import Budget, FailOn, OnUnknown, TipLimit
from weighbridge.domain.gate.verdict import Breach, judge, warnings_of
from weighbridge.domain.result.failure import FailureKind
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.side import SideResult
from weighbridge.domain.result.status import Status

_RULE_OF_FAILURE = {
    FailureKind.BUILD: Rule.BUILD,
    FailureKind.DOCKERFILE: Rule.BUILD,
    FailureKind.CONTEXT: Rule.BUILD,
    FailureKind.UNREADABLE: Rule.UNREADABLE,
    FailureKind.UNAVAILABLE: Rule.UNAVAILABLE,
    FailureKind.DEFECT: Rule.DEFECT,
}


_DEPENDENCIES = frozenset({CauseKind.DEPENDENCY, CauseKind.SYSTEM_PACKAGE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The verdict of a run: why it fails, what it warns of, and the budgets over several images."""

    breaches: tuple[Breach, ...]
    warnings: tuple[Breach, ...]
    budgets: tuple[CheckedBudget, ...]


def judge_run(
    images: Sequence[ImageResult],
    *,
    fail_on: FailOn,
    budgets: Sequence[Budget] = (),
    on_unknown: OnUnknown | None = None,
    tip_limit: TipLimit | None = None,
) -> Judged:
    """The verdict over `images` and `budgets`. `on_unknown` is what a budget does that cannot be checked."""
    checked = check_budgets(budgets, shares_of(images), on_unknown=on_unknown or OnUnknown.FAIL)
    return Judged(
        breaches=(
            *judge([gate_input(image) for image in images], fail_on=fail_on, tip_limit=tip_limit),
            *budget_breaches(checked),
        ),
        warnings=warn_images(images),
        budgets=checked,
    )


def judge_images(images: Sequence[ImageResult], *, fail_on: FailOn) -> tuple[Breach, ...]:
    """All reasons why the job fails, in the order of the images; empty if it passes."""
    return judge([gate_input(image) for image in images], fail_on=fail_on)


def warn_images(images: Sequence[ImageResult]) -> tuple[Breach, ...]:
    """Every soft limit that is exceeded, in the order of the images."""
    return warnings_of([gate_input(image) for image in images])


def shares_of(images: Sequence[ImageResult]) -> tuple[Share, ...]:
    """What each image adds to a budget. An image that was not built, because nothing affects it, has grown by 0."""
    return tuple(map(_share, images))


def figures_of(side: SideResult | None) -> SideFigures:
    """The figures of a side that limits are about."""
    if side is None:
        return UNKNOWN_FIGURES
    return SideFigures(
        download_bytes=side.download_bytes,
        layers=len(side.layers),
        hidden_files=[(copy.path, copy.size_bytes) for copy in side.hidden_files],
    )


def gate_input(image: ImageResult) -> GateInput:
    """The figures of an image that its limits are about."""
    failure = image.failure_of("head")
    comparison = image.comparison
    return GateInput(
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
        base=figures_of(image.base),
        head=figures_of(image.head),
        growth_bytes=_growth_bytes(image),
        tip_growth=comparison.tip_growth if comparison else {},
        is_base_image_known=image.image.dockerfile is not None
        or any(layer.from_base_image for side in (image.base, image.head) if side for layer in side.layers),
    )


def _growth_bytes(image: ImageResult) -> dict[GrowthKind, int] | None:
    """The parts of the growth, which add up to it; ``None`` if there is no comparison of two sides."""
    comparison = image.comparison
    if comparison is None or image.base is None or image.head is None:
        return None
    base_image = comparison.layers.base_image_bytes
    dependencies = sum(
        cause.bytes for cause in comparison.size_causes if cause.kind in _DEPENDENCIES or cause.ecosystem is not None
    )
    return {
        GrowthKind.BASE_IMAGE: base_image,
        GrowthKind.DEPENDENCIES: dependencies,
        GrowthKind.OWN: image.head.unpacked_bytes - image.base.unpacked_bytes - base_image - dependencies,
    }


def _share(image: ImageResult) -> Share:
    failed = {failure.side for failure in image.failures}
    is_built = image.base is not None or image.head is not None
    base_bytes = image.base.unpacked_bytes if image.base else 0 if is_built and "base" not in failed else None
    head_bytes = image.head.unpacked_bytes if image.head else 0 if is_built and "head" not in failed else None
    known = base_bytes is not None and head_bytes is not None and image.growth_unknown_because is None
    if known:
        grown_bytes: int | None = (head_bytes or 0) - (base_bytes or 0)
    else:
        grown_bytes = 0 if image.status is Status.UNCHANGED else None
    return Share(
        image=image.name,
        base_name=image.image.base_name,
        base_bytes=base_bytes,
        head_bytes=head_bytes,
        grown_bytes=grown_bytes,
    )


def _message(finding: Finding) -> str:
    what = "will not start" if finding.subject is Subject.ENTRYPOINT else f"has a broken {finding.subject.value}"
    return f"{what}: {finding.predicts or finding.code}"
