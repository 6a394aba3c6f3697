"""Reads images in place from the engine's storage, if its folder is readable. Never writes there.

With the overlay2 store each layer has a folder with its files, and ``tar-split.json.gz``: all bytes of its tar except
the files' content (github.com/vbatts/tar-split), from which the engine rebuilds the exact tar. Both together give the
tar, in its order, with its headers and whiteouts, so the result equals that of every other source. With the containerd
store the blobs are stored as they were pulled or built.

The location of a document proves nothing: documents are found by their digest, and the digest is verified.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import posixpath
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
from isal import igzip

from weighbridge.domain.image.rootfs import Node
from weighbridge.errors import ImageError
from weighbridge.sources.blob_stores import Folder
from weighbridge.sources.layout import StoredImage, oci_manifest
from weighbridge.sources.manifest import Descriptor, image_description
from weighbridge.sources.platforms import Platform
from weighbridge.sources.source_layer import SourceLayer
from weighbridge.sources.tar import CHUNK_BYTES, Piece, truncated

_SEGMENT = 2
_FILE = 1
MAX_TAR_SPLIT_LINE_BYTES = 64 << 20


class OverlayStorage:
    """The overlay2 storage below the engine's root folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def image(self, image_id: str) -> StoredImage | None:
        """The image `image_id` if all of it is readable here; ``None`` otherwise."""
        path = self._root / "image/overlay2/imagedb/content" / image_id.replace(":", "/")
        try:
            content = path.read_bytes()
            description = image_description(content, image_id=image_id)
            names = tuple(map(self._layer_name, chain_ids(description.diff_ids)))
        except (OSError, ImageError):
            return None
        return StoredImage(
            description=description,
            config=content,
            layers=tuple(SourceLayer(diff_id=diff_id) for diff_id in description.diff_ids),
            names=names,
            notes=description.notes,
        )

    def _layer_name(self, chain_id: str) -> str:
        """The folders of the layer: its record and its files, with a NUL between them.

        Raises `OSError` if the layer cannot be read in place.
        """
        layer = self._root / "image/overlay2/layerdb" / chain_id.replace(":", "/")
        cache_id = (layer / "cache-id").read_text(encoding="ascii").strip()
        folder = self._root / "overlay2" / cache_id / "diff"
        if "/" in cache_id or not folder.is_dir() or not os.access(layer / "tar-split.json.gz", os.R_OK):
            raise FileNotFoundError(str(layer))
        return f"{layer}\0{folder}"

    def cursor(self, name: str) -> TarSplitCursor:
        """The tar of the layer `name`, combined from its files and its ``tar-split.json.gz``."""
        database, _, folder = name.partition("\0")
        return TarSplitCursor(Path(database) / "tar-split.json.gz", Beneath(Path(folder)))

    def folder(self, name: str) -> Path:
        """The folder that holds the files of the layer `name`."""
        return Path(name.partition("\0")[2])


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """The chain ID of each layer (OCI image spec, "Layer ChainID"): identifies a layer on top of those below it."""
    chains: list[str] = []
    for diff_id in diff_ids:
        text = f"{chains[-1]} {diff_id}" if chains else ""
        chains.append(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" if text else diff_id)
    return chains


def containerd_folders(engine_root: Path) -> Iterator[Folder]:
    """The content stores that may hold the blobs of an engine with its root at `engine_root`."""
    for root in (engine_root / "containerd/daemon", engine_root / "containerd", Path("/var/lib/containerd")):
        store = root / "io.containerd.content.v1.content"
        if os.access(store / "blobs", os.R_OK | os.X_OK):
            yield Folder(store, str(store))


def containerd_image(folder: Folder, image_id: str, platform: Platform) -> StoredImage | None:
    """The image `image_id` (a manifest's or index's digest) if all its blobs are here; ``None`` otherwise."""
    try:
        stored = oci_manifest(folder, Descriptor(digest=image_id, size=0), platform)
        complete = all(folder.size(name) is not None for name in stored.names)
    except ImageError:
        return None
    return stored if complete else None


class _Item(msgspec.Struct):
    """A line of ``tar-split.json``: the position of a file (`type` 1) or bytes of the tar (`type` 2, base64)."""

    type: int
    name: str = ""
    name_raw: str = ""
    size: int = 0
    payload: bytes | None = None


class TarSplitCursor:
    """A `weighbridge.sources.tar.Cursor` over the layer's files and its ``tar-split.json.gz``."""

    def __init__(self, tar_split: Path, files: Beneath) -> None:
        self._tar_split = tar_split
        self._files = files
        self._lines = self._items()
        self._segment = b""
        self._at = 0
        self._base = 0
        self._file: _Item | None = None
        self._file_at = 0

    @property
    def position(self) -> int:
        """How many bytes of the tar lie before the cursor."""
        return self._base + self._at

    def _items(self) -> Iterator[_Item]:
        decoder = msgspec.json.Decoder(_Item)
        try:
            with igzip.open(self._tar_split, "rb") as lines:  # type: ignore[no-untyped-call]
                while line := lines.readline(MAX_TAR_SPLIT_LINE_BYTES):
                    yield decoder.decode(line)
        except (msgspec.MsgspecError, EOFError, zlib.error, igzip.BadGzipFile) as error:
            raise ImageError(f"{self._tar_split} is damaged: {error}") from error

    def _advance(self) -> bool:
        """Advance to the next segment or file that is not empty."""
        self._base += len(self._segment)
        self._segment = b""
        self._at = 0
        self._file = None
        for item in self._lines:
            if item.type == _SEGMENT:
                self._segment = item.payload or b""
                if self._segment:
                    return True
            elif item.type == _FILE and item.size:
                self._file = item
                self._file_at = 0
                return True
        return False

    def take(self, count: int) -> bytes:
        """The next `count` bytes; fewer only where the tar ends."""
        end = self._at + count
        if end > len(self._segment) and self._at == len(self._segment) and self._file is None:
            self._advance()
            end = count
        if end <= len(self._segment):
            taken = self._segment[self._at : end]
            self._at = end
            return taken
        item = self._file
        if item is not None and self._file_at == 0 and item.size == count:  # a whole file, the usual case
            content = self._files.read(_name(item), count)
            if len(content) < count:
                raise self._too_short(item)
            self._base += count
            self._file = None
            return content
        return b"".join(self._available(count))

    def pieces(self, count: int) -> Iterator[Piece]:
        """The next `count` bytes in pieces of any size. Raises `ImageError` if the tar ends before."""
        for piece in self._available(count):
            count -= len(piece)
            yield piece
        if count:
            raise truncated(self.position, count)

    def skip(self, count: int) -> None:
        """Move on by `count` bytes. Raises `ImageError` if the tar ends before."""
        if self._file is None and self._at == len(self._segment):
            self._advance()
        if self._at + count <= len(self._segment):
            self._at += count
            return
        while count:
            if self._file is not None:  # never opened: the size is known
                skipped = min(count, self._file.size - self._file_at)
                self._file_at += skipped
                self._base += skipped
                if self._file_at == self._file.size:
                    self._file = None
            elif self._at < len(self._segment):
                skipped = min(count, len(self._segment) - self._at)
                self._at += skipped
            elif not self._advance():
                raise truncated(self.position, count)
            else:
                continue
            count -= skipped

    def chunks(self) -> Iterator[Piece]:
        """The rest of the tar in chunks."""
        parts: list[bytes] = []
        size = 0
        while self._file is not None or self._at < len(self._segment) or self._advance():
            for piece in self._available(self._file.size if self._file is not None else len(self._segment) - self._at):
                parts.append(piece)
                size += len(piece)
                if size >= CHUNK_BYTES:  # also within a file, which may be larger than the memory
                    yield b"".join(parts)
                    parts, size = [], 0
        if parts:
            yield b"".join(parts)

    def drain(self) -> None:
        """Read to the end of the tar, so that `position` is its length."""
        while self._file is not None or self._at < len(self._segment) or self._advance():
            self.skip(self._file.size - self._file_at if self._file is not None else len(self._segment) - self._at)

    def _available(self, count: int) -> Iterator[bytes]:
        while count:
            if self._file is not None:
                for piece in self._file_pieces(self._file, count):
                    count -= len(piece)
                    yield piece
            elif self._at < len(self._segment):
                piece = self._segment[self._at : self._at + count]
                self._at += len(piece)
                count -= len(piece)
                yield piece
            elif not self._advance():
                return

    def _file_pieces(self, item: _Item, count: int) -> Iterator[bytes]:
        count = min(count, item.size - self._file_at)
        with self._files.open(_name(item)) as file:
            if self._file_at:
                file.seek(self._file_at)
            while count:
                piece = file.read(min(count, CHUNK_BYTES))
                if not piece:
                    raise self._too_short(item)
                count -= len(piece)
                self._file_at += len(piece)
                self._base += len(piece)
                yield piece
        if self._file_at == item.size:
            self._file = None

    def _too_short(self, item: _Item) -> ImageError:
        return ImageError(f"{self._tar_split}: the file {item.name!r} is shorter than the layer records")


def _name(item: _Item) -> bytes:
    return base64.b64decode(item.name_raw) if item.name_raw else os.fsencode(item.name)


class Beneath:
    """Opens files below a folder. Rejects a symlink on the way, so that no path leads out of the folder."""

    MAX_OPEN_FOLDERS = 32

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: OrderedDict[bytes, int] = OrderedDict()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the folders that are open."""
        while self._folders:
            os.close(self._folders.popitem()[1])

    def open(self, name: bytes) -> BinaryIO:
        """The file `name`, unbuffered. Raises `ImageError` if it is missing or its path contains a symlink."""
        return os.fdopen(self._descriptor(name), "rb", buffering=0)

    def read(self, name: bytes, count: int) -> bytes:
        """The first `count` bytes of the file `name`, or fewer."""
        descriptor = self._descriptor(name)
        try:
            content = os.read(descriptor, count)
            while len(content) < count and (more := os.read(descriptor, count - len(content))):
                content += more
        except OSError as error:
            raise self._unreadable(name, error) from error
        finally:
            os.close(descriptor)
        return content

    def _descriptor(self, name: bytes) -> int:
        directory, _, base = posixpath.normpath(name).lstrip(b"/").rpartition(b"/")
        # Without O_NONBLOCK, opening a named pipe would block.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            folder = self._folders.get(directory)
            if folder is None:
                folder = self._folders[directory] = self._open_directory(directory)
                if len(self._folders) > self.MAX_OPEN_FOLDERS:
                    os.close(self._folders.popitem(last=False)[1])
            return os.open(base, flags, dir_fd=folder)
        except OSError as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: bytes, error: OSError) -> ImageError:
        return ImageError(f"{self._root}: {os.fsdecode(name)!r} cannot be read: {error.strerror}")

    def _open_directory(self, directory: bytes) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in directory.split(b"/") if directory else ():
            try:
                inner = os.open(part, flags, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        return descriptor


class OverlayContents:
    """Reads files of an image from its layer folders."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._layers = {diff_id: Beneath(folder) for diff_id, folder in folders.items()}

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        with contextlib.closing(self._layers[node.diff_id].open(os.fsencode(node.stored_path))) as file:
            file.seek(offset)
            parts = []
            while length and (part := file.read(length)):
                parts.append(part)
                length -= len(part)
            return b"".join(parts)

    def close(self) -> None:
        """Close the folders."""
        for layer in self._layers.values():
            layer.close()
