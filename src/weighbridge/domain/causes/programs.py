"""Explains why a program grew: by its ELF sections, and for Go by the bytes of each module's functions.

Sources: elf(5) for sections; Go's ``debug/gosym`` and ``runtime/symtab.go`` for ``.gopclntab`` (the layouts of Go 1.16,
1.18 and 1.20). The table is hostile: every offset is checked against its length.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.elf import Elf, ElfError
from weighbridge.domain.start.elf.model import SectionType
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.domain.units import format_delta
from weighbridge.errors import ImageError

_MAX_TABLE_BYTES = 64 * 1024 * 1024
_MAX_FUNCTIONS = 500_000
_MAX_NAME_BYTES = 1_000
_MAX_PACKAGES = 50_000
_MAX_PARTS = 64
_HEADER_BYTES = 8
_SHOWN = 3
_LEAST_BYTES = 1_000
_GO_120, _GO_118, _GO_116 = 0xFFFFFFF1, 0xFFFFFFF0, 0xFFFFFFFA
_GO_RELEASES = frozenset({_GO_120, _GO_118, _GO_116})


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramChange:
    """The differences of a program in bytes: of each section and, for Go, of each module's code.

    A new module has no entry in base; ``std`` is Go's standard library.
    """

    sections: Mapping[str, int] = field(default_factory=dict)
    modules: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The largest changes in words, prefixed with ``: ``; empty if there are none to report."""
        by_part = self.modules or self.sections
        largest = sorted(by_part.items(), key=lambda one: (-abs(one[1]), one[0]))[:_SHOWN]
        words = [f"{name} {format_delta(delta)}" for name, delta in largest if abs(delta) >= _LEAST_BYTES]
        return f": {', '.join(words)}" if words else ""


def is_program(base: Rootfs, head: Rootfs, path: str) -> ProgramChange | None:
    """The differences of the program at `path`; ``None`` if the file is not an ELF object on a side that has it."""
    sides = [_elf(root, path) for root in (base, head)]
    if sides[0] is None and sides[1] is None:
        return None
    sections = [_sections(elf) for elf in sides]
    modules = [_go_modules(elf) for elf in sides]
    return ProgramChange(sections=_difference(*sections), modules=_difference(*modules) if any(modules) else {})


def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    found = {name: after.get(name, 0) - before.get(name, 0) for name in before.keys() | after.keys()}
    return {name: delta for name, delta in found.items() if delta}


def _elf(root: Rootfs, path: str) -> Elf | None:
    node = root.lookup(path)
    if not isinstance(node, Node) or not node.is_file or node.size_bytes < 64:
        return None
    try:
        if root.read_at(node, 0, 4) != b"\x7fELF":
            return None
        return elf_of(root, node)
    except (ElfError, ImageError):
        return None


def _sections(elf: Elf | None) -> dict[str, int]:
    found: dict[str, int] = {}
    try:
        for section in elf.sections() if elf is not None else ():
            # SHT_NOBITS has no bytes in the file.
            if section.name and section.type != SectionType.NOBITS:
                found[section.name] = found.get(section.name, 0) + section.size_bytes
    except (ElfError, ImageError):
        return {}
    return found


def _go_modules(elf: Elf | None) -> dict[str, int]:
    """The bytes of the functions of each module of a Go program; empty if the table cannot be read."""
    if elf is None:
        return {}
    try:
        section = next((one for one in elf.sections() if one.name.endswith("gopclntab")), None)
        info = read_go_build_info(elf) if section is not None else None
        if section is None or info is None:
            return {}
        packages = _function_bytes(elf.read_section(section, _MAX_TABLE_BYTES))
    except (ElfError, ImageError, struct.error, ValueError, OverflowError):
        return {}
    modules = frozenset(one.path for one in info.modules)
    main = next((one.path for one in info.modules if one.is_main), info.main_path or "main")
    found: dict[str, int] = {}
    for package, size_bytes in packages.items():
        module = main if package == "main" else _module_of(package, modules)
        found[module] = found.get(module, 0) + size_bytes
    return found


def _module_of(package: str, modules: frozenset[str]) -> str:
    """The module with the longest path that is a prefix of `package`; ``std`` without one."""
    path = package
    for _ in range(_MAX_PARTS):
        if path in modules:
            return path
        path = path.rpartition("/")[0]
    return "std"


def _function_bytes(table: bytes) -> dict[str, int]:
    """The bytes of code of each Go package: functions are adjacent, so each ends at the start of the next."""
    if len(table) < _HEADER_BYTES:
        return {}
    order = "<" if struct.unpack_from("<I", table)[0] in _GO_RELEASES else ">"
    (magic,) = struct.unpack_from(f"{order}I", table)
    word = table[7]
    if magic not in _GO_RELEASES or word not in {4, 8}:
        return {}
    kind = "Q" if word == 8 else "I"
    skipped = 2 if magic == _GO_116 else 3
    count, *offsets = struct.unpack_from(f"{order}{skipped + 5}{kind}", table, 8)
    names_at, functions_at = offsets[skipped - 1], offsets[-1]
    if count > _MAX_FUNCTIONS:
        raise ValueError("more functions than the limit")
    entry = kind if magic == _GO_116 else "I"
    starts = struct.unpack_from(f"{order}{2 * count + 1}{entry}", table, functions_at)
    name_at = word if magic == _GO_116 else 4
    found: dict[str, int] = {}
    for index in range(count):
        size_bytes = starts[2 * index + 2] - starts[2 * index]
        (offset,) = struct.unpack_from(f"{order}i", table, functions_at + starts[2 * index + 1] + name_at)
        start = names_at + offset
        end = table.find(b"\0", start, start + _MAX_NAME_BYTES)
        if size_bytes > 0 and end > start >= 0:
            package = _package_of(table[start:end].decode("utf-8", "replace"))
            found[package] = found.get(package, 0) + size_bytes
            if len(found) > _MAX_PACKAGES:
                raise ValueError("more packages than the limit")
    return found


def _package_of(function: str) -> str:
    """The package in a function's full name: up to the first dot after the last slash, without type arguments."""
    name = function.partition("[")[0].removeprefix("type:.eq.").removeprefix("go:")
    slash = name.rfind("/") + 1
    dot = name.find(".", slash)
    return name if dot < 0 else name[:dot]
