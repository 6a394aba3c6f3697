"""``/etc/ld.so.cache``: both formats, both byte orders, and nonsense."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.start.elf import Machine
from weighbridge.domain.start.loader.ldcache import flags_for, parse_ld_cache

_ENTRIES = (("liba.so.1", "/opt/lib/liba.so.1", 0x0303), ("libb.so", "/usr/lib/libb.so", 0x0003))


def _new(order: str = "<") -> bytes:
    strings, rows = b"", b""
    start = 48 + 24 * len(_ENTRIES)
    for soname, path, flags in _ENTRIES:
        key = start + len(strings)
        strings += soname.encode() + b"\0"
        value = start + len(strings)
        strings += path.encode() + b"\0"
        rows += struct.pack(f"{order}iIIIQ", flags, key, value, 0, 0)
    header = b"glibc-ld.so.cache1.1" + struct.pack(f"{order}II", len(_ENTRIES), len(strings)) + bytes(20)
    return header + rows + strings


def _old() -> bytes:
    strings, rows = b"", b""
    for soname, path, flags in _ENTRIES:
        key = len(strings)
        strings += soname.encode() + b"\0"
        value = len(strings)
        strings += path.encode() + b"\0"
        rows += struct.pack("<iII", flags, key, value)
    return b"ld.so-1.7.0\0" + struct.pack("<I", len(_ENTRIES)) + rows + strings


@pytest.mark.parametrize("data", [_new(), _new(">"), _old()], ids=["new", "new, big-endian", "old"])
def test_each_format_gives_same_entries(data):
    assert [(entry.soname, entry.path, entry.flags) for entry in parse_ld_cache(data)] == list(_ENTRIES)


def test_file_with_both_formats_uses_new_format():
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 0)
    assert [entry.soname for entry in parse_ld_cache(old + _new())] == ["liba.so.1", "libb.so"]


def test_loader_cache_of_this_machine_names_files():
    cache = Path("/etc/ld.so.cache")
    entries = parse_ld_cache(cache.read_bytes()) if cache.exists() else parse_ld_cache(_new())
    assert entries
    assert all(entry.path.startswith("/") for entry in entries)


def test_flags_select_libraries_of_machine():
    assert 0x0303 in flags_for(Machine.X86_64, 64)
    assert 0x0303 not in flags_for(Machine.I386, 32)
    assert 0x0A03 in flags_for(Machine.AARCH64, 64)


@given(st.binary(max_size=300), st.sampled_from([b"", b"glibc-ld.so.cache1.1", b"ld.so-1.7.0\0"]))
def test_any_bytes_give_cache_or_none(tail, magic):
    assert isinstance(parse_ld_cache(magic + tail), tuple)


@given(st.integers(0, len(_new()) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_cache_or_none(position, value):
    data = bytearray(_new())
    data[position] = value
    assert len(parse_ld_cache(bytes(data))) <= len(_ENTRIES)
