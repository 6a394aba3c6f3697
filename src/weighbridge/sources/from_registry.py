"""Reads images in registries. Downloads only the blobs of unknown layers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from weighbridge.sources.blob_stores import image_errors
from weighbridge.sources.file_contents import LayerOffsets, StreamedContents, uncompressed
from weighbridge.sources.progress import layer_title
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.reference import ImageReference, split_registry_name
from weighbridge.sources.registry import Registry
from weighbridge.sources.source import ReadOutcomes, SourceSetup, read_each

SIDE_REQUEST_SECONDS = 5
"""Timeout for a base image: it is optional for the result."""


class ImagesInRegistries:
    """Reads images of any registry."""

    def __init__(self, setup: SourceSetup) -> None:
        self._known_layers = setup.known_layers
        self._platform = setup.platform
        self._progress = setup.progress
        self._credentials = setup.credentials
        self._registries: list[Registry] = []

    def close(self) -> None:
        """Close all connections. Files of the images cannot be read afterwards."""
        for registry in self._registries:
            registry.close()

    def read(self, titles: Mapping[ImageReference, str], *, estimate_sizes: bool) -> ReadOutcomes:
        """All images of `titles`, one after the other.

        A pull transfers the registry's blobs unchanged, so no size is estimated.
        """
        del estimate_sizes
        return read_each(titles, self._read)

    def reads_alone(self) -> bool:
        """True: a shared blob is downloaded once in any case."""
        return True

    def _read(self, reference: ImageReference, title: str) -> ReadImage:
        registry = self._registry(reference)
        with image_errors(registry.what):
            stored = registry.image(self._platform, with_attached=True)
        digests = {layer.diff_id: layer.digest or "" for layer in stored.layers}
        total = sum(layer.size_bytes or 0 for layer in stored.layers)
        done = 0
        found = []
        for number, layer in enumerate(stored.layers, start=1):
            digest, size, diff_id = layer.digest or "", layer.size_bytes or 0, layer.diff_id
            blob = self._known_layers.known_blob(digest, size, estimate_sizes=False)
            if blob is None or blob.diff_id != diff_id:
                what = layer_title(title, number, len(stored.layers))
                with image_errors(registry.what), contextlib.closing(registry.blob(digest)) as chunks:
                    blob = self._known_layers.read_blob(
                        self._progress.following(chunks, what, done_bytes=done, total_bytes=total),
                        blob_bytes=size,
                        blob_digest=digest,
                        diff_id=diff_id,
                        estimate_sizes=False,
                    )
            found.append(blob)
            done += size
        return ReadImage(
            stored=replace(stored, layers=tuple(found)),
            files=lambda: StreamedContents(
                lambda diff_id: uncompressed(registry.blob(digests[diff_id])),
                LayerOffsets(self._known_layers.layer),
            ),
        )

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image, lowest layer first. Fetches no layer. Raises `ImageError` and `RegistryError`."""
        registry = Registry(
            split_registry_name(reference.place),
            credentials=self._credentials,
            timeout_seconds=SIDE_REQUEST_SECONDS,
            retry_after_seconds=(),
        )
        with contextlib.closing(registry), image_errors(registry.what):
            return registry.image(self._platform).diff_ids

    def _registry(self, reference: ImageReference) -> Registry:
        registry = Registry(split_registry_name(reference.place), credentials=self._credentials)
        self._registries.append(registry)
        return registry
