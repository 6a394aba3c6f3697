"""Holds the layers known from this run and from the cache. Reads unknown layers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import msgspec

from weighbridge.errors import ImageError
from weighbridge.sources.changeset import ChunkWorker, LayerIndex, index_layer
from weighbridge.sources.compression import ESTIMATE_NAME, CompressedSize, Compression, decompressed, sniffed
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.manifest import checked_digest
from weighbridge.sources.source_layer import SourceLayer
from weighbridge.sources.tar import Piece

_IN_REGISTRY = "registry"
"""In place of a compressor: the cache keeps exact sizes beside the estimates."""


class KnownLayers:
    """Known layers by diff ID.

    With `estimate_sizes`, a layer without a compressed blob also needs its recompressed size; the layer counts as known
    only if that size is known.
    """

    def __init__(self, cache: LayerCache) -> None:
        self._cache = cache
        self._layers: dict[str, LayerIndex] = {}
        self._estimates: dict[str, int] = {}
        """Results of this run: with a full disk the cache stores nothing, and no figure may depend on that."""
        self._registry_sizes: dict[str, int] = {}

    def find(self, diff_id: str, *, hashed: bool = True) -> LayerIndex | None:
        """The known data of a layer, ``None`` if the layer has to be read.

        With `hashed`, a layer counts as known only if all its contents are hashed. Callers that cannot hash a single
        file later need this.
        """
        layer = self._layers.get(diff_id)
        if layer is None:
            layer = self._cache.layer(diff_id)
            if layer is not None:
                self._layers[diff_id] = layer
        return layer if layer is not None and (layer.is_hashed or not hashed) else None

    def layer(self, diff_id: str) -> LayerIndex:
        """A layer that is already read. Raises `ImageError` otherwise."""
        layer = self.find(diff_id, hashed=False)
        if layer is None:
            raise ImageError(f"layer {diff_id} was not read")
        return layer

    def compressed_estimate(self, diff_id: str) -> int | None:
        """The layer's size recompressed here in bytes, ``None`` if unknown."""
        known = self._estimates.get(diff_id)
        return self._cache.compressed_estimate(diff_id, ESTIMATE_NAME) if known is None else known

    def registry_size(self, diff_id: str) -> int | None:
        """The size in bytes of the layer's compressed blob in a base image's registry, ``None`` if unknown."""
        known = self._registry_sizes.get(diff_id)
        return self._cache.compressed_estimate(diff_id, _IN_REGISTRY) if known is None else known

    def keep_registry_sizes(self, sizes: Mapping[str, int]) -> None:
        """Keep sizes of compressed blobs, by diff ID, in memory and in the cache."""
        for diff_id, size_bytes in sizes.items():
            if self.registry_size(diff_id) != size_bytes:
                self._registry_sizes[diff_id] = size_bytes
                self._cache.put_compressed_estimate(diff_id, _IN_REGISTRY, size_bytes)

    def known_blob(self, blob_digest: str, blob_bytes: int, *, estimate_sizes: bool) -> SourceLayer | None:
        """The layer in the blob `blob_digest`, if nothing of it has to be read; ``None`` otherwise."""
        if self.find(blob_digest) is not None:  # uncompressed: the blob's digest is the diff ID
            if estimate_sizes and self.compressed_estimate(blob_digest) is None:
                return None
            return SourceLayer(diff_id=blob_digest, size_bytes=blob_bytes, digest=blob_digest)
        document = self._cache.document(_blob_key(blob_digest))
        if document is None:
            return None
        try:
            blob = msgspec.msgpack.decode(document, type=SourceLayer)
        except msgspec.MsgspecError:
            return None
        is_known = (blob.digest, blob.size_bytes) == (blob_digest, blob_bytes) and self.find(blob.diff_id) is not None
        return blob if is_known else None

    def read_blob(
        self,
        chunks: Iterable[Piece],
        *,
        blob_bytes: int | None,
        blob_digest: str | None,
        diff_id: str | None,
        estimate_sizes: bool,
    ) -> SourceLayer:
        """Read a layer's blob to its end, and keep the results.

        `blob_bytes` comes from the store, `blob_digest` from the manifest, `diff_id` from the config; ``None`` if not
        yet known. Raises `ImageError` if the content contradicts one of them, or if the blob cannot be read.
        """
        if blob_digest is not None:
            checked_digest(blob_digest)
        compression, whole = sniffed(chunks if blob_bytes is None else _of_size(chunks, blob_bytes))
        is_compressed = compression is not Compression.NONE
        size = CompressedSize() if estimate_sizes and not is_compressed else None
        blob_hash = hashlib.sha256()
        tap = blob_hash.update if is_compressed else size.feed if size else None
        if tap is None:
            layer = index_layer(whole, expected_diff_id=diff_id)
        else:
            with ChunkWorker(tap) as worker:
                blob = worker.passing(whole)
                layer = index_layer(decompressed(compression, blob), expected_diff_id=diff_id)
                for _chunk in blob:  # the decompressor leaves bytes after the end of its stream unread
                    pass
        found_digest = f"sha256:{blob_hash.hexdigest()}" if is_compressed else layer.diff_id
        if blob_digest not in (None, found_digest):
            raise ImageError(
                f"blob {blob_digest}: its content has the digest {found_digest}; it was damaged or replaced"
            )
        if size is not None:
            estimate = self._estimates[layer.diff_id] = size.finish()
            self._cache.put_compressed_estimate(layer.diff_id, ESTIMATE_NAME, estimate)
        self.keep(layer)
        found = SourceLayer(
            diff_id=layer.diff_id,
            size_bytes=blob_bytes,
            digest=found_digest if blob_bytes is not None else None,
            compression=compression,
        )
        if blob_digest is not None and is_compressed:
            self._cache.put_document(_blob_key(blob_digest), msgspec.msgpack.encode(found))
        return found

    def forget(self, diff_id: str) -> None:
        """Drop a layer from memory that is not needed again; the cache still has it."""
        self._layers.pop(diff_id, None)

    def keep(self, layer: LayerIndex) -> None:
        """Keep a layer that was read, in memory and in the cache."""
        self._cache.put_layer(layer)
        # The cache holds the kept files; in memory they would add up.
        self._layers[layer.diff_id] = replace(layer, kept={})


def _blob_key(blob_digest: str) -> str:
    return f"layer blob {blob_digest}"


def _of_size(chunks: Iterable[Piece], expected_bytes: int) -> Iterator[Piece]:
    """`chunks`, which must have exactly `expected_bytes` together. Stops at the first byte too many."""
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > expected_bytes:
            raise ImageError(f"the blob has more than its {expected_bytes} bytes")
        yield chunk
    if count < expected_bytes:
        raise ImageError(f"the blob is truncated: it has {count} bytes and should have {expected_bytes}")
