"""The figures of one side of an image, without its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.attribution import MetadataCopies, metadata_copies
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.image.waste import HiddenCopy
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.start.predict import StartPrediction


@dataclass(frozen=True, kw_only=True, slots=True)
class SideResult:
    """One weighed side. A `WeighedImage` holds all its files and is large; this is the part that the report needs.

    `metadata_copies` are by layer index. `hidden_files` are the files that the image's own layers hide. `notes`
    explain the choice among several images, and name unreadable data.
    """

    image_id: str
    config: ImageConfig
    unpacked_bytes: int
    download_bytes: int | None
    download_estimated: bool
    wasted_bytes: int
    efficiency: float
    layers: tuple[WeighedLayer, ...]
    metadata_copies: Mapping[int, MetadataCopies]
    hidden_files: tuple[HiddenCopy, ...] = ()
    start: StartPrediction
    notes: tuple[str, ...]


def side_result(weighed: WeighedImage) -> SideResult:
    """The figures of `weighed`."""
    image = weighed.image
    return SideResult(
        image_id=image.image_id,
        config=image.config,
        unpacked_bytes=image.unpacked_bytes,
        download_bytes=image.download_bytes,
        download_estimated=image.download_estimated,
        wasted_bytes=weighed.waste.wasted_bytes,
        efficiency=weighed.efficiency,
        layers=weighed.layers,
        metadata_copies=metadata_copies(weighed.waste),
        hidden_files=weighed.waste.own,
        start=weighed.start,
        notes=(*weighed.image.notes, *weighed.packages.notes),
    )
