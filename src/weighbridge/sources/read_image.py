"""What reading an image comes to, whatever its source: all its layers are indexed, and its files can be had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.errors import ImageError
from weighbridge.sources.file_contents import LayerFiles
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_blob import LayerBlob
from weighbridge.sources.layout import StoredImage, StoredLayer
from weighbridge.sources.manifest import image_description
from weighbridge.sources.measurement_cache import Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedImage:
    """An image whose layers are all indexed. `blobs` are its layers as they are stored, lowest first."""

    stored: StoredImage
    blobs: tuple[LayerBlob, ...]

    @property
    def measurement(self) -> Measurement:
        """What is to be kept of it, so that `indexed_image` has it again."""
        return Measurement(config=self.stored.config, blobs=self.blobs)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Its layers, lowest first."""
        return tuple(layer.step.diff_id for layer in self.stored.layers)

    def is_complete(self, known_layers: KnownLayers, *, estimate_sizes: bool) -> bool:
        """True if nothing has to be read again; with `estimate_sizes` each layer has a compressed size too."""
        if not estimate_sizes:
            return True
        return all(
            blob.size_bytes is not None or known_layers.compressed_estimate(blob.diff_id) is not None
            for blob in self.blobs
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An image that was read; `files` opens the place where the bytes of its files are."""

    image: IndexedImage
    files: Callable[[], LayerFiles]


def indexed_image(measurement: Measurement, known_layers: KnownLayers) -> IndexedImage | None:
    """The image that was measured, where all its layers are indexed."""
    try:
        description = image_description(measurement.config)
    except ImageError:
        return None
    if [blob.diff_id for blob in measurement.blobs] != [step.diff_id for step in description.steps]:
        return None
    if any(known_layers.find(step.diff_id) is None for step in description.steps):
        return None
    stored = StoredImage(
        description=description,
        config=measurement.config,
        layers=tuple(StoredLayer(step=step, name=step.diff_id) for step in description.steps),
        notes=description.notes,
    )
    return IndexedImage(stored=stored, blobs=measurement.blobs)
