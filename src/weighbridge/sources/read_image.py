"""What reading an image comes to, whatever its source: all its layers are on the shelf, and its files can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.errors import ImageError
from weighbridge.sources.file_contents import LayerFiles
from weighbridge.sources.known_layers import LayerShelf
from weighbridge.sources.layout import StoredImage, StoredLayer
from weighbridge.sources.manifest import image_description
from weighbridge.sources.measurement_cache import Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class ShelvedImage:
    """An image whose layers are all on the shelf. `blob_bytes` are the compressed blobs' sizes where there are such."""

    stored: StoredImage
    blob_bytes: tuple[int | None, ...]

    @property
    def measurement(self) -> Measurement:
        """What is to be kept of it, so that `shelved_image` has it again."""
        return Measurement(config=self.stored.config, blob_bytes=self.blob_bytes)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Its layers, lowest first."""
        return tuple(layer.step.diff_id for layer in self.stored.layers)

    def blobs(self) -> Iterator[tuple[str, int | None]]:
        """Each layer's diff ID, and the size of its blob where that is compressed."""
        return zip(self.diff_ids, self.blob_bytes, strict=True)

    def is_complete(self, shelf: LayerShelf, *, estimate_sizes: bool) -> bool:
        """True where nothing has to be read again; with `estimate_sizes` each layer has a compressed size too."""
        if not estimate_sizes:
            return True
        return all(size is not None or shelf.compressed_estimate(diff_id) is not None for diff_id, size in self.blobs())


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An image that was read; `files` opens the place where the bytes of its files are."""

    image: ShelvedImage
    files: Callable[[], LayerFiles]


def shelved_image(measurement: Measurement, shelf: LayerShelf) -> ShelvedImage | None:
    """The image that was measured, where all its layers are on the shelf."""
    try:
        description = image_description(measurement.config)
    except ImageError:
        return None
    if len(measurement.blob_bytes) != len(description.steps):
        return None
    if any(shelf.find(step.diff_id) is None for step in description.steps):
        return None
    stored = StoredImage(
        description=description,
        config=measurement.config,
        layers=tuple(StoredLayer(step=step, name=step.diff_id) for step in description.steps),
    )
    return ShelvedImage(stored=stored, blob_bytes=measurement.blob_bytes)
