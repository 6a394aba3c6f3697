"""Why glibc refuses a shared library of the right class (``open_verify`` and ``_dl_map_object_from_fd``, dl-load.c)."""

from __future__ import annotations

import posixpath

from weighbridge.domain.start.elf import Elf, ElfError, ElfType

_SYSTEM_V, _GNU = 0, 3
"""Values of ``EI_OSABI``."""
_PROGRAM_HEADER_BYTES = {32: 32, 64: 56}
_PT_LOAD = 1


def identity_error(header: bytes, *, big_endian: bool) -> str | None:
    """The error for the rest of ``e_ident`` and for ``e_version``."""
    system, version = header[7], header[8]
    if system not in {_SYSTEM_V, _GNU}:
        return "ELF file OS ABI invalid"
    # Which versions of the GNU ABI are valid depends on the release of glibc.
    if version and system == _SYSTEM_V:
        return "ELF file ABI version invalid"
    if any(header[9:16]):
        return "nonzero padding in e_ident"
    if int.from_bytes(header[20:24], "big" if big_endian else "little") != 1:
        return "ELF file version does not match current one"
    return None


def layout_error(elf: Elf, path: str) -> str | None:
    """The error for its type, its program headers and its dynamic section, with the name that the loader prints."""
    name = posixpath.basename(path)
    if not elf.is_executable_type:
        return f"{path}: only ET_DYN and ET_EXEC can be loaded"
    if elf.program_header_bytes != _PROGRAM_HEADER_BYTES[elf.bits]:
        return f"{path}: ELF file's phentsize not the expected size"
    try:
        segments = elf.segments
    except ElfError:
        return f"{path}: cannot read file data"
    if elf.type == ElfType.EXEC:
        return f"{name}: cannot dynamically load executable"
    if not any(segment.type == _PT_LOAD for segment in segments):
        return f"{name}: object file has no loadable segments"
    try:
        dynamic = elf.dynamic
    except ElfError:
        return f"{path}: cannot read file data"
    return f"{name}: object file has no dynamic section" if dynamic is None else None
