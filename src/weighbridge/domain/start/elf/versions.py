"""The symbol versions that an ELF file needs, and those that it defines (LSB Core, "Symbol Versioning")."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from weighbridge.domain.start.elf.dynamic import DynamicTable, Tag
from weighbridge.domain.start.elf.model import DefinedVersion, ElfError, NeededVersion

MAX_VERSION_RECORDS = 65_536
_WINDOW_BYTES = 1024 * 1024
_VER_FLG_BASE, _VER_FLG_WEAK = 0x1, 0x2


class Versions:
    """Verneed and Verdef of a dynamic section, each read once, on demand."""

    def __init__(self, table: DynamicTable) -> None:
        self._table = table
        self._needed: tuple[NeededVersion, ...] | None = None
        self._defined: tuple[DefinedVersion, ...] | None = None

    def needed(self) -> tuple[NeededVersion, ...]:
        """Verneed, in file order."""
        if self._needed is None:
            self._needed = tuple(self._read_needed())
        return self._needed

    def defined(self) -> tuple[DefinedVersion, ...]:
        """Verdef, in file order."""
        if self._defined is None:
            self._defined = tuple(self._read_defined())
        return self._defined

    def _read_needed(self) -> Iterator[NeededVersion]:
        if Tag.VERNEED not in self._table.tags():
            return
        window = self._chain_window(Tag.VERNEED)
        position, budget = 0, MAX_VERSION_RECORDS
        while True:
            version, _count, file, first, following = self._record("HHIII", window, position)
            if version != 1:
                raise ElfError(f"unsupported version {version} of Verneed record")
            soname = self._table.string(file)
            at = position + first
            while True:
                budget -= 1
                if budget < 0:
                    raise ElfError("too many version records")
                _hash, flags, other, name, step = self._record("IHHII", window, at)
                yield NeededVersion(
                    soname=soname,
                    version=self._table.string(name),
                    weak=bool(flags & _VER_FLG_WEAK),
                    index=other & 0x7FFF,
                )
                if step == 0:
                    break
                at += step
            if following == 0:
                return
            position += following

    def _read_defined(self) -> Iterator[DefinedVersion]:
        if Tag.VERDEF not in self._table.tags():
            return
        window = self._chain_window(Tag.VERDEF)
        position, budget = 0, MAX_VERSION_RECORDS
        while True:
            budget -= 1
            if budget < 0:
                raise ElfError("too many version records")
            version, flags, index, _count, _hash, first, following = self._record("HHHHIII", window, position)
            if version != 1:
                raise ElfError(f"unsupported version {version} of Verdef record")
            name, _ = self._record("II", window, position + first)
            yield DefinedVersion(
                version=self._table.string(name), base=bool(flags & _VER_FLG_BASE), index=index & 0x7FFF
            )
            if following == 0:
                return
            position += following

    def _chain_window(self, tag: Tag) -> bytes:
        """The bytes that the chains of Verneed and Verdef can reach from their first record, at most 1 MiB."""
        content = self._table.content
        offset, available = self._table.memory.locate(self._table.tags()[tag][-1])
        return content.read(offset, min(available, _WINDOW_BYTES, content.size_bytes - offset), "version records")

    def _record(self, layout: str, window: bytes, position: int) -> tuple[int, ...]:
        try:
            return self._table.content.unpack_from(layout, window, position)
        except struct.error:
            raise ElfError("a version record lies outside its segment") from None
