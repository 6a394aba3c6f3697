"""The result of reading an image, whatever its source: indexed layers and access to its files."""

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
class ReadImage:
    """An image whose layers are all indexed. `blobs` are its stored layers, lowest first.

    `files` opens the source of its files' content.
    """

    stored: StoredImage
    blobs: tuple[LayerBlob, ...]
    files: Callable[[], LayerFiles]

    @property
    def measurement(self) -> Measurement:
        """The record to cache, from which `restored_image` makes the image again."""
        return Measurement(config=self.stored.config, blobs=self.blobs)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The diff IDs of its layers, lowest first."""
        return tuple(layer.step.diff_id for layer in self.stored.layers)

    def is_complete(self, known_layers: KnownLayers, *, estimate_sizes: bool) -> bool:
        """True if nothing has to be read again; with `estimate_sizes`, each layer must have a compressed size too."""
        if not estimate_sizes:
            return True
        return all(
            blob.size_bytes is not None or known_layers.compressed_estimate(blob.diff_id) is not None
            for blob in self.blobs
        )


def restored_image(
    measurement: Measurement, known_layers: KnownLayers, files: Callable[[], LayerFiles]
) -> ReadImage | None:
    """The measured image, if all its layers are indexed; ``None`` otherwise. `files` opens its files' content."""
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
    return ReadImage(stored=stored, blobs=measurement.blobs, files=files)
