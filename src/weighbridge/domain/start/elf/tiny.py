"""The smallest program of each machine: it exits with success. A machine that runs it can run that machine's code.

Sources: elf(5) for the two headers; each architecture's Linux system call convention (syscall(2)).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ENTRY = 0x10000
_EXECUTABLE, _VERSION, _LOADABLE, _READ_AND_RUN, _PAGE = 2, 1, 1, 5, 0x10000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Machine:
    """`number` is ``e_machine``; `code` is ``exit(0)``."""

    number: int
    code: str
    bits: int = 64
    order: str = "<"
    flags: int = 0


_MACHINES = {
    "386": _Machine(number=3, bits=32, code="b801000000 31db cd80"),
    "amd64": _Machine(number=62, code="b83c000000 31ff 0f05"),
    "arm": _Machine(number=40, bits=32, flags=0x0500_0000, code="0000a0e3 0170a0e3 000000ef"),
    "arm64": _Machine(number=183, code="000080d2 a80b80d2 010000d4"),
    "ppc64le": _Machine(number=21, flags=2, code="01000038 00006038 02000044"),
    "riscv64": _Machine(number=243, flags=4, code="13050000 9308d005 73000000"),
    "s390x": _Machine(number=22, order=">", code="a7290000 0a01"),
}


def tiny_program(architecture: str) -> bytes | None:
    """An ELF file for the architecture, by its name on container platforms; ``None`` for an unknown architecture."""
    machine = _MACHINES.get(architecture)
    if machine is None:
        return None
    code = bytes.fromhex(machine.code)
    is_wide = machine.bits == 64
    header_bytes, program_bytes = (64, 56) if is_wide else (52, 32)
    begin = header_bytes + program_bytes
    size = begin + len(code)
    identity = b"\x7fELF" + bytes([2 if is_wide else 1, 1 if machine.order == "<" else 2, 1]) + bytes(9)
    word = "Q" if is_wide else "I"
    header = struct.pack(
        f"{machine.order}HHI3{word}I6H",
        _EXECUTABLE,
        machine.number,
        _VERSION,
        _ENTRY + begin,
        header_bytes,
        0,
        machine.flags,
        header_bytes,
        program_bytes,
        1,
        0,
        0,
        0,
    )
    if is_wide:
        segment = struct.pack(f"{machine.order}II6Q", _LOADABLE, _READ_AND_RUN, 0, _ENTRY, _ENTRY, size, size, _PAGE)
    else:
        segment = struct.pack(f"{machine.order}8I", _LOADABLE, 0, _ENTRY, _ENTRY, size, size, _READ_AND_RUN, _PAGE)
    return identity + header + segment + code
