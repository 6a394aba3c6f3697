"""Lists a tar or zip archive from its beginning or its directory. The archive is hostile, so every read is bounded.

Source: the POSIX ustar format with GNU's and pax's long names (tar(5)). Reads gzip, bzip2 and xz. Others are
unsupported. `weighbridge.sources.tar` reads layers: it refuses damaged archives. This module lists what the beginning
of a tar holds, which is cut in the middle of a member.
"""

from __future__ import annotations

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from weighbridge.domain.image.file_view import ZIP_ERRORS, FileView

ReadAt = Callable[[int, int], bytes]

MAX_MEMBERS = 2_000
_MAX_COMPRESSED_BYTES = 2 << 20
_MAX_TAR_BYTES = 16 << 20
_MAX_XZ_MEMORY_BYTES = 128 << 20
_MAX_DIRECTORY_BYTES = 4 << 20
_BLOCK = 512
_MAX_NAME_BYTES = 4096
_UTF8_NAME = 0x800


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveMember:
    """A regular file of an archive."""

    path: str
    size_bytes: int


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def list_archive(read_at: ReadAt, size_bytes: int) -> tuple[ArchiveMember, ...]:
    """The first regular files of an archive, at most `MAX_MEMBERS`; empty for an unsupported file.

    Reads only the first megabytes of a compressed tar.
    """
    head = read_at(0, min(size_bytes, _BLOCK))
    if head.startswith(b"PK\x03\x04"):
        return tuple(_zip_members(read_at, size_bytes))
    if head[257:262] == b"ustar":
        return tuple(_tar_members(read_at(0, min(size_bytes, _MAX_TAR_BYTES))))
    decompressor = _decompressor(head)
    if decompressor is None:
        return ()
    try:
        data = decompressor.decompress(read_at(0, min(size_bytes, _MAX_COMPRESSED_BYTES)), _MAX_TAR_BYTES)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, MemoryError):
        return ()
    return tuple(_tar_members(data)) if data[257:262] == b"ustar" else ()


def _decompressor(head: bytes) -> _Decompressor | None:
    if head.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=31)
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MAX_XZ_MEMORY_BYTES)
    return None


def _tar_members(data: bytes) -> Iterator[ArchiveMember]:
    position = count = 0
    long_name: bytes | None = None
    while position + _BLOCK <= len(data) and count < MAX_MEMBERS:
        header = data[position : position + _BLOCK]
        if header[257:262] != b"ustar":
            return
        size = _octal(header[124:136])
        if size is None:
            return
        kind, body = header[156:157], position + _BLOCK
        position = body + size + -size % _BLOCK
        if kind == b"L":
            long_name = data[body : body + min(size, _MAX_NAME_BYTES)].rstrip(b"\0")
        elif kind == b"x":
            long_name = _pax_path(data[body : body + min(size, 4 * _MAX_NAME_BYTES)]) or long_name
        elif kind != b"g":
            if kind in {b"0", b"\0"}:
                name, prefix = header[:100].rstrip(b"\0"), header[345:500].rstrip(b"\0")
                if header[257:263] == b"ustar\0" and prefix:
                    name = prefix + b"/" + name
                count += 1
                yield _member(long_name if long_name is not None else name, size)
            long_name = None


def _octal(field: bytes) -> int | None:
    """A number of a tar header; ``None`` if it is invalid. GNU writes large numbers in base 256."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits or b"0", 8) if set(digits) <= set(b"01234567") else None


def _pax_path(records: bytes) -> bytes | None:
    for record in records.split(b"\n"):
        _, _, pair = record.partition(b" ")
        if pair.startswith(b"path="):
            return pair[len(b"path=") :]
    return None


def _zip_members(read_at: ReadAt, size_bytes: int) -> Iterator[ArchiveMember]:
    try:
        with zipfile.ZipFile(FileView(read_at, size_bytes, maximum_read_bytes=_MAX_DIRECTORY_BYTES)) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
    except ZIP_ERRORS:
        return
    for one in files[:MAX_MEMBERS]:
        # `zipfile` reads names as cp437 unless a flag says UTF-8; most programs write UTF-8 without the flag.
        name = one.filename.encode() if one.flag_bits & _UTF8_NAME else one.filename.encode("cp437")
        yield _member(name, one.file_size)


def _member(name: bytes, size: int) -> ArchiveMember:
    return ArchiveMember(path=name.decode("utf-8", "surrogateescape").removeprefix("./"), size_bytes=size)
