"""The dynamic symbols of an ELF file: its exports, and the symbols that its relocations need.

The file does not store their number; it follows from a hash table (gABI; binutils' ``DT_GNU_HASH``).
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.start.elf.dynamic import DynamicTable, Tag
from weighbridge.domain.start.elf.model import ElfError, Machine, UndefinedSymbol
from weighbridge.domain.start.elf.versions import Versions

MAX_SYMBOLS = 500_000
MAX_SYMBOL_NAME_BYTES = 64 * 1024
"""Maximum length of a symbol's name; compilers shorten mangled names far below it."""
SPARE_NAMES_BYTES = 1024 * 1024
"""Maximum size of all names beyond twice the string table: linkers share the ends of names."""
MAX_RELOCATION_BYTES = 96 * 1024 * 1024
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Symbols:
    """The exported symbols (name → versions, ``""`` for none), and the undefined symbols."""

    exports: dict[bytes, frozenset[str]]
    undefined: tuple[UndefinedSymbol, ...]


def read_symbols(table: DynamicTable, versions: Versions, machine: int) -> Symbols:
    """Read all dynamic symbols in one pass; none if there is no dynamic section. Raises `ElfError`."""
    tags = table.tags()
    if Tag.SYMTAB not in tags or Tag.STRTAB not in tags:
        return Symbols(exports={}, undefined=())
    count = _symbol_count(table, machine)
    if count > MAX_SYMBOLS:
        raise ElfError(f"{count} dynamic symbols")
    size = 24 if table.content.bits == 64 else 16
    data = table.memory.read(tags[Tag.SYMTAB][-1], count * size)
    data = data[: len(data) - len(data) % size]
    strings = table.strings()
    version_at = _version_indices(table, count)
    defined = {record.index: record.version for record in versions.defined() if not record.base}
    needed = {record.index: record for record in versions.needed()}
    lazy, immediate, copied = _relocated(table, machine)
    exports: dict[bytes, frozenset[str]] = {}
    undefined: list[UndefinedSymbol] = []
    shared: dict[str, frozenset[str]] = {}
    wide = table.content.bits == 64
    names_left_bytes = 2 * len(strings) + SPARE_NAMES_BYTES
    for index, row in enumerate(table.content.rows("IBBHQQ" if wide else "IIIBBH", data)):
        if wide:
            name_at, info, _other, section, value, _size = row
        else:
            name_at, value, _size, info, _other, section = row
        binding = info >> 4
        if index == 0 or binding not in {_STB_GLOBAL, _STB_WEAK, _STB_GNU_UNIQUE}:
            continue
        end = strings.find(b"\0", name_at, name_at + MAX_SYMBOL_NAME_BYTES)
        if end < 0:
            raise ElfError(f"a symbol's name has no end within {MAX_SYMBOL_NAME_BYTES} bytes of the dynamic strings")
        name = strings[name_at:end]
        names_left_bytes -= len(name)
        if names_left_bytes < 0:
            raise ElfError("the names of the dynamic symbols are longer than their table allows")
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
    return Symbols(exports=exports, undefined=tuple(undefined))


def _version_indices(table: DynamicTable, count: int) -> tuple[int, ...]:
    """For each symbol the index of its version; fewer than `count` if the file has no more."""
    tags = table.tags()
    data = table.memory.read(tags[Tag.VERSYM][-1], count * 2) if Tag.VERSYM in tags else b""
    return table.content.unpack(f"{len(data) // 2}H", data[: len(data) // 2 * 2])


def _symbol_count(table: DynamicTable, machine: int) -> int:
    content, tags = table.content, table.tags()
    if Tag.HASH in tags:
        # nbucket, nchain: 32 bit words, but 64 bit ones on s390x and alpha.
        wide = machine == Machine.S390X and content.bits == 64
        header = table.memory.read(tags[Tag.HASH][-1], 16 if wide else 8)
        if len(header) != (16 if wide else 8):
            raise ElfError("DT_HASH is cut short")
        return content.unpack("QQ" if wide else "II", header)[1]
    if Tag.GNU_HASH in tags:
        return _gnu_hash_symbol_count(table, tags[Tag.GNU_HASH][-1])
    strtab, symtab = tags[Tag.STRTAB][-1], tags[Tag.SYMTAB][-1]
    # Without a hash table: linkers place the strings directly after the symbols.
    return max(0, strtab - symtab) // (24 if content.bits == 64 else 16)


def _gnu_hash_symbol_count(table: DynamicTable, address: int) -> int:
    header = table.memory.read(address, 16)
    if len(header) != 16:
        raise ElfError("DT_GNU_HASH is cut short")
    bucket_count, first_symbol, bloom_words, _ = table.content.unpack("IIII", header)
    if bucket_count > MAX_SYMBOLS or bloom_words > MAX_SYMBOLS or first_symbol > MAX_SYMBOLS:
        raise ElfError("DT_GNU_HASH is too large")
    at = address + 16 + bloom_words * (table.content.bits // 8)
    buckets = table.memory.read(at, bucket_count * 4) if bucket_count else b""
    if len(buckets) != bucket_count * 4:
        raise ElfError("DT_GNU_HASH is cut short")
    highest = max((row[0] for row in table.content.rows("I", buckets)), default=0)
    if highest < first_symbol:
        return first_symbol
    if highest > MAX_SYMBOLS:
        raise ElfError("DT_GNU_HASH is too large")
    at += bucket_count * 4 + (highest - first_symbol) * 4
    # The chain of the last bucket ends at the first value with its lowest bit set.
    while highest <= MAX_SYMBOLS:
        chunk = table.memory.read(at, 1024)
        chunk = chunk[: len(chunk) - len(chunk) % 4]
        if not chunk:
            break
        for (value,) in table.content.rows("I", chunk):
            highest += 1
            if value & 1:
                return highest
        at += len(chunk)
    raise ElfError("DT_GNU_HASH does not end")


def _relocated(table: DynamicTable, machine: int) -> tuple[set[int], set[int], set[int]]:
    """Indices of the symbols used by lazily bound calls, by all other relocations, and by copy relocations."""
    content, tags = table.content, table.tags()
    lazy: set[int] = set()
    immediate: set[int] = set()
    copied: set[int] = set()
    copy_type = _COPY_RELOCATION.get(machine)
    shift = 32 if content.bits == 64 else 8
    word = "Q" if content.bits == 64 else "I"
    plt_layout = word * (3 if tags.get(Tag.PLTREL, [Tag.RELA])[-1] == Tag.RELA else 2)
    for start, size, layout, into in (
        (Tag.RELA, Tag.RELASZ, word * 3, immediate),
        (Tag.REL, Tag.RELSZ, word * 2, immediate),
        (Tag.JMPREL, Tag.PLTRELSZ, plt_layout, lazy),
    ):
        length = tags.get(size, [0])[-1]
        if start not in tags or length == 0:
            continue
        if length > MAX_RELOCATION_BYTES:
            raise ElfError(f"relocations of {length} bytes")
        data = table.memory.read(tags[start][-1], length)
        width = len(layout) * (content.bits // 8)
        for row in content.rows(layout, data[: len(data) - len(data) % width]):
            index = row[1] >> shift
            if index:
                into.add(index)
                if row[1] & ((1 << shift) - 1) == copy_type:
                    copied.add(index)
    return lazy, immediate, copied
