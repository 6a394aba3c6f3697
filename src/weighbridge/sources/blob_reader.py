"""Reads layers from a store with random access: an OCI layout, an uncompressed archive, containerd's content store."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import BlobStore, chunks_of, image_errors
from weighbridge.sources.compression import SNIFFED_BYTES, Compression, sniff
from weighbridge.sources.file_contents import LayerOffsets, StoredContents
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layout import StoredImage
from weighbridge.sources.progress import ReadingProgress, layer_title
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.source_layer import SourceLayer


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
        found = []
        files = tuple(zip(stored.layers, stored.names, strict=True))
        total = sum(layer.size_bytes or store.size(name) or 0 for layer, name in files)
        done = 0
        for number, (layer, name) in enumerate(files, start=1):
            what = layer_title(title, number, len(files))
            one = self._layer(store, layer, name, estimate_sizes and not as_pulled, done=done, total=total, what=what)
            found.append(one if as_pulled else one.as_in_engine())
            done += store.size(name) or 0
        return ReadImage(
            stored=replace(stored, layers=tuple(found)),
            files=lambda: StoredContents(
                store, blob_names=stored.blob_names, offsets=LayerOffsets(self._known_layers.layer)
            ),
        )

    def _layer(
        self,
        store: BlobStore,
        layer: SourceLayer,
        name: str,
        estimate_sizes: bool,
        *,
        done: int,
        total: int,
        what: str,
    ) -> SourceLayer:
        """Index the layer in the file `name`, and return it as found."""
        size = store.size(name)
        if size is None:
            raise ImageError(f"{store.what}: the layer {name} is missing")
        if layer.size_bytes is not None and layer.size_bytes != size:
            raise ImageError(f"{store.what}: {name} has {size} bytes, the manifest says {layer.size_bytes}")
        file = store.open(name)
        compression = sniff(file.read(SNIFFED_BYTES))
        diff_id = layer.diff_id
        if self._known_layers.find(diff_id) is not None and (
            not estimate_sizes
            or compression is not Compression.NONE
            or self._known_layers.compressed_estimate(diff_id) is not None
        ):
            file.close()
            return found_layer(layer, size, compression)
        file.seek(0)
        with image_errors(store.what), contextlib.closing(chunks_of(file)) as chunks:
            self._known_layers.read_blob(
                self._progress.following(chunks, what, done_bytes=done, total_bytes=total),
                blob_bytes=size,
                blob_digest=layer.digest,
                diff_id=diff_id,
                estimate_sizes=estimate_sizes,
            )
        return found_layer(layer, size, compression)


def found_layer(layer: SourceLayer, size_bytes: int | None, compression: Compression) -> SourceLayer:
    """`layer` as found. `size_bytes` comes from the store, `compression` from the blob's first bytes."""
    digest = layer.diff_id if compression is Compression.NONE else layer.digest
    return SourceLayer(diff_id=layer.diff_id, size_bytes=size_bytes, digest=digest, compression=compression)
