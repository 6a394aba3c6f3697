"""Finds the layers of an existing image that come from its base image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from weighbridge.domain.image.image import Image
from weighbridge.errors import WeighbridgeError
from weighbridge.run.clients import Tools
from weighbridge.sources.base_image import named_base_image
from weighbridge.sources.reference import ImageReference


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseLayers:
    """The lowest `count` layers come from the base image. `note` names that image, and how it was found."""

    count: int = 0
    note: str | None = None


def base_layers(tools: Tools, image: Image, declared: ImageReference | None) -> BaseLayers:
    """The base image as declared, otherwise as the image's annotations or labels name it.

    Only the common lowest layers of both images count. If the base image cannot be read, all layers count as the
    image's own, with a note.
    """
    reference, how = declared, "declared"
    if reference is None:
        reference, how = named_base_image(image.annotations), "named by the manifest's annotations"
    if reference is None:
        reference, how = named_base_image(image.config.labels), "named by the image's labels"
    if reference is None:
        return BaseLayers()
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
