"""Layers out of a place with random access: an OCI layout, an uncompressed archive, containerd's content store."""

from __future__ import annotations

import contextlib

from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import BlobStore, chunks_of, image_errors
from weighbridge.sources.compression import Compression, sniff
from weighbridge.sources.file_contents import LayerOffsets, StoredContents
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layout import StoredImage, StoredLayer
from weighbridge.sources.progress import ReadingProgress, layer_title
from weighbridge.sources.read_image import Found, IndexedImage


class StoreReader:
    """Reads the layers of images whose documents were read already."""

    def __init__(self, known_layers: KnownLayers, progress: ReadingProgress) -> None:
        self._known_layers = known_layers
        self._progress = progress

    def read(self, store: BlobStore, stored: StoredImage, *, title: str, estimate_sizes: bool) -> Found:
        """Make all layers of `stored` known. Raises `ImageError` if one is missing or has a wrong digest.

        `title` is what progress calls the image.
        """
        blobs = []
        total = sum(layer.size or store.size(layer.name) or 0 for layer in stored.layers)
        done = 0
        for number, layer in enumerate(stored.layers, start=1):
            what = layer_title(title, number, len(stored.layers))
            blobs.append(self._blob(store, layer, estimate_sizes, done=done, total=total, what=what))
            done += store.size(layer.name) or 0
        return Found(
            image=IndexedImage(stored=stored, blob_bytes=tuple(blobs)),
            files=lambda: StoredContents(
                store, blob_names=stored.blob_names, offsets=LayerOffsets(self._known_layers.layer)
            ),
        )

    def _blob(
        self, store: BlobStore, layer: StoredLayer, estimate_sizes: bool, *, done: int, total: int, what: str
    ) -> int | None:
        """Make the layer known. Returns the size of its blob if it is compressed."""
        size = store.size(layer.name)
        if size is None:
            raise ImageError(f"{store.what}: the layer {layer.name} is not there")
        if layer.size is not None and layer.size != size:
            raise ImageError(f"{store.what}: {layer.name} has {size} bytes, the manifest says {layer.size}")
        file = store.open(layer.name)
        compressed_bytes = None if sniff(file.read(4)) is Compression.NONE else size
        diff_id = layer.step.diff_id
        if self._known_layers.find(diff_id) is not None and (
            not estimate_sizes
            or compressed_bytes is not None
            or self._known_layers.compressed_estimate(diff_id) is not None
        ):
            file.close()
            return compressed_bytes
        file.seek(0)
        with image_errors(store.what), contextlib.closing(chunks_of(file)) as chunks:
            return self._known_layers.read_blob(
                self._progress.following(chunks, what, done_bytes=done, total_bytes=total),
                blob_bytes=size,
                blob_digest=layer.digest,
                diff_id=diff_id,
                estimate_sizes=estimate_sizes,
            ).compressed_bytes
