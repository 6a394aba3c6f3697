"""Finds the layers of an existing image that come from its base image."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from weighbridge.domain.image.attached import BuildRecord
from weighbridge.domain.image.image import Image
from weighbridge.errors import WeighbridgeError
from weighbridge.run.clients import Tools
from weighbridge.sources.base_image import named_base_image, public_image
from weighbridge.sources.platforms import parse_platform
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import ENGINE

MAX_CANDIDATES = 8
"""Maximum number of recorded images to ask for."""
MAX_SECONDS = 5
"""No recorded image is requested after this time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseLayers:
    """The lowest `count` layers come from the base image. `note` names that image, and how it was found."""

    count: int = 0
    note: str | None = None


def base_layers(
    tools: Tools, image: Image, declared: ImageReference | None, *, is_in_engine: bool = False
) -> BaseLayers:
    """The base image as declared, otherwise as provenance records it, or as annotations or labels of the image name it.

    Provenance of ``mode=max`` has the layers itself. Otherwise the common lowest layers of both images count. If the
    base image cannot be read, all layers count as the image's own, with a note. For an image in the engine, the engine
    is asked for recorded images before a registry.
    """
    if declared is not None:
        return _common(tools, image, declared, "declared")
    build = image.attached.build
    if build is not None and build.base_image is not None and build.base_image_layers:
        count = min(build.base_image_layers, len(image.layers))
        layers = f"provides the lowest {count} of {len(image.layers)} layers"
        return BaseLayers(count=count, note=f"base image {build.base_image} ({_recorded(build)}): {layers}")
    named = [_common(tools, image, reference, how) for reference, how in _named(image)]
    found = next((one for one in named if one.count), None)
    if found is None and build is not None:
        found = _recorded_material(tools, image, build, is_in_engine=is_in_engine)
    return found or next(iter(named), BaseLayers())


def _named(image: Image) -> Iterator[tuple[ImageReference, str]]:
    """The base image that the image itself names, with the place of the name: one of them."""
    annotations = (image.annotations, "named by the manifest's annotations")
    for named, how in (annotations, (image.config.labels, "named by the image's labels")):
        reference = named_base_image(named)
        if reference is not None:
            yield reference, how
            return


def _recorded_material(tools: Tools, image: Image, build: BuildRecord, *, is_in_engine: bool) -> BaseLayers | None:
    """The recorded image that has the lowest layers of `image`; a note without layers if none of them has."""
    materials = [one for one in reversed(build.materials) if _is_of_platform(image, one.platform)]
    candidates = [
        *(ImageReference(transport=ENGINE, place=one.reference) for one in materials if is_in_engine),
        *(reference for one in materials if (reference := public_image(one.reference)) is not None),
    ]
    started = time.monotonic()
    for reference in candidates[:MAX_CANDIDATES]:
        found = _common(tools, image, reference, _recorded(build))
        if found.count:
            return found
        if time.monotonic() - started > MAX_SECONDS:
            break
    if not materials:
        return None
    names = ", ".join(one.reference.partition("@")[0] for one in materials[:MAX_CANDIDATES])
    return BaseLayers(note=f"base image unknown: none of {names} ({_recorded(build)}) can be read and has these layers")


def _recorded(build: BuildRecord) -> str:
    return f"recorded by the builder, {build.predicate}"


def _is_of_platform(image: Image, platform: str | None) -> bool:
    """False for an image of another platform, which only a build stage can have used."""
    if platform is None:
        return True
    try:
        return parse_platform(platform).normalised() == parse_platform(image.config.platform).normalised()
    except WeighbridgeError:
        return True


def _common(tools: Tools, image: Image, reference: ImageReference, how: str) -> BaseLayers:
    """The layers that `image` and the image `reference` begin with."""
    try:
        base = tools.reader.diff_ids(reference)
    except WeighbridgeError as error:
        return BaseLayers(note=f"base image {reference} ({how}) cannot be read, so its layers are unknown: {error}")
    count = common_layers([layer.diff_id for layer in image.layers], base)
    return BaseLayers(count=count, note=_note(reference, how, count, len(base), len(image.layers)))


def common_layers(image: Sequence[str], base: Sequence[str]) -> int:
    """The number of lowest diff IDs that both images share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(image, base, strict=False)))


def _note(reference: ImageReference, how: str, count: int, of_base: int, of_image: int) -> str:
    if not count:
        return f"base image {reference} ({how}): no common layer; the image was built on another version"
    rest = "" if count == of_base else f"; the base image has {of_base} layers, so it is another version now"
    return f"base image {reference} ({how}): provides the lowest {count} of {of_image} layers{rest}"
