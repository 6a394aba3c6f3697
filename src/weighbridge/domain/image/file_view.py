"""A file of an image as a stream that `zipfile` can read, and what `zipfile` raises for a damaged one."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Self

from weighbridge.domain.image.rootfs import Node, Rootfs

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    OverflowError,
)
"""All exceptions of `zipfile` for damaged or unsupported archives."""

MAX_DIRECTORY_BYTES = 64 * 1024 * 1024
"""Maximum size of one read: `zipfile` reads the directory of an archive at once."""


class FileView(io.RawIOBase):
    """A file of `size_bytes` behind `read_at` (offset, length) with the interface that `zipfile` needs.

    One read returns at most `maximum_read_bytes`.
    """

    def __init__(
        self,
        read_at: Callable[[int, int], bytes],
        size_bytes: int,
        *,
        maximum_read_bytes: int = MAX_DIRECTORY_BYTES,
    ) -> None:
        super().__init__()
        self._read_at, self._size_bytes, self._position = read_at, size_bytes, 0
        self._maximum_read_bytes = maximum_read_bytes

    @classmethod
    def of(cls, rootfs: Rootfs, node: Node, *, maximum_read_bytes: int = MAX_DIRECTORY_BYTES) -> Self:
        """A file of the root filesystem."""
        return cls(
            lambda offset, length: rootfs.read_at(node, offset, length),
            node.size_bytes,
            maximum_read_bytes=maximum_read_bytes,
        )

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset`, never before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; raises `zipfile.BadZipFile` for reads beyond the limit."""
        if size < 0:
            size = max(0, self._size_bytes - self._position)
        if size > self._maximum_read_bytes:
            raise zipfile.BadZipFile("too large")
        data = self._read_at(self._position, size)
        self._position += len(data)
        return data
