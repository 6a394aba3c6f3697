"""Values of an ELF file, and the constants of elf(5) that other modules use."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.errors import ExitCode, WeighbridgeError

_SHF_ALLOC = 0x2


class ElfError(WeighbridgeError):
    """The file is not an ELF file, or contradicts itself. The text says where."""

    exit_code = ExitCode.UNREADABLE_IMAGE


class ElfType(enum.IntEnum):
    """``e_type``, limited to the values in use here."""

    EXEC = 2
    DYN = 3


class SectionType(enum.IntEnum):
    """``sh_type``, limited to the values in use here."""

    NULL = 0
    SYMTAB = 2
    STRTAB = 3
    RELA = 4
    NOBITS = 8
    REL = 9
    SYMTAB_SHNDX = 18


class Machine(enum.IntEnum):
    """``e_machine`` of container platforms."""

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
class ElfSection:
    """One section header with its name. `alignment` is as stored: 0 and 1 both mean none."""

    name: str
    type: int
    flags: int
    offset: int
    size_bytes: int
    alignment: int = 0

    @property
    def is_loaded(self) -> bool:
        """True for a section that a running program has in memory."""
        return bool(self.flags & _SHF_ALLOC)

    @property
    def end(self) -> int:
        """The offset after its content in the file."""
        return self.offset + (0 if self.type in {SectionType.NULL, SectionType.NOBITS} else self.size_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class NeededVersion:
    """One record of Verneed: the file that provides `soname` must define `version`, unless `weak`."""

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
    """A symbol that must come from another object. `version` is None if no version is required.

    `immediate` means that a relocation other than a lazily bound function call uses it. `copied` marks a copy
    relocation: the file itself reserves the space, but another object must provide the value.
    """

    name: bytes
    weak: bool
    version: str | None
    soname: str | None
    immediate: bool
    copied: bool = False
