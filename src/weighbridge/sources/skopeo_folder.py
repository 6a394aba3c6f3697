"""Reads a folder that ``skopeo copy IMAGE dir:DIR`` wrote, as an OCI layout.

Format: containers-transports(5), "dir:PATH". ``manifest.json`` is the manifest or index itself, each blob has the
hexadecimal digits of its digest as its name, and the manifests of an index end in ``.manifest.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec

from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import Folder
from weighbridge.sources.manifest import MAX_DOCUMENT_BYTES, digest_of, media_type_of

MANIFEST = "manifest.json"
_INDEX = "index.json"
_BLOBS = "blobs/sha256/"


class SkopeoFolder:
    """The files of the folder under the names that an OCI layout gives them."""

    def __init__(self, root: Path, what: str) -> None:
        """Raises `ImageError` if the folder has no ``manifest.json``."""
        self._folder = Folder(root, what)
        content = self._folder.document(MANIFEST)
        if content is None:
            raise ImageError(f"{what}: no {MANIFEST}; this is no folder of skopeo (dir:). An OCI layout is oci:{what}")
        digest = digest_of(content)
        entry = {"mediaType": media_type_of(content, what), "digest": digest, "size": len(content)}
        self._manifest = f"{_BLOBS}{digest.partition(':')[2]}"
        self._index = msgspec.json.encode({"schemaVersion": 2, "manifests": [entry]})

    @property
    def what(self) -> str:
        """The name of this folder in messages."""
        return self._folder.what

    def document(self, name: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        """The whole of the file `name`, ``None`` if it is missing. Raises `ImageError` if it exceeds `limit_bytes`."""
        if name == _INDEX:
            return self._index
        stored = self._stored(name)
        return None if stored is None else self._folder.document(stored, limit_bytes=limit_bytes)

    def size(self, name: str) -> int | None:
        """The size of the file `name` in bytes, ``None`` if it is missing."""
        if name == _INDEX:
            return len(self._index)
        stored = self._stored(name)
        return None if stored is None else self._folder.size(stored)

    def open(self, name: str) -> BinaryIO:
        """The file `name`, seekable and unbuffered. Raises `ImageError` if it is missing."""
        return self._folder.open(self._stored(name) or name)

    def _stored(self, name: str) -> str | None:
        """The blob's name in the folder; ``None`` if it is not a blob."""
        if name == self._manifest:
            return MANIFEST
        if not name.startswith(_BLOBS):
            return None
        digits = name.removeprefix(_BLOBS)
        of_index = f"{digits}.manifest.json"
        return of_index if self._folder.size(of_index) is not None else digits
