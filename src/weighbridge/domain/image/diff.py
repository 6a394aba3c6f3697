"""Computes the differences in size between two images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.image.align import LayerPair, WeighedLayer, align_layers
from weighbridge.domain.image.image import sum_of_blobs


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeDelta:
    """Head minus base in the three sizes, in bytes; ``None`` if one of the two values is unknown."""

    unpacked_bytes: int
    download_bytes: int | None
    upgrade_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerDiff:
    """The aligned layers of two images, with the change split into base image and own layers.

    `base_image_bytes` + `own_bytes` is `delta.unpacked_bytes`, and so is the sum of the rows.
    """

    rows: tuple[LayerPair, ...]
    delta: SizeDelta
    base_image_bytes: int
    own_bytes: int


def diff_layers(base: Sequence[WeighedLayer], head: Sequence[WeighedLayer]) -> LayerDiff:
    """Compare two images layer by layer. A missing image is an empty sequence."""
    delta = SizeDelta(
        unpacked_bytes=sum(layer.unpacked_bytes for layer in head) - sum(layer.unpacked_bytes for layer in base),
        download_bytes=_minus(_download_bytes(head), _download_bytes(base)),
        upgrade_bytes=upgrade_bytes(base, head),
    )
    of_base_image = sum(layer.unpacked_bytes for layer in head if layer.from_base_image) - sum(
        layer.unpacked_bytes for layer in base if layer.from_base_image
    )
    return LayerDiff(
        rows=align_layers(base, head),
        delta=delta,
        base_image_bytes=of_base_image,
        own_bytes=delta.unpacked_bytes - of_base_image,
    )


def upgrade_bytes(base: Sequence[WeighedLayer], head: Sequence[WeighedLayer]) -> int | None:
    """The bytes that a node with base pulls for head; ``None`` if the size of a new layer's blob is unknown.

    A blob that occurs twice is fetched once.
    """
    held = {layer.diff_id for layer in base}
    return _download_bytes([layer for layer in head if layer.diff_id not in held])


def _download_bytes(layers: Sequence[WeighedLayer]) -> int | None:
    return sum_of_blobs((layer.blob_digest or layer.diff_id, layer.download_bytes) for layer in layers)


def _minus(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before
