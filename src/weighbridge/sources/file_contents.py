"""Reads single files of layers on demand, in parts, and caches them by layer and path."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Protocol

from weighbridge.domain.image.entries import FILE
from weighbridge.domain.image.rootfs import Node
from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import BlobStore, archive_name, chunks_of
from weighbridge.sources.changeset import LayerIndex
from weighbridge.sources.compression import Compression, decompressed, sniff, sniffed
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.plain_members import NO_OFFSET
from weighbridge.sources.tar import Piece, StreamCursor, members

WHOLE_FILE_BYTES = 1 << 20
"""The first request for a file up to this size reads it whole: a second request costs more than the bytes."""
READ_AHEAD_BYTES = 1 << 16
MAX_READ_BYTES = 256 << 20
_KEPT_LAYERS_IN_MEMORY = 2
_PARTS_IN_MEMORY_BYTES = 16 << 20
"""Maximum size of the parts of files that an image holds in memory: programs are read in many small pieces."""


class LayerFiles(Protocol):
    """A source for the content of an image's files."""

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""

    def close(self) -> None:
        """Close open files, connections and containers."""


class ImageContents:
    """A `weighbridge.domain.image.rootfs.ContentReader` for one image: the cache first, then the image's source."""

    def __init__(self, files: Callable[[], LayerFiles], cache: LayerCache) -> None:
        """`files` is called at the first request that is not in the cache."""
        self._open_files = files
        self._files: LayerFiles | None = None
        self._cache = cache
        self._kept: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._parts: OrderedDict[tuple[str, str], dict[int, bytes]] = OrderedDict()
        self._parts_bytes = 0

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        length = min(length, node.size_bytes - offset)
        if offset < 0 or length <= 0:
            return b""
        if length > MAX_READ_BYTES:
            raise ImageError(f"{node.path}: one request for {length} bytes exceeds the limit of {MAX_READ_BYTES}")
        kept = self._kept_files(node.diff_id).get(node.stored_path)
        if kept is not None:
            return kept[offset : offset + length]
        parts = self._known_parts(node)
        for start, content in parts.items():
            if start <= offset and offset + length <= start + len(content):
                return content[offset - start : offset - start + length]
        start, end = _generous(offset, length, node.size_bytes)
        if self._files is None:
            self._files = self._open_files()
        content = self._files.read(node, offset=start, length=end - start)
        if len(content) < end - start:
            raise ImageError(f"{node.path}: {end - start} bytes requested at {start}, got {len(content)}")
        parts = {at: part for at, part in parts.items() if not (start <= at and at + len(part) <= end)}
        parts[start] = content
        self._cache.put_parts(node.diff_id, node.stored_path, parts)
        self._remember(node, parts)
        return content[offset - start : offset - start + length]

    def close(self) -> None:
        """Close the image's source."""
        if self._files is not None:
            self._files.close()
            self._files = None

    def _known_parts(self, node: Node) -> dict[int, bytes]:
        """The known parts of a file. Unpacks a cached file once, not at every small read of it."""
        key = (node.diff_id, node.stored_path)
        known = self._parts.get(key)
        if known is None:
            known = self._cache.parts(*key)
            self._remember(node, known)
        else:
            self._parts.move_to_end(key)
        return known

    def _remember(self, node: Node, parts: dict[int, bytes]) -> None:
        key = (node.diff_id, node.stored_path)
        self._parts_bytes -= _bytes(self._parts.pop(key, {}))
        self._parts[key] = parts
        self._parts_bytes += _bytes(parts)
        while self._parts_bytes > _PARTS_IN_MEMORY_BYTES:
            self._parts_bytes -= _bytes(self._parts.popitem(last=False)[1])

    def _kept_files(self, diff_id: str) -> dict[str, bytes]:
        kept = self._kept.get(diff_id)
        if kept is None:
            kept = self._cache.kept_files(diff_id)
            self._kept[diff_id] = kept
            if len(self._kept) > _KEPT_LAYERS_IN_MEMORY:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(diff_id)
        return kept


def _bytes(parts: Mapping[int, bytes]) -> int:
    return sum(map(len, parts.values()))


