"""Computes content digests of files in the engine's storage on demand, and caches them by diff ID.

A tar that streams by is hashed as it goes; that is nearly free. In place each file would have to be opened for it,
which takes longer than all the rest, and few contents matter: those of files that have the size of another.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import xxhash

from weighbridge.domain.image.layer import Entry
from weighbridge.errors import ImageError
from weighbridge.sources.changeset import DIGEST_PREFIX
from weighbridge.sources.engine_storage import Beneath
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.tar import CHUNK_BYTES


class DigestsInPlace:
    """The digests of layers whose files lie in a folder each."""

    def __init__(self, cache: LayerCache) -> None:
        self._cache = cache
        self._open_layer: dict[str, Callable[[], Beneath]] = {}
        self._opened: dict[str, Beneath] = {}
        self._known: dict[str, dict[str, str]] = {}
        self._learned: set[str] = set()

    def add(self, diff_id: str, open_layer: Callable[[], Beneath]) -> None:
        """From now on the files of layer `diff_id` can be hashed."""
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
            found_bytes, digest = len(content), xxhash.xxh3_128_hexdigest(content)
        else:
            found_bytes, hasher = 0, xxhash.xxh3_128()
            with files.open(name) as file:
                while chunk := file.read(CHUNK_BYTES):
                    found_bytes += len(chunk)
                    hasher.update(chunk)
            digest = hasher.hexdigest()
        if found_bytes != entry.size_bytes:
            raise ImageError(f"{entry.path}: it has {found_bytes} bytes, its layer {diff_id} says {entry.size_bytes}")
        return DIGEST_PREFIX + digest

    def release(self) -> None:
        """Let go of the layers' folders, and keep what was learned."""
        for diff_id in self._learned:
            self._cache.put_digests(diff_id, self._known[diff_id])
        self._learned.clear()
        for files in self._opened.values():
            files.close()
        self._opened.clear()
