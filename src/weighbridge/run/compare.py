"""Compares the two weighed sides of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from weighbridge.config import Config
from weighbridge.domain.causes import RepositoryChanges
from weighbridge.domain.gate.ignores import Ignore, accepted_by_base
from weighbridge.domain.globs import match_path
from weighbridge.domain.image.attribution import SourceChange
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.comparison import compare_sides
from weighbridge.domain.result.extras import NO_EXTRAS, Extras
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.image import ImageName, ImageResult
from weighbridge.domain.result.side import side_result
from weighbridge.domain.result.status import Status
from weighbridge.errors import WeighbridgeError
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.run.build_outcome import BuiltSide
from weighbridge.run.clients import Tools
from weighbridge.sources.reference import ImageReference


def image_name_of(plan: ImagePlan, *, platform: str | None = None) -> ImageName:
    """The name of an image in the plan. `platform` is the platform of the built image, if the plan has none."""
    side = plan.head or plan.base
    return ImageName(
        name=plan.name,
        base_name=plan.base_image,
        dockerfile=side.dockerfile if side else None,
        context=side.context if side else None,
        target=plan.target,
        platform=plan.platform or platform,
    )


def unaffected(plan: ImagePlan) -> ImageResult:
    """The result of an image without a build: the range does not affect it, or git does not have all its files."""
    if plan.problem is not None:
        side = plan.head or plan.base
        reason = side.failure if side is not None and side.failure is not None else plan.reason
        return ImageResult(image=image_name_of(plan), status=Status.SKIPPED, reason=reason)
    return ImageResult(image=image_name_of(plan), status=Status.UNCHANGED, reason=plan.reason)


def ignores_of(config: Config, plan: ImagePlan) -> tuple[Ignore, ...]:
    """The findings that the configuration accepts, and those that the Dockerfile accepts in base and in head."""
    configured = configured_ignores(config, plan.image)
    if plan.base_image is not None:
        # A new name does not make a finding an accepted one.
        accepted_for_base = configured_ignores(config, plan.base_image)
        configured = tuple(one for one in configured if one in accepted_for_base)
    accepted, _ = accepted_by_base(plan.head.ignores if plan.head else (), plan.base.ignores if plan.base else ())
    return (*configured, *accepted)


def ignore_remarks(plan: ImagePlan) -> tuple[str, ...]:
    """The report's notes on ignores in head's Dockerfile without effect, with the reason."""
    if plan.head is None:
        return ()
    _, new = accepted_by_base(plan.head.ignores, plan.base.ignores if plan.base else ())
    return (
        *(
            f"{plan.head.dockerfile}: ignore={one.code} is new and has no effect before it is merged. A person can"
            " allow this change with the override label"
            for one in new
        ),
        *(f"{plan.head.dockerfile}: {problem}" for problem in plan.head.ignore_problems),
    )


def configured_ignores(config: Config, image: str) -> tuple[Ignore, ...]:
    """The ignores of the configuration that apply to an image."""
    return tuple(
        Ignore(code=one.code, reason=one.reason)
        for one in config.checks.ignore
        if one.image is None or match_path(one.image, image)
    )


def compare_planned(
    plan: ImagePlan,
    base: WeighedImage | SideFailure | None,
    head: WeighedImage | SideFailure | None,
    ignores: Sequence[Ignore],
    *,
    noise_bytes: int | None,
    other_image_moved: bool = False,
    repository: Callable[[], RepositoryChanges] = RepositoryChanges,
    extras: Extras = NO_EXTRAS,
) -> ImageResult:
    """Compare the two sides of a planned image.

    `repository` returns the files that explain a difference. `noise_bytes` is the difference between two builds of
    base, if base was built twice. `other_image_moved`: see `SourceChange`.
    """
    failures = tuple(side for side in (base, head) if isinstance(side, SideFailure))
    base_image = base if isinstance(base, WeighedImage) else None
    head_image = head if isinstance(head, WeighedImage) else None
    if isinstance(head, SideFailure):
        return replace(failed_comparison(plan, *failures), base=side_result(base_image) if base_image else None)
    if isinstance(base, SideFailure):
        # Head is weighed without a comparison. Its growth is unknown, not zero.
        return ImageResult(
            image=image_name_of(plan),
            status=Status.CHANGED if head_image else Status.REMOVED,
            reason=f"base could not be weighed: {base.message}",
            growth_unknown_because=f"base could not be weighed ({base.message})",
            head=side_result(head_image) if head_image else None,
            comparison=compare_sides(None, head_image, ignores=ignores, extras=extras),
            failures=failures,
        )
    return ImageResult(
        image=image_name_of(plan, platform=_platform(head_image or base_image)),
        status=_status(base_image, head_image),
        reason=plan.reason,
        base=side_result(base_image) if base_image else None,
        head=side_result(head_image) if head_image else None,
        comparison=compare_sides(
            base_image,
            head_image,
            ignores=ignores,
            source=replace(_source_change(plan), other_image_moved=other_image_moved),
            noise_bytes=noise_bytes,
            repository=repository,
            extras=extras,
        ),
    )


def failed_comparison(plan: ImagePlan, *failures: SideFailure) -> ImageResult:
    """An image whose head could not be weighed. The last of `failures` is head's."""
    return ImageResult(image=image_name_of(plan), status=Status.FAILED, reason=failures[-1].message, failures=failures)


