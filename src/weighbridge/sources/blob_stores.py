"""Stores of blobs by name: a folder (OCI layout, containerd's content store) and a saved archive.

Both give random access, so only the requested blobs are read.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from weighbridge.errors import ImageError
from weighbridge.sources.manifest import MAX_DOCUMENT_BYTES
from weighbridge.sources.tar import CHUNK_BYTES, FileCursor, Piece, members

MAX_ARCHIVE_MEMBERS = 100_000
"""A saved archive has a few members per layer; an archive with more members is not a saved image."""
MAX_LINKS = 16

_FILE, _HARD_LINK, _SYMLINK = b"012"


class Documents(Protocol):
    """The small JSON files of a layout, by name."""

    @property
    def what(self) -> str:
        """The name of this store in messages."""

    def document(self, name: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        """The whole of the file `name`, ``None`` if it is missing. Raises `ImageError` if it exceeds `limit_bytes`."""

    def size(self, name: str) -> int | None:
        """The size of the file `name` in bytes, ``None`` if it is missing."""


class BlobStore(Documents, Protocol):
    """A store with random access to its files."""

    def open(self, name: str) -> BinaryIO:
        """The file `name`, seekable and unbuffered. Raises `ImageError` if it is missing."""


class Folder:
    """The files below a folder."""

    def __init__(self, root: Path, what: str) -> None:
        self._root = root
        self._what = what

    @property
    def what(self) -> str:
        """The name of this store in messages."""
        return self._what

    def _path(self, name: str) -> Path:
        return self._root / name

    def document(self, name: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        """The whole of the file `name`, ``None`` if it is missing. Raises `ImageError` if it exceeds `limit_bytes`."""
        size = self.size(name)
        if size is None:
            return None
        check_document_size(self._what, name, size, limit_bytes)
        try:
            return self._path(name).read_bytes()
        except OSError as error:
            raise ImageError(f"{self._what}: {name} cannot be read: {error.strerror}") from error

    def size(self, name: str) -> int | None:
        """The size of the file `name` in bytes, ``None`` if it is missing."""
        try:
            path = self._path(name)
            return path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise ImageError(f"{self._what}: {name} cannot be read: {error.strerror}") from error

    def open(self, name: str) -> BinaryIO:
        """The file `name`, seekable and unbuffered. Raises `ImageError` if it is missing."""
        try:
            return self._path(name).open("rb", buffering=0)
        except OSError as error:
            raise ImageError(f"{self._what}: {name} cannot be read: {error.strerror}") from error


class Archive:
    """The members of an uncompressed tar file. Its headers are read once; the payloads are skipped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        with path.open("rb", buffering=0) as file:
            for count, member in enumerate(members(FileCursor(file), end_marker_required=True)):
                if count >= MAX_ARCHIVE_MEMBERS:
                    raise ImageError(f"{path}: more than {MAX_ARCHIVE_MEMBERS} members; this is no saved image")
                name = archive_name(member.name)
                if member.type_flag == _FILE and not member.is_sparse:
                    self._members[name] = (member.data_offset, member.size_bytes)
                elif member.type_flag in (_SYMLINK, _HARD_LINK):
                    self._links[name] = link_destination(name, member.link_name, member.type_flag)

    @property
    def what(self) -> str:
        """The name of this archive in messages."""
        return str(self._path)

    def _find(self, name: str) -> tuple[int, int] | None:
        return self._members.get(follow_links(name, self._links, self.what))

    def document(self, name: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes | None:
        """The whole member `name`, ``None`` if it is missing. Raises `ImageError` if it exceeds `limit_bytes`."""
        found = self._find(name)
        if found is None:
            return None
        check_document_size(self.what, name, found[1], limit_bytes)
        with self.open(name) as file:
            return file.read()

    def size(self, name: str) -> int | None:
        """The size of the member `name` in bytes, ``None`` if it is missing."""
        found = self._find(name)
        return None if found is None else found[1]

    def open(self, name: str) -> BinaryIO:
        """The member `name`, seekable and unbuffered. Raises `ImageError` if it is missing."""
        found = self._find(name)
        if found is None:
            raise ImageError(f"{self.what}: it holds no {name}")
        return cast("BinaryIO", FileSection(self._path.open("rb", buffering=0), *found))


class FileSection(io.RawIOBase):
    """A section of a file, as a file of its own. Closing it closes the underlying file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """As for any file."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """As for any file."""
        rest = max(0, self._size - self._at)
        count = rest if size is None or size < 0 else min(size, rest)
        self._file.seek(self._start + self._at)
        content = self._file.read(count)
        self._at += len(content)
        return content

    def close(self) -> None:
        """Close the underlying file too."""
        self._file.close()
        super().close()


def chunks_of(file: BinaryIO) -> Generator[Piece]:
    """The rest of `file` in chunks. Closes the file at its end or when the generator is closed."""
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def archive_name(name: bytes) -> str:
    """The name of a member in the spelling that the documents of a saved image use."""
    return posixpath.normpath(name.decode("utf-8", "surrogateescape")).lstrip("/")


def link_destination(name: str, link_name: bytes, type_flag: int) -> str:
    """The member that a link points to. A symlink is relative to its own folder, a hard link to the root."""
    target = link_name.decode("utf-8", "surrogateescape")
    base = posixpath.dirname(name) if type_flag == _SYMLINK else ""
    return posixpath.normpath(posixpath.join(base, target))


def follow_links(name: str, links: dict[str, str], what: str) -> str:
    """Follow the links from `name` (docker's legacy layout links equal layers). Raises `ImageError` for a loop."""
    name = posixpath.normpath(name)
    for _ in range(MAX_LINKS):
        if name not in links:
            return name
        name = links[name]
    raise ImageError(f"{what}: the links of {name} do not end")


def check_document_size(what: str, name: str, size: int, limit_bytes: int = MAX_DOCUMENT_BYTES) -> None:
    """Raises `ImageError` if a JSON document of an image exceeds `limit_bytes`."""
    if size > limit_bytes:
        raise ImageError(f"{what}: {name} has {size} bytes, more than the {limit_bytes} that are read")


@contextlib.contextmanager
def image_errors(place: object) -> Iterator[None]:
    """Adds `place` to an `ImageError` from within, and turns an `OSError` into an `ImageError`."""
    try:
        yield
    except ImageError as error:
        if str(error).startswith(str(place)):
            raise
        raise ImageError(f"{place}: {error}") from error
    except OSError as error:
        raise ImageError(f"{place}: {error.strerror}") from error
