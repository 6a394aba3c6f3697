"""``/etc/ld.so.cache``: both formats, both byte orders, and nonsense."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.start.elf import Machine
from weighbridge.domain.start.loader.ldcache import MAX_NAME_BYTES, MAX_STRINGS_BYTES, flags_for, parse_ld_cache

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


def _new_with(strings: bytes, rows: list[tuple[int, int]]) -> bytes:
    """A cache with these strings and rows (places of name and path in them)."""
    start = 48 + 24 * len(rows)
    header = b"glibc-ld.so.cache1.1" + struct.pack("<II", len(rows), len(strings)) + bytes(20)
    return header + b"".join(struct.pack("<iIIIQ", 3, start + key, start + path, 0, 0) for key, path in rows) + strings


@pytest.mark.parametrize("data", [_new(), _new(">"), _old()], ids=["new", "new, big-endian", "old"])
def test_each_format_gives_same_entries(data):
    assert [(entry.soname, entry.path, entry.flags) for entry in parse_ld_cache(data)] == list(_ENTRIES)


def test_file_with_both_formats_uses_new_format():
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 0)
    assert [entry.soname for entry in parse_ld_cache(old + _new())] == ["liba.so.1", "libb.so"]


@pytest.mark.parametrize("row", [(0, 1), (1, 0), (0, 0), (9_999, 1), (1, 9_999)], ids=str)
def test_entry_without_name_or_path_is_skipped(row):
    entries = parse_ld_cache(_new_with(b"\0liba.so\0", [(1, 1), row]))
    assert [(one.soname, one.path) for one in entries] == [("liba.so", "liba.so")]


@pytest.mark.parametrize(("length", "known"), [(MAX_NAME_BYTES - 1, True), (MAX_NAME_BYTES, False)])
def test_name_longer_than_allowed_is_skipped(length, known):
    strings = b"x" * length + b"\0/a\0"
    assert bool(parse_ld_cache(_new_with(strings, [(0, length + 1)]))) is known


@pytest.mark.parametrize(("extra", "count"), [(0, 8_192), (1, 0)], ids=["at the limit", "above"])
def test_names_over_total_limit_give_no_entries(extra, count):
    strings = b"x" * 2_048 + b"\0" + b"y" * 2_048 + b"\0a\0"
    rows = [(0, 2_049)] * (MAX_STRINGS_BYTES // 4_096)
    assert len(rows) == 8_192
    assert len(parse_ld_cache(_new_with(strings, rows + [(4_098, 4_098)] * extra))) == count


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
