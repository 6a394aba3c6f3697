"""Weighs existing images, without a plan and without a build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weighbridge.config import Config
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.judge import judge_images
from weighbridge.domain.result.revision import Revision
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.result.tips import ImageTips, ProposedTip
from weighbridge.domain.tips.find import find_tips
from weighbridge.errors import UsageError
from weighbridge.run.clients import Tools
from weighbridge.run.compare import compare_existing, configured_ignores
from weighbridge.run.read import weigh_existing
from weighbridge.run.start import start_image
from weighbridge.sources.reference import ImageReference, Transport


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
) -> RunResult:
    """Compare pairs of existing images. `base` and `head` are the names of the sides in the report.

    Raises the errors of `weigh_existing`.
    """
    references = [side for pair in pairs for side in (pair.base, pair.head) if side is not None]
    weighed = dict(zip(references, weigh_existing(references, tools), strict=True))
    images = [
        _pair_result(pair, weighed[pair.base] if pair.base else None, weighed[pair.head], config) for pair in pairs
    ]
    return RunResult(
        base=base,
        head=head,
        images=tuple(images),
        breaches=judge_images(images, fail_on=config.checks.fail_on),
        notes=tuple(notes),
    )


def compare_images(old: ImageReference, new: ImageReference, config: Config, tools: Tools) -> RunResult:
    """Compare two existing images. Raises the errors of `weigh_existing`."""
    pair = ImagePair(name=str(new), base=old, head=new)
    return weigh_pairs([pair], config, tools, base=Revision(ref=str(old)), head=Revision(ref=str(new)))


def inspect_image(reference: ImageReference, config: Config, tools: Tools, *, start: bool = False) -> RunResult:
    """Weigh one existing image. With `start`, also start it. Raises the errors of `weigh_existing`.

    Raises UsageError if `start` is set and the image is not in the engine.
    """
    if start and reference.transport is not Transport.ENGINE:
        raise UsageError(f"--start needs an image in the engine; {reference} is not. Load it first, or omit --start.")
    (head,) = weigh_existing([reference], tools)
    image = _pair_result(ImagePair(name=str(reference), base=None, head=reference), None, head, config)
    if start:
        image = replace(image, trial=start_image(tools, image.name, head, lambda: reference.place))
    return RunResult(
        base=None,
        head=Revision(ref=str(reference)),
        images=(image,),
        breaches=judge_images([image], fail_on=config.checks.fail_on),
    )


def _pair_result(pair: ImagePair, base: WeighedImage | None, head: WeighedImage, config: Config) -> ImageResult:
    """Compares one pair. Its tips are computed but not built. Its limits come from the image's name."""
    tips = find_tips(head, minimum_saving_bytes=config.tips.minimum_saving_bytes, include=config.tips.include)
    return replace(
        compare_existing(pair.name, base, head, configured_ignores(config, pair.name)),
        tips=ImageTips(before_bytes=head.image.unpacked_bytes, proposed=tuple(ProposedTip(tip=tip) for tip in tips)),
        limits=config.limits_of(pair.name),
    )
