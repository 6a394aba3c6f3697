"""Reads a ``docker save`` stream once: keeps its documents, and indexes its layers as they arrive.

A stream names its files only at its end (``manifest.json``, ``index.json``). So each layer is indexed on arrival, under
the diff ID of its content. Nothing is written to disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import (
    MAX_ARCHIVE_MEMBERS,
    archive_name,
    check_document_size,
    follow_links,
    link_destination,
)
from weighbridge.sources.compression import Compression, sniff
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layout import StoredImage
from weighbridge.sources.manifest import MAX_DOCUMENT_BYTES, checked_digest
from weighbridge.sources.source_layer import SourceLayer
from weighbridge.sources.tar import BLOCK_BYTES, Piece, StreamCursor, members

MAX_DOCUMENTS_BYTES = 64 << 20

_BLOBS = "blobs/sha256/"
_FILE, _HARD_LINK, _SYMLINK = b"012"


class SavedStream:
    """The content of a ``docker save`` stream. `weighbridge.sources.layout` can resolve its documents."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._documents: dict[str, bytes] = {}
        self._documents_bytes = 0
        self._sizes: dict[str, int] = {}
        self._links: dict[str, str] = {}
        self._layers: dict[str, SourceLayer | ImageError] = {}

    @property
    def what(self) -> str:
        """The name of this stream in messages."""
        return self._what

    def document(self, name: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        """The whole of the file `name`, ``None`` if it is missing. Raises `ImageError` if it exceeds `limit_bytes`.

        The stream kept no document larger than `MAX_DOCUMENT_BYTES`.
        """
        limit_bytes = min(limit_bytes, MAX_DOCUMENT_BYTES)
        name = follow_links(name, self._links, self._what)
        if name not in self._documents and name in self._sizes:
            check_document_size(self._what, name, self._sizes[name], limit_bytes)
            raise ImageError(f"{self._what}: {name} is not a JSON document")
        return self._documents.get(name)

    def size(self, name: str) -> int | None:
        """The size of the file `name` in bytes, ``None`` if it is missing."""
        return self._sizes.get(follow_links(name, self._links, self._what))

    def resolved(self, name: str) -> str:
        """The file that `name` links to, or `name` itself."""
        return follow_links(name, self._links, self._what)

    def layer(self, name: str) -> SourceLayer:
        """The layer in the file `name`; raises the `ImageError` from reading it."""
        layer = self._layers.get(follow_links(name, self._links, self._what))
        if layer is None:
            raise ImageError(f"{self._what}: the layer {name} is missing")
        if isinstance(layer, ImageError):
            raise ImageError(f"{self._what}: {name}: {layer}") from layer
        return layer

    def layers(self, image: StoredImage) -> tuple[SourceLayer, ...]:
        """The layers of `image`, an image in this stream, as found in the stream.

        Raises `ImageError` if the content of a layer does not match its diff ID.
        """
        layers = []
        for diff_id, name in zip(image.diff_ids, image.names, strict=True):
            layer = self.layer(name)
            if layer.diff_id != diff_id:
                raise ImageError(
                    f"{self._what}: layer {diff_id}: its content has the digest {layer.diff_id}; "
                    "the layer was damaged or replaced"
                )
            layers.append(layer)
        return tuple(layers)

    def read(self, chunks: Iterable[Piece], known_layers: KnownLayers, *, estimate_sizes: bool) -> None:
        """Read the whole stream, and add its layers to `known_layers`.

        With `estimate_sizes`, uncompressed layers are also compressed to measure their compressed size. Raises
        `ImageError` if the stream itself is damaged; a damaged layer affects only the images that use it.
        """
        cursor = StreamCursor(chunks)
        for count, member in enumerate(members(cursor, end_marker_required=True)):
            if count >= MAX_ARCHIVE_MEMBERS:
                raise ImageError(f"{self._what}: more than {MAX_ARCHIVE_MEMBERS} members; this is no saved image")
            name = archive_name(member.name)
            if member.type_flag in (_SYMLINK, _HARD_LINK):
                self._links[name] = link_destination(name, member.link_name, member.type_flag)
            elif member.type_flag == _FILE and not member.is_sparse:
                self._sizes[name] = member.size_bytes
                self._read_file(name, member.size_bytes, cursor, known_layers, estimate_sizes=estimate_sizes)
        cursor.drain()

    def _read_file(
        self, name: str, size_bytes: int, cursor: StreamCursor, known_layers: KnownLayers, *, estimate_sizes: bool
    ) -> None:
        blob_digest = None
        if name.startswith(_BLOBS):
            blob_digest = checked_digest(f"sha256:{name.removeprefix(_BLOBS)}")
            known = known_layers.known_blob(blob_digest, size_bytes, estimate_sizes=estimate_sizes)
            if known is not None:
                self._layers[name] = known
                return
        head = cursor.take(min(BLOCK_BYTES, size_bytes))
        rest = cursor.pieces(size_bytes - len(head))
        if _is_document(head):
            if size_bytes <= MAX_DOCUMENT_BYTES:
                self._keep_document(name, head + b"".join(rest))
            return
        try:
            self._layers[name] = known_layers.read_blob(
                chain((head,), rest),
                blob_bytes=size_bytes,
                blob_digest=blob_digest,
                diff_id=None,
                estimate_sizes=estimate_sizes,
            )
        except ImageError as error:
            self._layers[name] = error

    def _keep_document(self, name: str, content: bytes) -> None:
        self._documents_bytes += len(content)
        if self._documents_bytes > MAX_DOCUMENTS_BYTES:
            raise ImageError(f"{self._what}: its JSON documents have more than {MAX_DOCUMENTS_BYTES} bytes together")
        self._documents[name] = content


def _is_document(head: bytes) -> bool:
    """Tells JSON (and the legacy layout's ``VERSION``) from a layer by its first block; names do not tell."""
    if sniff(head) is not Compression.NONE:
        return False
    return len(head) < BLOCK_BYTES or (head.lstrip()[:1] in (b"{", b"[") and head[257:262] != b"ustar")
