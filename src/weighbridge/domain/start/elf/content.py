"""The bytes of an ELF file: by offset, in its own byte order, and by the address that a running program uses."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from weighbridge.domain.start.elf.model import ElfError

ReadAt = Callable[[int, int], bytes]

MAX_STRING_TABLE_BYTES = 64 * 1024 * 1024
MAX_NAME_BYTES = 4096
_NOT_AN_ELF = "not an ELF file"


class Content:
    """The content of a file that says in its identification that it is an ELF file. Raises `ElfError` for any other."""

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
        """All of `length` bytes at `offset`. Raises `ElfError`, which calls them `what`."""
        if length == 0:
            return b""
        if offset < 0 or offset + length > self.size_bytes:
            raise ElfError(f"{what} lies outside the file")
        data = self.read_at(offset, length)
        if len(data) != length:
            raise ElfError(f"{what}: the file is cut short")
        return data

    def unpack(self, layout: str, data: bytes) -> tuple[int, ...]:
        """The fields of one record: `struct`'s letters, without a byte order."""
        return struct.unpack(self._order + layout, data)

    def unpack_from(self, layout: str, data: bytes, position: int) -> tuple[int, ...]:
        """The fields of the record at `position`. Raises `struct.error` where it is not all there."""
        return struct.unpack_from(self._order + layout, data, position)

    def rows(self, layout: str, table: bytes) -> Iterator[tuple[int, ...]]:
        """The fields of each record of `table`, which has a whole number of them."""
        return struct.iter_unpack(self._order + layout, table)


class Memory:
    """What is mapped: an address is in the first of `loads` (address, bytes in the file, offset) that has it."""

    def __init__(self, content: Content, loads: tuple[tuple[int, int, int], ...]) -> None:
        self._content = content
        self._loads = loads

    def locate(self, address: int) -> tuple[int, int]:
        """File offset of a virtual address, and how many bytes of the segment follow it in the file."""
        for start, file_bytes, offset in self._loads:
            if start <= address < start + file_bytes:
                return offset + address - start, file_bytes - (address - start)
        raise ElfError(f"address {address:#x} is in no segment")

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes at a virtual address, fewer where the segment's content in the file ends."""
        offset, available = self.locate(address)
        return self._content.read_at(offset, min(length, available))


def text_of(raw: bytes) -> str:
    """A name in the file, whatever bytes it has."""
    return raw.decode("utf-8", "surrogateescape")
