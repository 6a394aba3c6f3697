"""Fourth step: two weighed sides become one image of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weighbridge.config import Config
from weighbridge.domain.gate.ignores import Ignore, inline_ignores
from weighbridge.domain.image.attribution import SourceChange
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips import find_tips
from weighbridge.errors import WeighbridgeError
from weighbridge.plan.globs import match_path
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.report.assemble import assemble, compared_fields, side_report, text, tip_report
from weighbridge.report.model import Delta, Failure, ImageReport, Report, Revision, Status
from weighbridge.run.build import Built, dockerfile_text
from weighbridge.run.request import Tools
from weighbridge.sources.reference import ImageReference


def unaffected(plan: ImagePlan) -> ImageReport:
    """An image that the range does not touch, and that is not built for that reason."""
    return replace(
        blank_report(plan),
        status=Status.UNCHANGED,
        reason=plan.reason,
        delta=Delta(unpacked_bytes=0, download_bytes=0, upgrade_bytes=0),
    )


def blank_report(plan: ImagePlan) -> ImageReport:
    """What the plan alone says of an image."""
    side = plan.head or plan.base
    return ImageReport(
        name=plan.name,
        dockerfile=side.dockerfile if side else None,
        context=side.context if side else None,
        target=plan.target,
        platform=plan.platform,
        status=Status.SKIPPED,
    )


def ignores_of(config: Config, plan: ImagePlan, tree: Path) -> tuple[Ignore, ...]:
    """What the configuration and head's Dockerfile say to live with."""
    configured = _configured_ignores(config, plan.image)
    if plan.head is None:
        return configured
    return (*configured, *inline_ignores(dockerfile_text(tree / plan.head.dockerfile)))


def _configured_ignores(config: Config, image: str) -> tuple[Ignore, ...]:
    return tuple(
        Ignore(code=one.code, reason=one.reason)
        for one in config.checks.ignore
        if one.image is None or match_path(one.image, image)
    )


def compared(
    plan: ImagePlan,
    base: WeighedImage | Failure | None,
    head: WeighedImage | Failure | None,
    ignores: Sequence[Ignore],
    *,
    noise_bytes: int | None,
    other_image_moved: bool = False,
) -> ImageReport:
    """Two sides of one image as a part of the report, but for tips.

    `noise_bytes` is what two builds of base differ by, where it was built twice; `other_image_moved`
    see `SourceChange`.
    """
    failures = tuple(side for side in (base, head) if isinstance(side, Failure))
    base_image = base if isinstance(base, WeighedImage) else None
    head_image = head if isinstance(head, WeighedImage) else None
    blank = replace(blank_report(plan), failures=failures)
    if isinstance(head, Failure):
        return replace(blank, status=Status.FAILED, reason=head.message, base=side_report(base_image))
    if isinstance(base, Failure):
        # Head stands for itself: without base nothing is said about growth, and nothing is taken for zero.
        reason = f"base could not be weighed: {base.message}"
        status = Status.CHANGED if head_image else Status.REMOVED
        return replace(
            blank,
            status=status,
            reason=reason,
            **{
                **compared_fields(None, head_image, ignores=ignores),
                "delta": Delta(),
                "layers": (),
                "packages": (),
                "packages_omitted": 0,
            },
        )
    return replace(
        blank,
        status=_status(base_image, head_image),
        reason=plan.reason,
        platform=plan.platform or _platform(head_image or base_image),
        **compared_fields(
            base_image,
            head_image,
            ignores=ignores,
            source=replace(_source_change(plan), other_image_moved=other_image_moved),
            noise_bytes=noise_bytes,
        ),
    )


def _source_change(plan: ImagePlan) -> SourceChange:
    """What the repository alone says of an image's two sides."""
    base, head = (_base_image_name(side) for side in (plan.base, plan.head))
    return SourceChange(edited=plan.change is not Change.UNAFFECTED, same_base_image=base is not None and base == head)


def _base_image_name(side: PlannedSide | None) -> str | None:
    """What the lowest ``FROM`` of the stages that make the image says."""
    if side is None or side.parsed is None:
        return None
    return side.parsed.chain(side.parsed.final_stage(side.target))[0].base


def noise_between_builds(
    tools: Tools,
    plan: ImagePlan,
    base: WeighedImage | Failure | None,
    again: Built | Failure | None,
    images: Mapping[ImageReference, Image | WeighbridgeError],
) -> int | None:
    """By how much the second build of base differs from the first; ``None`` where there is none to compare."""
    if again is None or not isinstance(base, WeighedImage):
        return None
    second = images[again.reference] if isinstance(again, Built) else again
    if isinstance(second, Image):
        return abs(second.unpacked_bytes - base.image.unpacked_bytes)
    why = second.message if isinstance(second, Failure) else text(str(second))
    tools.progress.warn(f"{plan.name}: the noise is not known, for base could not be built again: {why}")
    return None


def _status(base: WeighedImage | None, head: WeighedImage | None) -> Status:
    if base is None:
        return Status.ADDED
    if head is None:
        return Status.REMOVED
    same = [layer.diff_id for layer in base.layers] == [layer.diff_id for layer in head.layers]
    return Status.UNCHANGED if same and base.image.config == head.image.config else Status.CHANGED


def _platform(weighed: WeighedImage | None) -> str | None:
    return weighed.image.config.platform if weighed else None


def report_of_existing(
    base: WeighedImage | None, head: WeighedImage, config: Config, *, base_ref: str | None, head_ref: str
) -> Report:
    """The report of images that exist already; without `base` it is about one of them."""
    image = replace(
        ImageReport(
            name=text(head_ref),
            dockerfile=None,
            context=None,
            target=None,
            platform=_platform(head),
            status=_status(base, head),
        ),
        **compared_fields(base, head, ignores=_configured_ignores(config, head_ref)),
        tips=tuple(
            tip_report(tip, before_bytes=head.image.unpacked_bytes)
            for tip in find_tips(
                head, minimum_saving_bytes=config.tips.minimum_saving_bytes, include=config.tips.include
            )
        ),
    )
    return assemble(
        [image],
        base=None if base_ref is None else Revision(ref=base_ref),
        head=Revision(ref=head_ref),
        limits={image.name: config.limits_of(image.name)},
        fail_on=config.checks.fail_on,
    )
