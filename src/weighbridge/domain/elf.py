"""A bounded, strict reader of ELF files: what the kernel, the dynamic loaders and the checks ask of one.

Everything is read through one ``read_at(offset, length)``; nothing is trusted. Whatever is malformed raises
`ElfError`, and no table longer than the limits below is ever read. Sources: elf(5), the gABI, and the GNU extensions
(symbol versions: LSB Core, "Symbol Versioning"; hash: binutils' ``DT_GNU_HASH``).
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.errors import ExitCode, WeighbridgeError

ReadAt = Callable[[int, int], bytes]

MAX_PROGRAM_HEADERS = 1170
"""The kernel refuses program headers of more than 64 KiB (fs/binfmt_elf.c, load_elf_phdrs)."""
MAX_SECTIONS = 65535
MAX_DYNAMIC_ENTRIES = 8192
MAX_STRING_TABLE_BYTES = 64 * 1024 * 1024
MAX_SYMBOLS = 500_000
MAX_RELOCATION_BYTES = 96 * 1024 * 1024
MAX_VERSION_RECORDS = 65_536
MAX_NAME_BYTES = 4096
_WINDOW_BYTES = 65_536


class ElfError(WeighbridgeError):
    """The file is not an ELF file, or one that contradicts itself. The text says where."""

    exit_code = ExitCode.UNREADABLE_IMAGE


class ElfType(enum.IntEnum):
    """``e_type``: what of it matters here."""

    EXEC = 2
    DYN = 3


class SectionType(enum.IntEnum):
    """``sh_type``: what of it matters here."""

    NULL = 0
    SYMTAB = 2
    STRTAB = 3
    RELA = 4
    NOBITS = 8
    REL = 9
    SYMTAB_SHNDX = 18


class Machine(enum.IntEnum):
    """``e_machine`` of what container platforms run on."""

    I386 = 3
    PPC64 = 21
    S390X = 22
    ARM = 40
    X86_64 = 62
    AARCH64 = 183
    RISCV = 243
    LOONGARCH = 258
    MIPS = 8


MACHINE_NAME: dict[int, str] = {
    Machine.I386: "i386",
    Machine.PPC64: "ppc64",
    Machine.S390X: "s390x",
    Machine.ARM: "arm",
    Machine.X86_64: "x86-64",
    Machine.AARCH64: "arm64",
    Machine.RISCV: "riscv",
    Machine.LOONGARCH: "loongarch",
    Machine.MIPS: "mips",
}


class _Tag(enum.IntEnum):
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


_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE, _PT_TLS = 1, 2, 3, 4, 7
_DF_BIND_NOW = 0x8
_DF_1_NOW, _DF_1_NODEFLIB, _DF_1_PIE = 0x1, 0x800, 0x08000000
_VER_FLG_BASE, _VER_FLG_WEAK = 0x1, 0x2
_SHF_ALLOC = 0x2
_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE = 1, 2, 10
_STT_TLS, _STT_GNU_IFUNC = 6, 10
_COPY_RELOCATION: dict[int, int] = {
    Machine.I386: 5,
    Machine.X86_64: 5,
    Machine.ARM: 20,
    Machine.AARCH64: 1024,
    Machine.RISCV: 4,
    Machine.S390X: 9,
    Machine.PPC64: 19,
}
_EXPORTED_TYPES = frozenset({0, 1, 2, 5, _STT_TLS, _STT_GNU_IFUNC})
_NOT_AN_ELF = "not an ELF file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One program header."""

    type: int
    flags: int
    offset: int
    address: int
    file_bytes: int
    memory_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One section header with its name. `alignment` is as stored: 0 and 1 both mean none."""

    name: str
    type: int
    flags: int
    offset: int
    size_bytes: int
    alignment: int = 0

    @property
    def is_loaded(self) -> bool:
        """True for what a running program has in memory."""
        return bool(self.flags & _SHF_ALLOC)

    @property
    def end(self) -> int:
        """The offset behind its content in the file."""
        return self.offset + (0 if self.type in {SectionType.NULL, SectionType.NOBITS} else self.size_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class NeededVersion:
    """One record of Verneed: `version` must be in what `soname` resolved to, unless `weak`."""

    soname: str
    version: str
    weak: bool
    index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinedVersion:
    """One record of Verdef."""

    version: str
    base: bool
    index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dynamic:
    """``PT_DYNAMIC``, names resolved. `rpath` and `runpath` are as stored (``:`` between directories)."""

    needed: tuple[str, ...]
    soname: str | None
    rpath: str | None
    runpath: str | None
    auxiliary: tuple[str, ...]
    filters: tuple[str, ...]
    bind_now: bool
    no_default_libraries: bool
    position_independent_executable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class UndefinedSymbol:
    """A symbol that must come from another object. `version` is None where none is asked for.

    `immediate` says that a relocation other than a lazily bound function call uses it. `copied` marks a copy
    relocation: the file itself reserves the room, but another object must have the value.
    """

    name: bytes
    weak: bool
    version: str | None
    soname: str | None
    immediate: bool
    copied: bool = False


_Raw = dict[int, list[int]]


class Elf:
    """One ELF file. The header is checked at construction; all else is read when it is asked for, once."""

    def __init__(self, read_at: ReadAt, size_bytes: int) -> None:
        self._read_at = read_at
        self.size_bytes = size_bytes
        ident = self._read(0, 16, "e_ident")
        if ident[:4] != b"\x7fELF":
            raise ElfError(_NOT_AN_ELF)
        if ident[4] not in {1, 2}:
            raise ElfError(f"unknown ELF class {ident[4]}")
        if ident[5] not in {1, 2}:
            raise ElfError(f"unknown ELF data encoding {ident[5]}")
        self.bits = 64 if ident[4] == 2 else 32
        self.big_endian = ident[5] == 2
        self._order = ">" if self.big_endian else "<"
        layout = "HHIQQQIHHHHHH" if self.bits == 64 else "HHIIIIIHHHHHH"
        header = self._unpack(layout, self._read(16, 48 if self.bits == 64 else 36, "header"))
        (self.type, self.machine, _version, self.entry_address, self._phoff, self._shoff, self.flags) = header[:7]
        (_ehsize, self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx) = header[7:]
        self._segments: tuple[Segment, ...] | None = None
        self._loads: tuple[tuple[int, int, int], ...] = ()
        self._raw_dynamic: _Raw | None = None
        self._dynamic: Dynamic | None = None
        self._dynamic_known = False
        self._needed_versions: tuple[NeededVersion, ...] | None = None
        self._defined_versions: tuple[DefinedVersion, ...] | None = None
        self._string_table: tuple[int, int] = (0, 0)
        self._strings: bytes | None = None
        self._exports: dict[bytes, frozenset[str]] | None = None
        self._undefined: tuple[UndefinedSymbol, ...] | None = None

    # The file as the kernel sees it.

    @property
    def machine_name(self) -> str:
        """A word for ``e_machine`` and class."""
        name = MACHINE_NAME.get(self.machine, f"machine {self.machine}")
        return f"{name} ({self.bits} bit)" if self.machine in {Machine.RISCV, Machine.MIPS} else name

    @property
    def is_executable_type(self) -> bool:
        """True where ``e_type`` is one that ``execve`` and the loaders take."""
        return self.type in {ElfType.EXEC, ElfType.DYN}

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers."""
        if self._segments is None:
            self._segments = self._read_segments()
            self._loads = tuple(
                (segment.address, segment.file_bytes, segment.offset)
                for segment in self._segments
                if segment.type == _PT_LOAD
            )
        return self._segments

    @property
    def interpreter(self) -> str | None:
        """``PT_INTERP``, or None for a file that needs no loader. The kernel takes the first one and wants a NUL."""
        for segment in self.segments:
            if segment.type == _PT_INTERP:
                if not 2 <= segment.file_bytes <= MAX_NAME_BYTES:
                    raise ElfError(f"PT_INTERP has {segment.file_bytes} bytes")
                raw = self._read(segment.offset, segment.file_bytes, "PT_INTERP")
                if raw[-1] != 0:
                    raise ElfError("PT_INTERP does not end in NUL")
                return _text(raw.split(b"\0", 1)[0])
        return None

    @property
    def is_dynamic(self) -> bool:
        """True where there is a ``PT_DYNAMIC`` (also in a static-pie)."""
        return any(segment.type == _PT_DYNAMIC for segment in self.segments)

    @property
    def is_static(self) -> bool:
        """True for a program that runs without a loader: static or static-pie (no ``PT_INTERP``, nothing needed)."""
        if self.interpreter is not None or not self.is_executable_type:
            return False
        dynamic = self.dynamic
        if dynamic is None:
            return self.type == ElfType.EXEC or self.entry_address != 0
        return not dynamic.needed and dynamic.soname is None and self.entry_address != 0

    @property
    def has_thread_local_storage(self) -> bool:
        """True where there is a ``PT_TLS``."""
        return any(segment.type == _PT_TLS for segment in self.segments)

    # The dynamic section.

    @property
    def dynamic(self) -> Dynamic | None:
        """The dynamic section, or None where the file has none."""
        if not self._dynamic_known:
            self._dynamic = self._read_dynamic()
            self._dynamic_known = True
        return self._dynamic

    @property
    def needed_versions(self) -> tuple[NeededVersion, ...]:
        """Verneed, in file order."""
        if self._needed_versions is None:
            self._needed_versions = tuple(self._read_needed_versions())
        return self._needed_versions

    @property
    def defined_versions(self) -> tuple[DefinedVersion, ...]:
        """Verdef, in file order; empty for a library without versions."""
        if self._defined_versions is None:
            self._defined_versions = tuple(self._read_defined_versions())
        return self._defined_versions

    @property
    def has_version_definitions(self) -> bool:
        """True where there is a Verdef: only then does glibc check versions against this library."""
        return _Tag.VERDEF in self._raw()

    @property
    def exports(self) -> dict[bytes, frozenset[str]]:
        """What other objects can bind to: name → versions (``""`` for none)."""
        if self._exports is None:
            self._read_symbols()
        return self._exports or {}

    @property
    def undefined(self) -> tuple[UndefinedSymbol, ...]:
        """What must come from other objects and is used by a relocation."""
        if self._undefined is None:
            self._read_symbols()
        return self._undefined or ()

    # Sections: not needed to run a program, but to weigh it.

    def sections(self) -> tuple[Section, ...]:
        """The section headers; empty where the file has none."""
        if self._shoff == 0 or self._shnum == 0:
            return ()
        size = 64 if self.bits == 64 else 40
        if self._shentsize != size:
            raise ElfError(f"section headers of {self._shentsize} bytes")
        layout = "IIQQQQIIQQ" if self.bits == 64 else "IIIIIIIIII"
        table = self._read(self._shoff, size * self._shnum, "section headers")
        rows = list(struct.iter_unpack(self._order + layout, table))
        names = b""
        if self._shstrndx < len(rows) and rows[self._shstrndx][1] == SectionType.STRTAB:
            row = rows[self._shstrndx]
            if row[5] > MAX_STRING_TABLE_BYTES:
                raise ElfError(f"section names of {row[5]} bytes")
            names = self._read(row[4], row[5], "section names")
        return tuple(
            Section(
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
        """The offset behind everything that the headers speak of; what follows there is not the linker's."""
        table_end = self._shoff + self._shnum * self._shentsize if self._shoff else 0
        ends = [section.end for section in self.sections()]
        ends += [segment.offset + segment.file_bytes for segment in self.segments]
        return max([table_end, *ends])

    # Reading.

    def read_segment(self, segment: Segment, limit_bytes: int) -> bytes:
        """The content of a segment, at most `limit_bytes` of it."""
        return self._read(segment.offset, min(segment.file_bytes, limit_bytes), "segment")

    def read_section(self, section: Section, limit_bytes: int) -> bytes:
        """The content of a section, at most `limit_bytes` of it; empty for one that occupies no file space."""
        if section.type == SectionType.NOBITS:
            return b""
        return self._read(section.offset, min(section.size_bytes, limit_bytes), section.name)

    def read_address(self, address: int, length: int) -> bytes:
        """`length` bytes at a virtual address, fewer where the segment's content in the file ends."""
        offset, available = self._locate(address)
        return self._read_at(offset, min(length, available))

    def _read(self, offset: int, length: int, what: str) -> bytes:
        if length == 0:
            return b""
        if offset < 0 or offset + length > self.size_bytes:
            raise ElfError(f"{what} lies outside the file")
        data = self._read_at(offset, length)
        if len(data) != length:
            raise ElfError(f"{what}: the file is cut short")
        return data

    def _unpack(self, layout: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self._order + layout, data)

    def _read_segments(self) -> tuple[Segment, ...]:
        if self._phnum == 0:
            return ()
        size = 56 if self.bits == 64 else 32
        if self._phentsize != size:
            raise ElfError(f"program headers of {self._phentsize} bytes")
        if self._phnum > MAX_PROGRAM_HEADERS:
            raise ElfError(f"{self._phnum} program headers")
        table = self._read(self._phoff, size * self._phnum, "program headers")
        segments = []
        for row in struct.iter_unpack(self._order + ("IIQQQQQQ" if self.bits == 64 else "IIIIIIII"), table):
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

    def _locate(self, address: int) -> tuple[int, int]:
        """File offset of a virtual address, and how many bytes of the segment follow it in the file."""
        if self._segments is None:
            _ = self.segments
        for start, file_bytes, offset in self._loads:
            if start <= address < start + file_bytes:
                return offset + address - start, file_bytes - (address - start)
        raise ElfError(f"address {address:#x} is in no segment")

    def _raw(self) -> _Raw:
        if self._raw_dynamic is not None:
            return self._raw_dynamic
        raw: _Raw = {}
        segment = next((segment for segment in self.segments if segment.type == _PT_DYNAMIC), None)
        if segment is not None:
            size = 16 if self.bits == 64 else 8
            count = segment.file_bytes // size
            if count > MAX_DYNAMIC_ENTRIES:
                raise ElfError(f"{count} dynamic entries")
            table = self._read(segment.offset, count * size, "dynamic section")
            for tag, value in struct.iter_unpack(self._order + ("QQ" if self.bits == 64 else "II"), table):
                if tag == _Tag.NULL:
                    break
                raw.setdefault(tag, []).append(value)
        self._raw_dynamic = raw
        if _Tag.STRTAB in raw:
            size = raw.get(_Tag.STRSZ, [0])[-1]
            if size > MAX_STRING_TABLE_BYTES:
                raise ElfError(f"dynamic strings of {size} bytes")
            offset, available = self._locate(raw[_Tag.STRTAB][-1])
            self._string_table = (offset, min(size, available))
        return raw

    def _string(self, position: int) -> str:
        """A dynamic string. The whole table is only read where symbols ask for it or it is small."""
        offset, size = self._string_table
        if position >= size:
            raise ElfError("a name lies outside the dynamic strings")
        if self._strings is None and size <= _WINDOW_BYTES:
            self._strings = self._read(offset, size, "dynamic strings")
        if self._strings is not None:
            raw = self._strings[position : position + MAX_NAME_BYTES]
        else:
            raw = self._read(offset + position, min(MAX_NAME_BYTES, size - position), "dynamic string")
        head, terminator, _ = raw.partition(b"\0")
        if not terminator:
            raise ElfError("a name in the dynamic strings does not end")
        return _text(head)

    def _read_dynamic(self) -> Dynamic | None:
        if not self.is_dynamic:
            return None
        raw = self._raw()
        flags = raw.get(_Tag.FLAGS, [0])[-1]
        flags_1 = raw.get(_Tag.FLAGS_1, [0])[-1]

        def names(tag: _Tag) -> tuple[str, ...]:
            return tuple(self._string(position) for position in raw.get(tag, ()))

        def name(tag: _Tag) -> str | None:
            return self._string(raw[tag][-1]) if tag in raw else None

        return Dynamic(
            needed=names(_Tag.NEEDED),
            soname=name(_Tag.SONAME),
            rpath=name(_Tag.RPATH),
            runpath=name(_Tag.RUNPATH),
            auxiliary=names(_Tag.AUXILIARY),
            filters=names(_Tag.FILTER),
            bind_now=_Tag.BIND_NOW in raw or bool(flags & _DF_BIND_NOW) or bool(flags_1 & _DF_1_NOW),
            no_default_libraries=bool(flags_1 & _DF_1_NODEFLIB),
            position_independent_executable=bool(flags_1 & _DF_1_PIE),
        )

    def _chain_window(self, tag: _Tag) -> bytes:
        """Verneed and Verdef are chains of steps from their first record; all they can reach in 1 MiB."""
        offset, available = self._locate(self._raw()[tag][-1])
        return self._read(offset, min(available, 16 * _WINDOW_BYTES, self.size_bytes - offset), "version records")

    def _read_needed_versions(self) -> Iterator[NeededVersion]:
        if _Tag.VERNEED not in self._raw():
            return
        window = self._chain_window(_Tag.VERNEED)
        position, budget = 0, MAX_VERSION_RECORDS
        while True:
            version, _count, file, first, following = self._record("HHIII", window, position)
            if version != 1:
                raise ElfError(f"unsupported version {version} of Verneed record")
            soname = self._string(file)
            at = position + first
            while True:
                budget -= 1
                if budget < 0:
                    raise ElfError("too many version records")
                _hash, flags, other, name, step = self._record("IHHII", window, at)
                yield NeededVersion(
                    soname=soname, version=self._string(name), weak=bool(flags & _VER_FLG_WEAK), index=other & 0x7FFF
                )
                if step == 0:
                    break
                at += step
            if following == 0:
                return
            position += following

    def _read_defined_versions(self) -> Iterator[DefinedVersion]:
        if _Tag.VERDEF not in self._raw():
            return
        window = self._chain_window(_Tag.VERDEF)
        position, budget = 0, MAX_VERSION_RECORDS
        while True:
            budget -= 1
            if budget < 0:
                raise ElfError("too many version records")
            version, flags, index, _count, _hash, first, following = self._record("HHHHIII", window, position)
            if version != 1:
                raise ElfError(f"unsupported version {version} of Verdef record")
            name, _ = self._record("II", window, position + first)
            yield DefinedVersion(version=self._string(name), base=bool(flags & _VER_FLG_BASE), index=index & 0x7FFF)
            if following == 0:
                return
            position += following

    def _record(self, layout: str, window: bytes, position: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self._order + layout, window, position)
        except struct.error:
            raise ElfError("a version record lies outside its segment") from None

    def _symbol_count(self, raw: _Raw) -> int:
        if _Tag.HASH in raw:
            # nbucket, nchain: 32 bit words, but 64 bit ones on s390x and alpha.
            wide = self.machine == Machine.S390X and self.bits == 64
            header = self.read_address(raw[_Tag.HASH][-1], 16 if wide else 8)
            if len(header) != (16 if wide else 8):
                raise ElfError("DT_HASH is cut short")
            return self._unpack("QQ" if wide else "II", header)[1]
        if _Tag.GNU_HASH in raw:
            return self._gnu_hash_symbol_count(raw[_Tag.GNU_HASH][-1])
        strtab, symtab = raw[_Tag.STRTAB][-1], raw[_Tag.SYMTAB][-1]
        # No hash: the linkers put the strings right behind the symbols.
        return max(0, strtab - symtab) // (24 if self.bits == 64 else 16)

    def _gnu_hash_symbol_count(self, address: int) -> int:
        header = self.read_address(address, 16)
        if len(header) != 16:
            raise ElfError("DT_GNU_HASH is cut short")
        bucket_count, first_symbol, bloom_words, _ = self._unpack("IIII", header)
        if bucket_count > MAX_SYMBOLS or bloom_words > MAX_SYMBOLS or first_symbol > MAX_SYMBOLS:
            raise ElfError("DT_GNU_HASH is too large")
        at = address + 16 + bloom_words * (self.bits // 8)
        buckets = self.read_address(at, bucket_count * 4) if bucket_count else b""
        if len(buckets) != bucket_count * 4:
            raise ElfError("DT_GNU_HASH is cut short")
        highest = max((row[0] for row in struct.iter_unpack(self._order + "I", buckets)), default=0)
        if highest < first_symbol:
            return first_symbol
        if highest > MAX_SYMBOLS:
            raise ElfError("DT_GNU_HASH is too large")
        at += bucket_count * 4 + (highest - first_symbol) * 4
        # The chain of the last bucket ends at the first value with its lowest bit set.
        while highest <= MAX_SYMBOLS:
            chunk = self.read_address(at, 1024)
            chunk = chunk[: len(chunk) - len(chunk) % 4]
            if not chunk:
                break
            for (value,) in struct.iter_unpack(self._order + "I", chunk):
                highest += 1
                if value & 1:
                    return highest
            at += len(chunk)
        raise ElfError("DT_GNU_HASH does not end")

    def _read_symbols(self) -> None:
        """Fill `exports` and `undefined` in one pass over the dynamic symbols."""
        raw = self._raw()
        if _Tag.SYMTAB not in raw or _Tag.STRTAB not in raw:
            self._exports, self._undefined = {}, ()
            return
        count = self._symbol_count(raw)
        if count > MAX_SYMBOLS:
            raise ElfError(f"{count} dynamic symbols")
        size = 24 if self.bits == 64 else 16
        table = self.read_address(raw[_Tag.SYMTAB][-1], count * size)
        table = table[: len(table) - len(table) % size]
        if self._strings is None:
            offset, length = self._string_table
            self._strings = self._read(offset, length, "dynamic strings")
        strings = self._strings
        versions = b""
        if _Tag.VERSYM in raw:
            versions = self.read_address(raw[_Tag.VERSYM][-1], count * 2)
        version_at = struct.unpack(f"{self._order}{len(versions) // 2}H", versions[: len(versions) // 2 * 2])
        defined = {record.index: record.version for record in self.defined_versions if not record.base}
        needed = {record.index: record for record in self.needed_versions}
        lazy, immediate, copied = self._relocated(raw)
        exports: dict[bytes, frozenset[str]] = {}
        undefined: list[UndefinedSymbol] = []
        shared: dict[str, frozenset[str]] = {}
        layout = self._order + ("IBBHQQ" if self.bits == 64 else "IIIBBH")
        for index, row in enumerate(struct.iter_unpack(layout, table)):
            if self.bits == 64:
                name_at, info, _other, section, value, _size = row
            else:
                name_at, value, _size, info, _other, section = row
            binding = info >> 4
            if index == 0 or binding not in {_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE}:
                continue
            end = strings.find(b"\0", name_at)
            if end < 0:
                raise ElfError("a symbol's name lies outside the dynamic strings")
            name = strings[name_at:end]
            version_index = version_at[index] & 0x7FFF if index < len(version_at) else 1
            if (section == 0 or index in copied) and (index in immediate or index in lazy):
                record = needed.get(version_index)
                undefined.append(
                    UndefinedSymbol(
                        name=name,
                        weak=binding == _STB_WEAK,
                        version=record.version if record else None,
                        soname=record.soname if record else None,
                        immediate=index in immediate,
                        copied=index in copied,
                    )
                )
            if section != 0 and (value or info & 0xF == _STT_TLS) and info & 0xF in _EXPORTED_TYPES:
                version = defined.get(version_index, "")
                known = exports.get(name)
                single = shared.get(version)
                if single is None:
                    single = shared[version] = frozenset({version})
                exports[name] = single if known is None else known | single
        self._exports, self._undefined = exports, tuple(undefined)

    def _relocated(self, raw: _Raw) -> tuple[set[int], set[int], set[int]]:
        """Indices of the symbols used by lazily bound calls, by all other relocations, and by copy relocations."""
        lazy: set[int] = set()
        immediate: set[int] = set()
        copied: set[int] = set()
        copy_type = _COPY_RELOCATION.get(self.machine)
        shift = 32 if self.bits == 64 else 8
        word = "Q" if self.bits == 64 else "I"
        plt_layout = word * (3 if raw.get(_Tag.PLTREL, [_Tag.RELA])[-1] == _Tag.RELA else 2)
        for table, size, layout, into in (
            (_Tag.RELA, _Tag.RELASZ, word * 3, immediate),
            (_Tag.REL, _Tag.RELSZ, word * 2, immediate),
            (_Tag.JMPREL, _Tag.PLTRELSZ, plt_layout, lazy),
        ):
            length = raw.get(size, [0])[-1]
            if table not in raw or length == 0:
                continue
            if length > MAX_RELOCATION_BYTES:
                raise ElfError(f"relocations of {length} bytes")
            data = self.read_address(raw[table][-1], length)
            width = len(layout) * (self.bits // 8)
            for row in struct.iter_unpack(self._order + layout, data[: len(data) - len(data) % width]):
                index = row[1] >> shift
                if index:
                    into.add(index)
                    if row[1] & ((1 << shift) - 1) == copy_type:
                        copied.add(index)
        return lazy, immediate, copied


def read_elf(read_at: ReadAt, size_bytes: int) -> Elf:
    """The ELF file behind `read_at`; raises `ElfError` where it is none."""
    return Elf(read_at, size_bytes)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _name_in(names: bytes, position: int) -> str:
    end = names.find(b"\0", position, position + MAX_NAME_BYTES)
    return _text(names[position:end]) if end >= 0 else ""