def _generous(offset: int, length: int, size: int) -> tuple[int, int]:
    if size <= WHOLE_FILE_BYTES:
        return 0, size
    start = offset - offset % READ_AHEAD_BYTES
    end = offset + length
    return start, min(size, end + (-end % READ_AHEAD_BYTES))


class LayerOffsets:
    """Offsets of files in the uncompressed tars of their layers, recorded when the layers were indexed."""

    def __init__(self, layer: Callable[[str], LayerIndex]) -> None:
        self._layer = layer
        self._found: dict[tuple[str, str], int] = {}

    def offset(self, node: Node) -> int:
        """The offset of the file's first byte. Raises `ImageError` if its bytes cannot be read from the tar."""
        key = (node.diff_id, node.stored_path)
        offset = self._found.get(key)
        if offset is None:
            # A scan, not a dictionary of all files: few files are requested, and a dictionary needs more memory.
            layer = self._layer(node.diff_id)
            columns = layer.changeset.columns
            rows = columns.rows_at(node.stored_path)
            offsets = [layer.data_offsets[row] for row in rows if columns.kinds[row] == FILE]
            if not offsets:
                raise ImageError(f"{node.path} is not in layer {node.diff_id}")
            offset = self._found[key] = offsets[-1]
        if offset == NO_OFFSET:
            raise ImageError(f"{node.path} is stored as a sparse file; the content of sparse files is not read")
        return offset


class StreamedContents:
    """Reads files of layers that can only be read from their beginning: compressed layers, or layers in a registry.

    `open_layer` opens a layer's uncompressed tar by diff ID. Requests in ascending order read it only once.
    """

    def __init__(self, open_layer: Callable[[str], Generator[Piece]], offsets: LayerOffsets) -> None:
        self._open_layer = open_layer
        self._offsets = offsets
        self._diff_id = ""
        self._layer: Generator[Piece] | None = None
        self._cursor = StreamCursor(())

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        start = self._offsets.offset(node) + offset
        if self._layer is None or self._diff_id != node.diff_id or self._cursor.position > start:
            self.close()
            self._diff_id = node.diff_id
            self._layer = self._open_layer(node.diff_id)
            self._cursor = StreamCursor(self._layer)
        self._cursor.skip(start - self._cursor.position)
        return self._cursor.take(length)

    def close(self) -> None:
        """Close the layer that is open."""
        if self._layer is not None:
            self._layer.close()
            self._layer = None


class StoredContents:
    """Reads files of layers in a folder or archive. `blob_names` maps a diff ID to the file that holds the layer."""

    def __init__(self, store: BlobStore, *, blob_names: Mapping[str, str], offsets: LayerOffsets) -> None:
        self._store = store
        self._blob_names = blob_names
        self._offsets = offsets
        self._compressed = StreamedContents(self._decompressed_layer, offsets)

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        start = self._offsets.offset(node) + offset
        with self._store.open(self._blob_names[node.diff_id]) as file:
            if sniff(file.read(4)) is Compression.NONE:
                file.seek(start)
                return _read_exactly(file.read, length)
        return self._compressed.read(node, offset=offset, length=length)

    def close(self) -> None:
        """Close the open layer."""
        self._compressed.close()

    def _decompressed_layer(self, diff_id: str) -> Generator[Piece]:
        yield from uncompressed(chunks_of(self._store.open(self._blob_names[diff_id])))


def uncompressed(chunks: Generator[Piece]) -> Generator[Piece]:
    """The content of `chunks`, decompressed if needed. Closes `chunks` at its own end."""
    with contextlib.closing(chunks):
        yield from decompressed(*sniffed(chunks))


def layer_in_compressed_archive(path: Path, name: str) -> Generator[Piece]:
    """The uncompressed tar of the layer `name` in a saved archive that is compressed as a whole."""
    with contextlib.closing(chunks_of(path.open("rb", buffering=0))) as chunks:
        cursor = StreamCursor(decompressed(*sniffed(chunks)))
        for member in members(cursor):
            if archive_name(member.name) == name:
                yield from decompressed(*sniffed(cursor.pieces(member.size_bytes)))
                return
    raise ImageError(f"{path}: the layer {name} has disappeared")


def _read_exactly(read: Callable[[int], bytes], length: int) -> bytes:
    parts = []
    while length and (part := read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
