"""The known layers of this run and of the cache. Reads unknown layers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from weighbridge.errors import ImageError
from weighbridge.sources.changeset import ChunkWorker, IndexedLayer, index_layer
from weighbridge.sources.compression import ESTIMATE_NAME, CompressedSize, Compression, decompressed, sniffed
from weighbridge.sources.layer_blob import LayerBlob
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.manifest import checked_digest
from weighbridge.sources.tar import Piece


class KnownLayers:
    """Known layers by diff ID.

    `estimate_sizes` says that for a layer without a compressed blob the recompressed size is wanted too; a layer
    counts as known only when that is.
    """

    def __init__(self, cache: LayerCache) -> None:
        self._cache = cache
        self._layers: dict[str, IndexedLayer] = {}
        self._estimates: dict[str, int] = {}
        """What this run learned: a cache on a full disk keeps nothing, and no figure may depend on that."""

    def find(self, diff_id: str, *, hashed: bool = True) -> IndexedLayer | None:
        """What is known of a layer, ``None`` if it has to be read.

        With `hashed` a layer is only known when all its contents are hashed: whoever cannot hash a single file later
        asks so.
        """
        layer = self._layers.get(diff_id)
        if layer is None:
            layer = self._cache.layer(diff_id)
            if layer is not None:
                self._layers[diff_id] = layer
        return layer if layer is not None and (layer.is_hashed or not hashed) else None

    def layer(self, diff_id: str) -> IndexedLayer:
        """A layer that was read before. Raises `ImageError` if it was not."""
        layer = self.find(diff_id, hashed=False)
        if layer is None:
            raise ImageError(f"layer {diff_id} was not read")
        return layer

    def compressed_estimate(self, diff_id: str) -> int | None:
        """The layer's size recompressed here, ``None`` if it is unknown."""
        known = self._estimates.get(diff_id)
        return self._cache.compressed_estimate(diff_id, ESTIMATE_NAME) if known is None else known

    def known_blob(self, blob_digest: str, blob_bytes: int, *, estimate_sizes: bool) -> LayerBlob | None:
        """The layer that the blob `blob_digest` holds, where nothing of it need be read; ``None`` otherwise."""
        if self.find(blob_digest) is not None:  # uncompressed: the blob's digest is the diff ID
            if estimate_sizes and self.compressed_estimate(blob_digest) is None:
                return None
            return LayerBlob(diff_id=blob_digest, size_bytes=blob_bytes, digest=blob_digest)
        document = self._cache.document(_blob_key(blob_digest))
        if document is None:
            return None
        try:
            blob = msgspec.msgpack.decode(document, type=LayerBlob)
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
    ) -> LayerBlob:
        """Read a layer's blob to its end, and keep what it teaches.

        `blob_bytes`, `blob_digest` and `diff_id` are what its place, the manifest and the config say of it, ``None``
        where that is unknown (yet). Raises `ImageError` if one is not so, or the blob cannot be read.
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
                for _chunk in blob:  # what a decompressor leaves unread behind the end of its stream
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
        found = LayerBlob(
            diff_id=layer.diff_id,
            size_bytes=blob_bytes,
            digest=found_digest if blob_bytes is not None else None,
            compression=compression,
        )
        if blob_digest is not None and is_compressed:
            self._cache.put_document(_blob_key(blob_digest), msgspec.msgpack.encode(found))
        return found

    def forget(self, diff_id: str) -> None:
        """Let go of a layer that is not asked for again; the cache still has it."""
        self._layers.pop(diff_id, None)

    def keep(self, layer: IndexedLayer) -> None:
        """Remember a layer that was read, here and in the cache."""
        self._cache.put_layer(layer)
        # The kept files are on disk now; in memory they would add up.
        self._layers[layer.diff_id] = replace(layer, kept={})


def _blob_key(blob_digest: str) -> str:
    return f"layer blob {blob_digest}"


def _of_size(chunks: Iterable[Piece], expected_bytes: int) -> Iterator[Piece]:
    """`chunks`, which together must have `expected_bytes`: not less, and above all not more without an end."""
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > expected_bytes:
            raise ImageError(f"the blob has more than the {expected_bytes} bytes that it should have")
        yield chunk
    if count < expected_bytes:
        raise ImageError(f"the blob is truncated: it has {count} bytes and should have {expected_bytes}")
