"""The bytes of an ELF file: by offset, in its own byte order, and by virtual address."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from weighbridge.domain.start.elf.model import ElfError

ReadAt = Callable[[int, int], bytes]

MAX_STRING_TABLE_BYTES = 64 * 1024 * 1024
MAX_NAME_BYTES = 4096
_NOT_AN_ELF = "not an ELF file"


class Content:
    """The content of a file with ELF's identification. Raises `ElfError` for any other file."""

    def __init__(self, read_at: ReadAt, size_bytes: int) -> None:
        self.read_at = read_at
        self.size_bytes = size_bytes
        ident = self.read(0, 16, "e_ident")
        if ident[:4] != b"\x7fELF":
            raise ElfError(_NOT_AN_ELF)
        if ident[4] not in {1, 2}:
            raise ElfError(f"unknown ELF class {ident[4]}")
        if ident[5] not in {1, 2}:
            raise ElfError(f"unknown ELF data encoding {ident[5]}")
        self.bits = 64 if ident[4] == 2 else 32
        self.big_endian = ident[5] == 2
        self._order = ">" if self.big_endian else "<"

    def read(self, offset: int, length: int, what: str) -> bytes:
        """All of `length` bytes at `offset`. Raises `ElfError`, with `what` in its text."""
        if length == 0:
            return b""
        if offset < 0 or offset + length > self.size_bytes:
            raise ElfError(f"{what} lies outside the file")
        data = self.read_at(offset, length)
        if len(data) != length:
            raise ElfError(f"{what}: the file is cut short")
        return data

    def unpack(self, layout: str, data: bytes) -> tuple[int, ...]:
        """The fields of one record. `layout` has the letters of `struct`, without a byte order."""
        return struct.unpack(self._order + layout, data)

    def unpack_from(self, layout: str, data: bytes, position: int) -> tuple[int, ...]:
        """The fields of the record at `position`. Raises `struct.error` if it is incomplete."""
        return struct.unpack_from(self._order + layout, data, position)

    def rows(self, layout: str, table: bytes) -> Iterator[tuple[int, ...]]:
        """The fields of each record of `table`, which must have a whole number of records."""
        return struct.iter_unpack(self._order + layout, table)


class Memory:
    """The mapped segments, `loads` (address, bytes in the file, offset). The first one with an address counts."""

    def __init__(self, content: Content, loads: tuple[tuple[int, int, int], ...]) -> None:
        self._content = content
        self._loads = loads

    def locate(self, address: int) -> tuple[int, int]:
        """The file offset of a virtual address, and the number of bytes that follow in the segment."""
        for start, file_bytes, offset in self._loads:
            if start <= address < start + file_bytes:
                return offset + address - start, file_bytes - (address - start)
        raise ElfError(f"address {address:#x} is in no segment")

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes at a virtual address; fewer at the end of the segment's content in the file."""
        offset, available = self.locate(address)
        return self._content.read_at(offset, min(length, available))


def decoded_name(raw: bytes) -> str:
    """A name in the file as text, for any bytes."""
    return raw.decode("utf-8", "surrogateescape")
