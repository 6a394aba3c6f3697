"""ELF files that hold chosen sections (System V ABI, "Object Files"), and the build information of a Go program."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_PROGBITS, _STRTAB = 1, 3
_TYPES = {".symtab": 2, ".strtab": _STRTAB, ".shstrtab": _STRTAB}
_LOADED_CODE = 6
"""``SHF_ALLOC | SHF_EXECINSTR``."""


def program(sections: Mapping[str, bytes], *, size_bytes: int = 0) -> bytes:
    """An x86-64 program with these sections, padded to `size_bytes`; ``.text`` is loaded code."""
    names = b"\0"
    content = b""
    rows = [(0,) * 10]
    for name, data in {**sections, ".shstrtab": None}.items():
        at, names = len(names), names + name.encode() + b"\0"
        data = names if data is None else data  # noqa: PLW2901 - the last section holds the names
        flags = _LOADED_CODE if name == ".text" else 0
        rows.append((at, _TYPES.get(name, _PROGBITS), flags, 0, 64 + len(content), len(data), 0, 0, 1, 0))
        content += data
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(content), 0, 64, 56, 0, 64, len(rows), len(rows) - 1)
    return (ident + head + content + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows)).ljust(
        size_bytes, b"\0"
    )


def go_build_info(modules: str, *, version: bytes = b"go1.22.1") -> bytes:
    """The section ``.go.buildinfo`` with inline strings (Go 1.18 and later)."""
    text = b"0" * 16 + modules.encode() + b"1" * 16
    lengths = [bytes([length & 0x7F | 0x80, length >> 7]) for length in (len(version), len(text))]
    return (b"\xff Go buildinf:" + b"\x08\x02").ljust(32, b"\0") + lengths[0] + version + lengths[1] + text


def function_table(functions: Mapping[str, int], magic: int = 0xFFFFFFF1, word: int = 8, order: str = "<") -> bytes:
    """A ``.gopclntab`` with functions of these sizes, adjacent in this order (Go's runtime/symtab.go)."""
    kind = "Q" if word == 8 else "I"
    is_116 = magic == 0xFFFFFFFA
    entry, width = (kind, word) if is_116 else ("I", 4)
    names, places = b"\0", []
    for name in functions:
        places.append(len(names))
        names += name.encode() + b"\0"
    names_at = 8 + (7 if is_116 else 8) * word
    functions_at = names_at + len(names)
    table_bytes = (2 * len(functions) + 1) * width
    rows, records, start = [], b"", 0x1000
    for place, size in zip(places, functions.values(), strict=True):
        rows += [start, table_bytes + len(records)]
        records += struct.pack(f"{order}{kind if is_116 else 'I'}i", start, place)
        start += size
    head = struct.pack(f"{order}IBBBB", magic, 0, 0, 1, word)
    # Count, files, (text start,) names; then tables that are not read; the functions last.
    counts = [len(functions), 0] + ([] if is_116 else [0]) + [names_at, 0, 0, 0, functions_at]
    return (
        head
        + struct.pack(f"{order}{len(counts)}{kind}", *counts)
        + names
        + struct.pack(f"{order}{len(rows) + 1}{entry}", *rows, start)
        + records
    )