def compare_pair(
    name: str,
    base: WeighedImage | SideFailure | None,
    head: WeighedImage | SideFailure,
    ignores: Sequence[Ignore],
    *,
    extras: Extras = NO_EXTRAS,
) -> ImageResult:
    """Compare two existing images. Without `base`, or if base failed, the result describes `head` only."""
    failures = tuple(side for side in (base, head) if isinstance(side, SideFailure))
    before = base if isinstance(base, WeighedImage) else None
    if isinstance(head, SideFailure):
        return ImageResult(
            image=ImageName(name=name, platform=_platform(before)),
            status=Status.FAILED,
            reason=head.message,
            base=side_result(before) if before else None,
            failures=failures,
        )
    return ImageResult(
        image=ImageName(name=name, platform=_platform(head)),
        # The growth since an unreadable base is unknown, not zero.
        status=Status.CHANGED if isinstance(base, SideFailure) else _status(before, head),
        reason=f"base could not be weighed: {base.message}" if isinstance(base, SideFailure) else None,
        base=side_result(before) if before else None,
        head=side_result(head),
        comparison=compare_sides(before, head, ignores=ignores, extras=extras),
        failures=failures,
    )


def _source_change(plan: ImagePlan) -> SourceChange:
    """The changes between an image's two sides that the repository shows."""
    base, head = (_base_image_name(side) for side in (plan.base, plan.head))
    # An image of the repository does not move by itself: its change is a change of the repository.
    is_own = plan.head is not None and head in plan.head.own_images
    return SourceChange(
        edited=plan.change is not Change.UNAFFECTED, same_base_image=base is not None and base == head and not is_own
    )


def _base_image_name(side: PlannedSide | None) -> str | None:
    """The image in the lowest ``FROM`` of the stages that make the image."""
    if side is None or side.parsed is None:
        return None
    return side.parsed.chain(side.parsed.final_stage(side.target))[0].base


def noise_between_builds(
    tools: Tools,
    plan: ImagePlan,
    base: WeighedImage | SideFailure | None,
    again: BuiltSide | SideFailure | None,
    images: Mapping[ImageReference, Image | WeighbridgeError],
) -> int | None:
    """The difference between two builds of base, in bytes; ``None`` if the second does not exist or failed."""
    if again is None or not isinstance(base, WeighedImage):
        return None
    second = images[again.reference] if isinstance(again, BuiltSide) else again
    if isinstance(second, Image):
        return abs(second.unpacked_bytes - base.image.unpacked_bytes)
    why = second.message if isinstance(second, SideFailure) else str(second)
    tools.progress.warn(f"{plan.name}: noise is unknown, because the second build of base failed: {why}")
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
