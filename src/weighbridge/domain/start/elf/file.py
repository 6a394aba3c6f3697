"""An ELF file: headers, segments and sections, and its other tables on demand."""

from __future__ import annotations

from weighbridge.domain.start.elf.content import (
    MAX_NAME_BYTES,
    MAX_STRING_TABLE_BYTES,
    Content,
    Memory,
    ReadAt,
    decoded_name,
)
from weighbridge.domain.start.elf.dynamic import DynamicTable, Tag
from weighbridge.domain.start.elf.model import (
    MACHINE_NAME,
    DefinedVersion,
    Dynamic,
    ElfError,
    ElfSection,
    ElfType,
    Machine,
    NeededVersion,
    SectionType,
    Segment,
    UndefinedSymbol,
)
from weighbridge.domain.start.elf.symbols import Symbols, read_symbols
from weighbridge.domain.start.elf.versions import Versions

MAX_PROGRAM_HEADERS = 1170
"""The kernel refuses program headers of more than 64 KiB (fs/binfmt_elf.c, load_elf_phdrs)."""
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3


class Elf:
    """One ELF file. The header is validated at construction; everything else is read once, on demand."""

    def __init__(self, read_at: ReadAt, size_bytes: int) -> None:
        self._content = Content(read_at, size_bytes)
        self.size_bytes = size_bytes
        self.bits = self._content.bits
        self.big_endian = self._content.big_endian
        layout = "HHIQQQIHHHHHH" if self.bits == 64 else "HHIIIIIHHHHHH"
        header = self._content.unpack(layout, self._content.read(16, 48 if self.bits == 64 else 36, "header"))
        (self.type, self.machine, _version, self.entry_address, self._phoff, self._shoff, self.flags) = header[:7]
        (_ehsize, self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx) = header[7:]
        self._segments: tuple[Segment, ...] | None = None
        self._known_memory: Memory | None = None
        self._known_table: DynamicTable | None = None
        self._dynamic: Dynamic | None = None
        self._known_versions: Versions | None = None
        self._known_symbols: Symbols | None = None

    # The kernel's view of the file.

    @property
    def machine_name(self) -> str:
        """A name for ``e_machine`` and class."""
        name = MACHINE_NAME.get(self.machine, f"machine {self.machine}")
        return f"{name} ({self.bits} bit)" if self.machine in {Machine.RISCV, Machine.MIPS} else name

    @property
    def program_header_bytes(self) -> int:
        """The size of one program header (``e_phentsize``)."""
        return int(self._phentsize)

    @property
    def is_executable_type(self) -> bool:
        """True if ``execve`` and the loaders accept ``e_type``."""
        return self.type in {ElfType.EXEC, ElfType.DYN}

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers."""
        if self._segments is None:
            self._segments = self._read_segments()
        return self._segments

    @property
    def interpreter(self) -> str | None:
        """``PT_INTERP``, or None for a file without a loader. The kernel uses the first one and requires a NUL."""
        for segment in self.segments:
            if segment.type == _PT_INTERP:
                if not 2 <= segment.file_bytes <= MAX_NAME_BYTES:
                    raise ElfError(f"PT_INTERP has {segment.file_bytes} bytes")
                raw = self._content.read(segment.offset, segment.file_bytes, "PT_INTERP")
                if raw[-1] != 0:
                    raise ElfError("PT_INTERP does not end in NUL")
                return decoded_name(raw.split(b"\0", 1)[0])
        return None

    @property
    def is_dynamic(self) -> bool:
        """True if there is a ``PT_DYNAMIC`` (also in a static-pie)."""
        return any(segment.type == _PT_DYNAMIC for segment in self.segments)

    @property
    def is_static(self) -> bool:
        """True for a program that runs without a loader: static or static-pie (no ``PT_INTERP``, no libraries)."""
        if self.interpreter is not None or not self.is_executable_type:
            return False
        dynamic = self.dynamic
        if dynamic is None:
            return self.type == ElfType.EXEC or self.entry_address != 0
        return not dynamic.needed and dynamic.soname is None and self.entry_address != 0

    # The dynamic section and its tables.

    @property
    def dynamic(self) -> Dynamic | None:
        """The dynamic section, or None if the file has none."""
        if self._dynamic is None and self.is_dynamic:
            self._dynamic = self._table.read()
        return self._dynamic

    @property
    def needed_versions(self) -> tuple[NeededVersion, ...]:
        """Verneed, in file order."""
        return self._versions.needed()

    @property
    def defined_versions(self) -> tuple[DefinedVersion, ...]:
        """Verdef, in file order; empty for a library without versions."""
        return self._versions.defined()

    @property
    def has_version_definitions(self) -> bool:
        """True if there is a Verdef: only then does glibc check versions against this library."""
        return Tag.VERDEF in self._table.tags()

    @property
    def exports(self) -> dict[bytes, frozenset[str]]:
        """The symbols that other objects can bind to: name → versions (``""`` for none)."""
        return self._symbols.exports

    @property
    def undefined(self) -> tuple[UndefinedSymbol, ...]:
        """The symbols that must come from other objects and that a relocation uses."""
        return self._symbols.undefined

    # Sections: not needed to run a program, but for its sizes.

    def sections(self) -> tuple[ElfSection, ...]:
        """The section headers; empty if the file has none."""
        if self._shoff == 0 or self._shnum == 0:
            return ()
        size = 64 if self.bits == 64 else 40
        if self._shentsize != size:
            raise ElfError(f"section headers of {self._shentsize} bytes")
        layout = "IIQQQQIIQQ" if self.bits == 64 else "IIIIIIIIII"
        table = self._content.read(self._shoff, size * self._shnum, "section headers")
        rows = list(self._content.rows(layout, table))
        names = b""
        if self._shstrndx < len(rows) and rows[self._shstrndx][1] == SectionType.STRTAB:
            row = rows[self._shstrndx]
            if row[5] > MAX_STRING_TABLE_BYTES:
                raise ElfError(f"section names of {row[5]} bytes")
            names = self._content.read(row[4], row[5], "section names")
        return tuple(
            ElfSection(
                name=_name_in(names, row[0]),
                type=row[1],
                flags=row[2],
                offset=row[4],
                size_bytes=row[5],
                alignment=row[8],
            )
            for row in rows
        )

    @property
    def end(self) -> int:
        """The end of all data in the headers. Data after it does not come from the linker."""
        table_end = self._shoff + self._shnum * self._shentsize if self._shoff else 0
        ends = [section.end for section in self.sections()]
        ends += [segment.offset + segment.file_bytes for segment in self.segments]
        return max([table_end, *ends])

    # Reading.

    def read_segment(self, segment: Segment, limit_bytes: int) -> bytes:
        """The content of a segment, at most `limit_bytes` of it."""
        return self._content.read(segment.offset, min(segment.file_bytes, limit_bytes), "segment")

    def read_section(self, section: ElfSection, limit_bytes: int) -> bytes:
        """The content of a section, at most `limit_bytes` of it; empty for one that occupies no file space."""
        if section.type == SectionType.NOBITS:
            return b""
        return self._content.read(section.offset, min(section.size_bytes, limit_bytes), section.name)

    def read_address(self, address: int, length: int) -> bytes:
        """`length` bytes at a virtual address; fewer at the end of the segment's content in the file."""
        return self._memory.read(address, length)

    @property
    def _memory(self) -> Memory:
        if self._known_memory is None:
            self._known_memory = Memory(
                self._content,
                tuple(
                    (segment.address, segment.file_bytes, segment.offset)
                    for segment in self.segments
                    if segment.type == _PT_LOAD
                ),
            )
        return self._known_memory

    @property
    def _table(self) -> DynamicTable:
        if self._known_table is None:
            segment = next((segment for segment in self.segments if segment.type == _PT_DYNAMIC), None)
            self._known_table = DynamicTable(self._content, self._memory, segment)
        return self._known_table

    @property
    def _versions(self) -> Versions:
        if self._known_versions is None:
            self._known_versions = Versions(self._table)
        return self._known_versions

    @property
    def _symbols(self) -> Symbols:
        if self._known_symbols is None:
            self._known_symbols = read_symbols(self._table, self._versions, self.machine)
        return self._known_symbols

    def _read_segments(self) -> tuple[Segment, ...]:
        if self._phnum == 0:
            return ()
        size = 56 if self.bits == 64 else 32
        if self._phentsize != size:
            raise ElfError(f"program headers of {self._phentsize} bytes")
        if self._phnum > MAX_PROGRAM_HEADERS:
            raise ElfError(f"{self._phnum} program headers")
        table = self._content.read(self._phoff, size * self._phnum, "program headers")
        segments = []
        for row in self._content.rows("IIQQQQQQ" if self.bits == 64 else "IIIIIIII", table):
            if self.bits == 64:
                type_, flags, offset, address, _, file_bytes, memory_bytes, _ = row
            else:
                type_, offset, address, _, file_bytes, memory_bytes, flags, _ = row
            segments.append(
                Segment(
                    type=type_,
                    flags=flags,
                    offset=offset,
                    address=address,
                    file_bytes=file_bytes,
                    memory_bytes=memory_bytes,
                )
            )
        return tuple(segments)


def read_elf(read_at: ReadAt, size_bytes: int) -> Elf:
    """The ELF file behind `read_at`. Raises `ElfError` if it is not one."""
    return Elf(read_at, size_bytes)


def _name_in(names: bytes, position: int) -> str:
    end = names.find(b"\0", position, position + MAX_NAME_BYTES)
    return decoded_name(names[position:end]) if end >= 0 else ""
