"""The result of reading an image from any source: its layers are known, and its files are readable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.errors import ImageError
from weighbridge.sources.file_contents import LayerFiles
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layout import StoredImage, StoredLayer
from weighbridge.sources.manifest import image_description
from weighbridge.sources.measurement_cache import Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedImage:
    """An image with known layers. `blob_bytes` are the sizes of compressed blobs, if any."""

    stored: StoredImage
    blob_bytes: tuple[int | None, ...]

    @property
    def measurement(self) -> Measurement:
        """The data to store, from which `indexed_image` restores the image."""
        return Measurement(config=self.stored.config, blob_bytes=self.blob_bytes)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Its layers, lowest first."""
        return tuple(layer.step.diff_id for layer in self.stored.layers)

    def blobs(self) -> Iterator[tuple[str, int | None]]:
        """Each layer's diff ID, and the size of its blob where that is compressed."""
        return zip(self.diff_ids, self.blob_bytes, strict=True)

    def is_complete(self, known_layers: KnownLayers, *, estimate_sizes: bool) -> bool:
        """True if nothing has to be read again; with `estimate_sizes` each layer has a compressed size too."""
        if not estimate_sizes:
            return True
        return all(
            size is not None or known_layers.compressed_estimate(diff_id) is not None for diff_id, size in self.blobs()
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An image that was read; `files` opens the place where the bytes of its files are."""

    image: IndexedImage
    files: Callable[[], LayerFiles]


def indexed_image(measurement: Measurement, known_layers: KnownLayers) -> IndexedImage | None:
    """The measured image, if all its layers are known."""
    try:
        description = image_description(measurement.config)
    except ImageError:
        return None
    if len(measurement.blob_bytes) != len(description.steps):
        return None
    if any(known_layers.find(step.diff_id) is None for step in description.steps):
        return None
    stored = StoredImage(
        description=description,
        config=measurement.config,
        layers=tuple(StoredLayer(step=step, name=step.diff_id) for step in description.steps),
    )
    return IndexedImage(stored=stored, blob_bytes=measurement.blob_bytes)
