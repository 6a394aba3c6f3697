"""ELF files that hold chosen sections (System V ABI, "Object Files"), and the build information of a Go program."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_PROGBITS, _STRTAB = 1, 3


def program(sections: Mapping[str, bytes], *, size_bytes: int = 0) -> bytes:
    """An x86-64 program with these sections, padded to `size_bytes`."""
    names = b"\0"
    content = b""
    rows = [(0,) * 10]
    for name, data in {**sections, ".shstrtab": None}.items():
        at, names = len(names), names + name.encode() + b"\0"
        data = names if data is None else data  # noqa: PLW2901 - the last section holds the names
        kind = _STRTAB if name == ".shstrtab" else _PROGBITS
        rows.append((at, kind, 0, 0, 64 + len(content), len(data), 0, 0, 1, 0))
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
