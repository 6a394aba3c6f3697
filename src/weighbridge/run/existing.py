"""Weighs existing images, without a plan and without a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weighbridge.config import Config
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.rootfs import ContentReader
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.judge import judge_images, judge_run, warn_images
from weighbridge.domain.result.revision import Revision
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.result.tips import ImageTips, ProposedTip, TrialResult
from weighbridge.domain.side import Side
from weighbridge.domain.tips.find import find_tips
from weighbridge.errors import UsageError, WeighbridgeError, contain_defects
from weighbridge.run.base_image import BaseLayers
from weighbridge.run.build_outcome import failure_of
from weighbridge.run.clients import Tools
from weighbridge.run.compare import compare_pair, configured_ignores
from weighbridge.run.read import weigh_existing, weigh_on_base, weigh_without_dockerfile
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import parse_image_reference

if TYPE_CHECKING:
    from weighbridge.run.size_history import SizeHistory


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePair:
    """Two existing images to compare under one name. Without `base`, `head` is weighed alone."""

    name: str
    base: ImageReference | None
    head: ImageReference


def weigh_pairs(
    pairs: Sequence[ImagePair],
    config: Config,
    tools: Tools,
    *,
    base: Revision | None = None,
    head: Revision | None = None,
    notes: Sequence[str] = (),
    sizes: SizeHistory | None = None,
) -> RunResult:
    """Compare pairs of existing images. `base` and `head` are the names of the sides in the report.

    An image that cannot be read is a failure of its side, and does not affect the other images. `sizes` is the size
    history of the repository.
    """
    from weighbridge.run.size_history import ratchet_notes  # noqa: PLC0415 - reads git, which single images do not need

    references = [side for pair in pairs for side in (pair.base, pair.head) if side is not None]
    images = tools.reader.read(references)
    extras = config.extras.of_one_image(len(pairs))
    results = []
    for pair in pairs:
        tools.progress.step(f"weighing {pair.name}")
        built_on = _declared_base_image(config, pair.name)
        before = None if pair.base is None else _weighed_or_failure(tools, images, pair.base, "base", built_on)
        after = _weighed_or_failure(tools, images, pair.head, "head", built_on)
        limits = config.limits_of(pair.name)
        one = compare_pair(pair.name, before, after, configured_ignores(config, pair.name), extras=extras)
        if sizes is not None:
            history = sizes.of(pair.name, limits.ratchet, head_sha=head.sha if head else None)
            one = replace(one, history=history)
        results.append(replace(one, tips=_tips(after, config), limits=limits))
    judged = judge_run(
        results,
        fail_on=config.checks.fail_on,
        budgets=config.budgets,
        on_unknown=config.on_unknown,
        tip_limit=config.tips.limit,
    )
    return RunResult(
        base=base,
        head=head,
        images=tuple(results),
        breaches=judged.breaches,
        warnings=judged.warnings,
        budgets=judged.budgets,
        comment_above_bytes=config.comment.above_bytes,
        notes=(*notes, *ratchet_notes(results)),
    )


def _declared_base_image(config: Config, name: str) -> ImageReference | None:
    """The image's base image in the configuration. Raises UsageError for an invalid reference."""
    settings = config.images.get(name)
    if settings is None or settings.from_image is None:
        return None
    return parse_image_reference(settings.from_image)


def _weighed_or_failure(
    tools: Tools,
    images: Mapping[ImageReference, Image | WeighbridgeError],
    reference: ImageReference,
    side: Side,
    built_on: ImageReference | None,
) -> WeighedImage | SideFailure:
    image = images[reference]
    try:
        if isinstance(image, WeighbridgeError):
            raise image
        with contain_defects():
            return weigh_without_dockerfile(tools, reference, image, built_on)
    except WeighbridgeError as error:
        return failure_of(side, error)


def compare_images(
    old: ImageReference,
    new: ImageReference,
    config: Config,
    tools: Tools,
    *,
    built_on: ImageReference | None = None,
) -> RunResult:
    """Compare two existing images, both built on the image `built_on`. Raises the errors of reading them."""
    base, head = weigh_existing([old, new], tools, base_image=built_on)
    image = _pair_result(str(new), base, head, config)
    return RunResult(
        base=Revision(ref=str(old)),
        head=Revision(ref=str(new)),
        images=(image,),
        breaches=judge_images([image], fail_on=config.checks.fail_on),
        warnings=warn_images([image]),
    )


def inspect_image(
    reference: ImageReference,
    config: Config,
    tools: Tools,
    *,
    start: bool = False,
    built_on: ImageReference | None = None,
) -> RunResult:
    """Weigh one existing image; with `start`, also start it. Raises the errors of reading it.

    Raises UsageError if `start` is set and the image is not in the engine.
    """
    if start and not reference.is_in_engine:
        raise UsageError(f"--start needs an image in the engine; {reference} is not. Load it first, or omit --start.")
    (head,) = weigh_existing([reference], tools, base_image=built_on)
    if not start:
        return _inspected(reference, head, config)
    from weighbridge.run.start import start_image  # noqa: PLC0415 - loads the engine's SDK

    trial = start_image(tools, str(reference), head, lambda: reference.place)
    return _inspected(reference, head, config, trial)


def _inspected(
    reference: ImageReference, head: WeighedImage, config: Config, trial: TrialResult | None = None
) -> RunResult:
    image = replace(_pair_result(str(reference), None, head, config), trial=trial)
    return RunResult(
        base=None,
        head=Revision(ref=str(reference)),
        images=(image,),
        breaches=judge_images([image], fail_on=config.checks.fail_on),
        warnings=warn_images([image]),
    )


def inspect_read_image(
    reference: ImageReference, image: Image, base: BaseLayers, contents: ContentReader, config: Config
) -> RunResult:
    """As `inspect_image`, for an image that was read and whose base image is known. Raises ImageError."""
    return _inspected(reference, weigh_on_base(image, base, contents), config)


def _pair_result(name: str, base: WeighedImage | None, head: WeighedImage, config: Config) -> ImageResult:
    """One compared pair, with the limits of its name."""
    return replace(
        compare_pair(name, base, head, configured_ignores(config, name), extras=config.extras),
        tips=_tips(head, config),
        limits=config.limits_of(name),
    )


def _tips(head: WeighedImage | SideFailure, config: Config) -> ImageTips | None:
    """Tips that are computed and not built."""
    if isinstance(head, SideFailure):
        return None
    tips = find_tips(head, minimum_saving_bytes=config.tips.minimum_saving_bytes, include=config.tips.include)
    return ImageTips(before_bytes=head.image.unpacked_bytes, proposed=tuple(ProposedTip(tip=tip) for tip in tips))
