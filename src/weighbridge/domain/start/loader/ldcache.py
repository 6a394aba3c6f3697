"""``/etc/ld.so.cache``, both formats: the file that glibc's loader uses for a name before it searches directories.

Source: glibc sysdeps/generic/dl-cache.h and elf/dl-cache.c. The loader ignores a malformed cache.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.domain.start.elf import Machine

MAX_CACHE_BYTES = 16 * 1024 * 1024
MAX_NAME_BYTES = 4096
MAX_STRINGS_BYTES = 32 * 1024 * 1024
"""Maximum total size of all names and paths: in a hostile cache each may contain the next."""
_OLD_MAGIC = b"ld.so-1.7.0"
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_HEADER_BYTES, _OLD_ENTRY_BYTES = 16, 12
_NEW_HEADER_BYTES, _NEW_ENTRY_BYTES = 48, 24

_FLAG_ELF, _FLAG_ELF_LIBC6 = 0x0001, 0x0003
_FLAGS: dict[tuple[int, int], int] = {
    (Machine.X86_64, 64): 0x0303,
    (Machine.AARCH64, 64): 0x0A03,
    (Machine.S390X, 64): 0x0403,
    (Machine.PPC64, 64): 0x0503,
    (Machine.RISCV, 64): 0x1003,
}
_ARM_HARD_FLOAT, _ARM_SOFT_FLOAT = 0x0903, 0x0B03


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """One entry: `soname` is found at `path`. `flags` identify the kind of library, `hwcap` the required CPU."""

    soname: str
    path: str
    flags: int
    hwcap: int


def flags_for(machine: int, bits: int) -> frozenset[int]:
    """The flags of the entries that this machine's loader accepts (``_dl_cache_check_flags``)."""
    if machine == Machine.ARM:
        return frozenset({_ARM_HARD_FLOAT, _ARM_SOFT_FLOAT, _FLAG_ELF, _FLAG_ELF_LIBC6})
    return frozenset({_FLAGS.get((machine, bits), _FLAG_ELF_LIBC6), _FLAG_ELF})


def parse_ld_cache(data: bytes) -> tuple[CacheEntry, ...]:
    """The entries of a cache file, in file order; empty if the loader would not accept the file.

    The new format has precedence if the file has both, as in the loader. The counts reveal the byte order.
    """
    if len(data) > MAX_CACHE_BYTES:
        return ()
    if data.startswith(_NEW_MAGIC):
        return _parse_new(data, 0)
    if not data.startswith(_OLD_MAGIC) or len(data) < _OLD_HEADER_BYTES:
        return ()
    for order in "<>":
        (count,) = struct.unpack_from(f"{order}I", data, 12)
        strings = _OLD_HEADER_BYTES + count * _OLD_ENTRY_BYTES
        if strings > len(data):
            continue
        start = strings + -strings % 8
        if data[start : start + len(_NEW_MAGIC)] == _NEW_MAGIC:
            return _parse_new(data, start)
        rows = struct.iter_unpack(f"{order}iII", data[_OLD_HEADER_BYTES:strings])
        return _entries(data, strings, ((flags, key, value, 0) for flags, key, value in rows))
    return ()


def _parse_new(data: bytes, start: int) -> tuple[CacheEntry, ...]:
    if len(data) < start + _NEW_HEADER_BYTES:
        return ()
    for order in "<>":
        (count,) = struct.unpack_from(f"{order}I", data, start + 20)
        first = start + _NEW_HEADER_BYTES
        end = first + count * _NEW_ENTRY_BYTES
        if end > len(data):
            continue
        rows = struct.iter_unpack(f"{order}iIIIQ", data[first:end])
        return _entries(data, start, ((flags, key, value, hwcap) for flags, key, value, _, hwcap in rows))
    return ()


def _entries(data: bytes, strings: int, rows: Iterable[tuple[int, int, int, int]]) -> tuple[CacheEntry, ...]:
    """The entries of `rows` (flags, offsets of name and path, hwcap); empty if their strings are too large."""
    left_bytes = MAX_STRINGS_BYTES
    entries = []
    for flags, key, value, hwcap in rows:
        soname, path = _string(data, strings + key), _string(data, strings + value)
        left_bytes -= len(soname) + len(path)
        if left_bytes < 0:
            return ()
        if soname and path:
            entries.append(CacheEntry(soname=soname, path=path, flags=flags, hwcap=hwcap))
    return tuple(entries)


def _string(data: bytes, position: int) -> str:
    end = data.find(b"\0", position, position + MAX_NAME_BYTES)
    return data[position:end].decode("utf-8", "surrogateescape") if end > position else ""
