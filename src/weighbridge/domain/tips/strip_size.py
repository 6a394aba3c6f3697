"""How long an ELF file is once ``strip`` has been over it, from its section headers alone.

Source: binutils. ``objcopy.c`` (is_strip_section) takes away what is there for debugging and the symbols; BFD's
``elf.c`` says by name what is for debugging (_bfd_elf_make_section_from_shdr), keeps what is loaded where it is, and
puts the rest, the names of the sections and their headers behind it (_bfd_elf_assign_file_positions_for_non_load).
"""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.domain.start.elf import Elf, Section, SectionType

_DEBUGGING = (".debug", ".gnu.debuglto_.debug_", ".gnu.linkonce.wi.", ".zdebug", ".line", ".stab", ".gdb_index")
_SYMBOL_TYPES = frozenset(
    {SectionType.SYMTAB, SectionType.STRTAB, SectionType.SYMTAB_SHNDX, SectionType.REL, SectionType.RELA}
)
"""What goes with the symbols. The names of the sections are such a table as well; they are written anew."""
_NAMES = ".shstrtab"


def stripped_bytes(elf: Elf) -> int | None:
    """The size after ``strip``; ``None`` where it must not be stripped, or where that is not known.

    Not to be stripped is what is no program and no shared library, what has no code of its own (the symbols of another
    file), and what carries something behind its end that ``strip`` would cut off. Raises `ElfError`.
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
    # One header for each section that is left, one for their names, and the empty one that begins the table.
    return min(_aligned(position, alignment) + header_bytes * (len(kept) + 2), elf.size_bytes)


_EXECUTABLE = 0x4
"""``SHF_EXECINSTR``."""


def _is_kept(section: Section) -> bool:
    if section.type == SectionType.NULL:
        return False
    if section.is_loaded:
        return True
    return section.type not in _SYMBOL_TYPES and not section.name.startswith(_DEBUGGING)


def _aligned(position: int, alignment: int) -> int:
    return position + -position % alignment if alignment > 1 else position


def _names_bytes(names: Iterable[str]) -> int:
    """The length of a table of strings in which a string that ends another one is not stored again."""
    backwards = sorted({name[::-1] for name in names})
    following = [*backwards[1:], ""]
    return 1 + sum(
        len(name) + 1 for name, after in zip(backwards, following, strict=True) if not after.startswith(name)
    )
