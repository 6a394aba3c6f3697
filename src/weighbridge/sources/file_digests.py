"""Computes content digests of files in the engine's storage on demand, and caches them by diff ID.

Hashing a tar while it streams by costs almost nothing. In place, hashing means opening each file, which takes longer
than everything else. Few digests are needed: only those of files with the size of another file.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import xxhash

from weighbridge.domain.image.entries import DIGEST_PREFIX
from weighbridge.domain.image.layer import Entry
from weighbridge.errors import ImageError
from weighbridge.sources.engine_storage import Beneath
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.tar import CHUNK_BYTES


def digest_of_content(content: bytes) -> str:
    """The digest of a whole file's `content`, as `Entry.content_digest` has it."""
    return DIGEST_PREFIX + xxhash.xxh3_128_hexdigest(content)


class DigestsInPlace:
    """Computes digests for layers whose files lie in a folder per layer."""

    def __init__(self, cache: LayerCache) -> None:
        self._cache = cache
        self._open_layer: dict[str, Callable[[], Beneath]] = {}
        self._opened: dict[str, Beneath] = {}
        self._known: dict[str, dict[str, str]] = {}
        self._learned: set[str] = set()

    def add(self, diff_id: str, open_layer: Callable[[], Beneath]) -> None:
        """Register layer `diff_id`, so that its files can be hashed."""
        self._open_layer[diff_id] = open_layer

    def digest(self, diff_id: str, entry: Entry) -> str:
        """The digest of one file's content. Raises `ImageError` if it cannot be read."""
        known = self._known.get(diff_id)
        if known is None:
            known = self._known[diff_id] = self._cache.digests(diff_id)
        digest = known.get(entry.path)
        if digest is None:
            digest = known[entry.path] = self._hash(diff_id, entry)
            self._learned.add(diff_id)
        return digest

    def _hash(self, diff_id: str, entry: Entry) -> str:
        files = self._opened.get(diff_id)
        if files is None:
            files = self._opened[diff_id] = self._open_layer[diff_id]()
        name = os.fsencode(entry.path)
        if entry.size_bytes <= CHUNK_BYTES:
            content = files.read(name, entry.size_bytes)
            found_bytes, digest = len(content), digest_of_content(content)
        else:
            found_bytes, hasher = 0, xxhash.xxh3_128()
            with files.open(name) as file:
                while chunk := file.read(CHUNK_BYTES):
                    found_bytes += len(chunk)
                    hasher.update(chunk)
            digest = DIGEST_PREFIX + hasher.hexdigest()
        if found_bytes != entry.size_bytes:
            raise ImageError(f"{entry.path}: it has {found_bytes} bytes; layer {diff_id} records {entry.size_bytes}")
        return digest

    def release(self) -> None:
        """Close the layers' folders and store the new digests in the cache."""
        for diff_id in self._learned:
            self._cache.put_digests(diff_id, self._known[diff_id])
        self._learned.clear()
        for files in self._opened.values():
            files.close()
        self._opened.clear()
