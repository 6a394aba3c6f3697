"""Weighs built, cached and existing images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.image.image import Image
from weighbridge.domain.image.origins import LayerOrigin, history_text, layer_origins
from weighbridge.domain.image.rebuilt_layers import FormerContents, with_rebuilt_layers
from weighbridge.domain.image.rootfs import ContentReader
from weighbridge.domain.image.weighed import WeighedImage, weigh_image, with_services
from weighbridge.domain.lint.official import may_have_onbuild
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.side import Side
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import WeighbridgeError, contain_defects
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.run.base_image import BaseLayers, base_layers, common_layers
from weighbridge.run.build_outcome import BuildOutcome, BuiltSide, CachedSide, failure_of
from weighbridge.run.clients import Tools
from weighbridge.run.recorded_instructions import recorded_instructions
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import ENGINE

_NONE: Mapping[ImageReference, DockerfileSource] = {}


def weigh_built(
    tools: Tools,
    built: BuildOutcome,
    images: Mapping[ImageReference, Image | WeighbridgeError],
    plan: ImagePlan,
    side: Side,
    *,
    rebuilt_by: ImageReference | None = None,
    known: Callable[[ImageReference, Image], WeighedImage | None] | None = None,
) -> WeighedImage | SideFailure | None:
    """Weigh a side that was built or is cached. Returns a failure unchanged.

    `rebuilt_by` is the image whose layers may replace the layers of a cached side: see `with_rebuilt_layers`. `known`
    returns the weighed image if the prefetch weighed it.
    """
    if built is None or isinstance(built, SideFailure):
        return built
    tools.progress.step(f"weighing {plan.name} {side}")
    image = images[built.reference]
    later = images.get(rebuilt_by) if rebuilt_by is not None else None
    try:
        with contain_defects():
            contents: ContentReader | None = None
            if isinstance(built, CachedSide) and isinstance(image, Image) and isinstance(later, Image):
                image, former = with_rebuilt_layers(image, later)
                contents = FormerContents(tools.reader.contents(built.reference), former)
            before = known(built.reference, image) if known is not None and isinstance(image, Image) else None
            weighed = before or weigh_read_image(tools, built, image, contents)
            planned = plan.side(side)
            return with_services(weighed, planned.starts if planned is not None else ())
    except WeighbridgeError as error:
        return failure_of(side, error)


def weigh_read_image(
    tools: Tools,
    built: BuiltSide | CachedSide,
    image: Image | WeighbridgeError,
    contents: ContentReader | None = None,
) -> WeighedImage:
    """Weigh an image; `contents` replaces its files. Raises `image` if it is an error."""
    if isinstance(image, WeighbridgeError):
        raise image
    source = built.source if isinstance(built, BuiltSide) else built
    contents = tools.reader.contents(built.reference) if contents is None else contents
    return _weigh_with_dockerfile(tools, image, source, contents)


def _weigh_with_dockerfile(
    tools: Tools, image: Image, source: DockerfileSource | CachedSide, contents: ContentReader
) -> WeighedImage:
    stage = source.dockerfile.final_stage(source.target)
    chain = source.dockerfile.chain(stage)
    if image.history:
        layers_below = _layers_below_onbuild(tools, image, chain[0].base)
        origins = layer_origins(image.history, source.dockerfile, stage, base_image_layers=layers_below)
    else:
        origins = _origins_from_history(image)
    return weigh_image(
        image,
        origins,
        contents,
        instruction_lines={one.name: one.line for each in chain for one in each.instructions},
    )


def _layers_below_onbuild(tools: Tools, image: Image, base: str) -> int | None:
    """The number of layers of the image `base`, if its ``ONBUILD`` may have added others to `image`; else None.

    None also if the engine does not have it, or has another version of it than the one that `image` was built on.
    """
    if not base or base == "scratch" or not may_have_onbuild(base):
        return None
    try:
        diff_ids = tools.reader.diff_ids(ImageReference(transport=ENGINE, place=base))
    except WeighbridgeError:
        return None
    count = common_layers([layer.diff_id for layer in image.layers], diff_ids)
    return count if count == len(diff_ids) else None


def weigh_existing(
    references: Sequence[ImageReference],
    tools: Tools,
    *,
    sources: Mapping[ImageReference, DockerfileSource] = _NONE,
    base_image: ImageReference | None = None,
) -> list[WeighedImage]:
    """Weigh existing images in the order of `references`. Raises EngineError, RegistryError and ImageError.

    `sources` are the Dockerfiles that made them, where they are known; the others were built on `base_image`, if given.
    """
    images = tools.reader.read(references)
    for image in images.values():
        if isinstance(image, WeighbridgeError):
            raise image
    weighed = []
    for reference in references:
        image, source = images[reference], sources.get(reference)
        if not isinstance(image, Image):
            continue
        if source is None:
            weighed.append(weigh_without_dockerfile(tools, reference, image, base_image))
        else:
            contents = tools.reader.contents(reference)
            weighed.append(_weigh_with_dockerfile(tools, image, source, contents))
    return weighed


def weigh_without_dockerfile(
    tools: Tools, reference: ImageReference, image: Image, base_image: ImageReference | None = None
) -> WeighedImage:
    """Weigh an existing image, whose base image is `base_image` or the one that it names itself.

    Raises EngineError, RegistryError and ImageError.
    """
    return weigh_on_base(image, base_of(tools, reference, image, base_image), tools.reader.contents(reference))


def base_of(tools: Tools, reference: ImageReference, image: Image, base_image: ImageReference | None) -> BaseLayers:
    """The layers of an existing image's base image. Raises EngineError and RegistryError."""
    return base_layers(tools, image, base_image, is_in_engine=reference.is_in_engine)


def weigh_on_base(image: Image, base: BaseLayers, contents: ContentReader) -> WeighedImage:
    """Weigh an existing image whose base image is known. Raises ImageError."""
    recorded = recorded_instructions(image)
    notes = (*image.notes, *image.attached.notes, *((base.note,) if base.note is not None else ()), *recorded.notes)
    image = replace(image, notes=notes)
    origins = tuple(
        replace(origin, text=origin.text or found.text, line=found.line) if found is not None else origin
        for origin, found in zip(
            _origins_from_history(image, base_layers=base.count), recorded.instructions, strict=True
        )
    )
    return weigh_image(image, origins, contents)


def _origins_from_history(image: Image, *, base_layers: int = 0) -> tuple[LayerOrigin, ...]:
    """The origin of each layer from the image history, for images without a Dockerfile."""
    return tuple(
        LayerOrigin(
            instruction=None, text=history_text(layer.created_by), line=None, from_base_image=index < base_layers
        )
        for index, layer in enumerate(image.layers)
    )
