"""Reads layers from a store with random access: an OCI layout, an uncompressed archive, containerd's content store."""

from __future__ import annotations

import contextlib

from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import BlobStore, chunks_of, image_errors
from weighbridge.sources.compression import SNIFFED_BYTES, Compression, sniff
from weighbridge.sources.file_contents import LayerOffsets, StoredContents
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_blob import LayerBlob
from weighbridge.sources.layout import StoredImage, StoredLayer
from weighbridge.sources.progress import ReadingProgress, layer_title
from weighbridge.sources.read_image import ReadImage


class StoreReader:
    """Reads the layers of images whose documents are already read."""

    def __init__(self, known_layers: KnownLayers, progress: ReadingProgress) -> None:
        self._known_layers = known_layers
        self._progress = progress

    def read(
        self, store: BlobStore, stored: StoredImage, *, title: str, estimate_sizes: bool, as_pulled: bool
    ) -> ReadImage:
        """Index all layers of `stored`. Raises `ImageError` if a layer is missing or does not match its description.

        `title` is the image's name in progress output. `as_pulled` is true if a pull transfers these very blobs.
        """
        blobs = []
        total = sum(layer.size or store.size(layer.name) or 0 for layer in stored.layers)
        done = 0
        for number, layer in enumerate(stored.layers, start=1):
            what = layer_title(title, number, len(stored.layers))
            blob = self._blob(store, layer, estimate_sizes and not as_pulled, done=done, total=total, what=what)
            blobs.append(blob if as_pulled else blob.as_in_engine())
            done += store.size(layer.name) or 0
        return ReadImage(
            stored=stored,
            blobs=tuple(blobs),
            files=lambda: StoredContents(
                store, blob_names=stored.blob_names, offsets=LayerOffsets(self._known_layers.layer)
            ),
        )

    def _blob(
        self, store: BlobStore, layer: StoredLayer, estimate_sizes: bool, *, done: int, total: int, what: str
    ) -> LayerBlob:
        """Index the layer and return its blob."""
        size = store.size(layer.name)
        if size is None:
            raise ImageError(f"{store.what}: the layer {layer.name} is missing")
        if layer.size is not None and layer.size != size:
            raise ImageError(f"{store.what}: {layer.name} has {size} bytes, the manifest says {layer.size}")
        file = store.open(layer.name)
        compression = sniff(file.read(SNIFFED_BYTES))
        diff_id = layer.step.diff_id
        if self._known_layers.find(diff_id) is not None and (
            not estimate_sizes
            or compression is not Compression.NONE
            or self._known_layers.compressed_estimate(diff_id) is not None
        ):
            file.close()
            return stored_blob(layer, size, compression)
        file.seek(0)
        with image_errors(store.what), contextlib.closing(chunks_of(file)) as chunks:
            self._known_layers.read_blob(
                self._progress.following(chunks, what, done_bytes=done, total_bytes=total),
                blob_bytes=size,
                blob_digest=layer.digest,
                diff_id=diff_id,
                estimate_sizes=estimate_sizes,
            )
        return stored_blob(layer, size, compression)


def stored_blob(layer: StoredLayer, size_bytes: int | None, compression: Compression) -> LayerBlob:
    """The blob of `layer`. `size_bytes` comes from the store, `compression` from the blob's first bytes."""
    diff_id = layer.step.diff_id
    digest = diff_id if compression is Compression.NONE else layer.digest
    return LayerBlob(diff_id=diff_id, size_bytes=size_bytes, digest=digest, compression=compression)
