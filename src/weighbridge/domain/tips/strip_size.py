"""Computes the size of an ELF file after ``strip``, from its section headers.

Source: binutils. ``objcopy.c`` (is_strip_section) removes symbols and debugging sections. BFD's ``elf.c`` recognises
debugging sections by name (_bfd_elf_make_section_from_shdr). It keeps loaded sections in place, and puts other
sections, section names and headers behind them (_bfd_elf_assign_file_positions_for_non_load).
"""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.domain.start.elf import Elf, ElfSection, SectionType

_DEBUGGING = (".debug", ".gnu.debuglto_.debug_", ".gnu.linkonce.wi.", ".zdebug", ".line", ".stab", ".gdb_index")
_SYMBOL_TYPES = frozenset(
    {SectionType.SYMTAB, SectionType.STRTAB, SectionType.SYMTAB_SHNDX, SectionType.REL, SectionType.RELA}
)
"""Section types that ``strip`` removes with the symbols. It rewrites the table of section names."""
_NAMES = ".shstrtab"


def stripped_bytes(elf: Elf) -> int | None:
    """The size after ``strip``; ``None`` if it is unknown, or if the file must not be stripped.

    Must not be stripped: files that are no program or shared library, files without code (separate symbols), and files
    with appended data. Raises `ElfError`.
    """
    if not elf.is_executable_type or elf.size_bytes > elf.end:
        return None
    kept = [section for section in elf.sections() if _is_kept(section)]
    loaded = [section for section in kept if section.is_loaded]
    if not any(section.flags & _EXECUTABLE and section.end > section.offset for section in loaded):
        return None
    position = max(section.end for section in loaded if section.type != SectionType.NOBITS)
    for section in kept:
        if not section.is_loaded:
            position = _aligned(position, section.alignment) + section.end - section.offset
    position += _names_bytes([*(section.name for section in kept), _NAMES])
    header_bytes, alignment = (64, 8) if elf.bits == 64 else (40, 4)
    # One header per kept section, one for their names, and the empty first one.
    return min(_aligned(position, alignment) + header_bytes * (len(kept) + 2), elf.size_bytes)


_EXECUTABLE = 0x4
"""``SHF_EXECINSTR``."""


def _is_kept(section: ElfSection) -> bool:
    if section.type == SectionType.NULL:
        return False
    if section.is_loaded:
        return True
    return section.type not in _SYMBOL_TYPES and not section.name.startswith(_DEBUGGING)


def _aligned(position: int, alignment: int) -> int:
    return position + -position % alignment if alignment > 1 else position


def _names_bytes(names: Iterable[str]) -> int:
    """The length of a string table that stores a suffix of another string only once."""
    backwards = sorted({name[::-1] for name in names})
    following = [*backwards[1:], ""]
    return 1 + sum(
        len(name) + 1 for name, after in zip(backwards, following, strict=True) if not after.startswith(name)
    )
