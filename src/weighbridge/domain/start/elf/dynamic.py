"""The dynamic section of an ELF file: its tags, its strings, and the libraries that it needs."""

from __future__ import annotations

import enum

from weighbridge.domain.start.elf.content import MAX_NAME_BYTES, MAX_STRING_TABLE_BYTES, Content, Memory, decoded_name
from weighbridge.domain.start.elf.model import Dynamic, ElfError, Segment

MAX_DYNAMIC_ENTRIES = 8192
_WINDOW_BYTES = 65_536
_DF_BIND_NOW = 0x8
_DF_1_NOW, _DF_1_NODEFLIB, _DF_1_PIE = 0x1, 0x800, 0x08000000

Tags = dict[int, list[int]]
"""Values by tag, in the order of the file."""


class Tag(enum.IntEnum):
    """Dynamic tags (elf.h)."""

    NULL = 0
    NEEDED = 1
    PLTRELSZ = 2
    HASH = 4
    STRTAB = 5
    SYMTAB = 6
    RELA = 7
    RELASZ = 8
    STRSZ = 10
    SYMENT = 11
    SONAME = 14
    RPATH = 15
    REL = 17
    RELSZ = 18
    PLTREL = 20
    JMPREL = 23
    BIND_NOW = 24
    RUNPATH = 29
    FLAGS = 30
    GNU_HASH = 0x6FFFFEF5
    VERSYM = 0x6FFFFFF0
    FLAGS_1 = 0x6FFFFFFB
    VERDEF = 0x6FFFFFFC
    VERDEFNUM = 0x6FFFFFFD
    VERNEED = 0x6FFFFFFE
    VERNEEDNUM = 0x6FFFFFFF
    AUXILIARY = 0x7FFFFFFD
    FILTER = 0x7FFFFFFF


class DynamicTable:
    """``PT_DYNAMIC`` (`segment`; a file without one has no tags), and the strings that it refers to."""

    def __init__(self, content: Content, memory: Memory, segment: Segment | None) -> None:
        self.content = content
        self.memory = memory
        self._segment = segment
        self._tags: Tags | None = None
        self._string_table: tuple[int, int] = (0, 0)
        self._strings: bytes | None = None

    def tags(self) -> Tags:
        """The values of all tags."""
        if self._tags is not None:
            return self._tags
        raw: Tags = {}
        if self._segment is not None:
            size = 16 if self.content.bits == 64 else 8
            count = self._segment.file_bytes // size
            if count > MAX_DYNAMIC_ENTRIES:
                raise ElfError(f"{count} dynamic entries")
            table = self.content.read(self._segment.offset, count * size, "dynamic section")
            for tag, value in self.content.rows("QQ" if self.content.bits == 64 else "II", table):
                if tag == Tag.NULL:
                    break
                raw.setdefault(tag, []).append(value)
        self._tags = raw
        if Tag.STRTAB in raw:
            size = raw.get(Tag.STRSZ, [0])[-1]
            if size > MAX_STRING_TABLE_BYTES:
                raise ElfError(f"dynamic strings of {size} bytes")
            offset, available = self.memory.locate(raw[Tag.STRTAB][-1])
            self._string_table = (offset, min(size, available))
        return raw

    def string(self, position: int) -> str:
        """A dynamic string. The whole table is read only if it is small, or for symbols."""
        offset, size = self._string_table
        if position >= size:
            raise ElfError("a name lies outside the dynamic strings")
        if self._strings is None and size <= _WINDOW_BYTES:
            self._strings = self.content.read(offset, size, "dynamic strings")
        if self._strings is not None:
            raw = self._strings[position : position + MAX_NAME_BYTES]
        else:
            raw = self.content.read(offset + position, min(MAX_NAME_BYTES, size - position), "dynamic string")
        head, terminator, _ = raw.partition(b"\0")
        if not terminator:
            raise ElfError("a name in the dynamic strings does not end")
        return decoded_name(head)

    def strings(self) -> bytes:
        """All dynamic strings."""
        if self._strings is None:
            offset, length = self._string_table
            self._strings = self.content.read(offset, length, "dynamic strings")
        return self._strings

    def read(self) -> Dynamic:
        """The data for the loader, with names resolved."""
        raw = self.tags()
        flags = raw.get(Tag.FLAGS, [0])[-1]
        flags_1 = raw.get(Tag.FLAGS_1, [0])[-1]

        def names(tag: Tag) -> tuple[str, ...]:
            return tuple(self.string(position) for position in raw.get(tag, ()))

        def name(tag: Tag) -> str | None:
            return self.string(raw[tag][-1]) if tag in raw else None

        return Dynamic(
            needed=names(Tag.NEEDED),
            soname=name(Tag.SONAME),
            rpath=name(Tag.RPATH),
            runpath=name(Tag.RUNPATH),
            auxiliary=names(Tag.AUXILIARY),
            filters=names(Tag.FILTER),
            bind_now=Tag.BIND_NOW in raw or bool(flags & _DF_BIND_NOW) or bool(flags_1 & _DF_1_NOW),
            no_default_libraries=bool(flags_1 & _DF_1_NODEFLIB),
            position_independent_executable=bool(flags_1 & _DF_1_PIE),
        )
