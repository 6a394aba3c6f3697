"""The result of reading an image, whatever its source: indexed layers and access to its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.errors import ImageError
from weighbridge.sources.file_contents import LayerFiles
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layout import StoredImage
from weighbridge.sources.manifest import image_description
from weighbridge.sources.measurement_cache import Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadImage:
    """An image whose layers are all indexed. `files` opens the source of its files' content."""

    stored: StoredImage
    files: Callable[[], LayerFiles]

    @property
    def measurement(self) -> Measurement:
        """The record to cache, from which `restored_image` makes the image again."""
        return Measurement(config=self.stored.config, layers=self.stored.layers)

    def is_complete(self, known_layers: KnownLayers, *, estimate_sizes: bool) -> bool:
        """True if nothing has to be read again; with `estimate_sizes`, each layer must have a compressed size too."""
        if not estimate_sizes:
            return True
        return all(
            layer.size_bytes is not None or known_layers.compressed_estimate(layer.diff_id) is not None
            for layer in self.stored.layers
        )


def restored_image(
    measurement: Measurement, known_layers: KnownLayers, files: Callable[[], LayerFiles]
) -> ReadImage | None:
    """The measured image, if all its layers are indexed; ``None`` otherwise. `files` opens its files' content."""
    try:
        description = image_description(measurement.config)
    except ImageError:
        return None
    if tuple(layer.diff_id for layer in measurement.layers) != description.diff_ids:
        return None
    if any(known_layers.find(diff_id) is None for diff_id in description.diff_ids):
        return None
    stored = StoredImage(
        description=description,
        config=measurement.config,
        layers=measurement.layers,
        notes=description.notes,
    )
    return ReadImage(stored=stored, files=files)
