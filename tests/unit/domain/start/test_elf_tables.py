"""Tables of an ELF file that are hostile or cut short: each is refused with its reason, in bounded time."""

from __future__ import annotations

import struct

import pytest

from weighbridge.domain.start.elf import ElfError, read_elf

HASH, STRTAB, STRSZ, NEEDED, VERNEED, VERDEF, RELASZ, GNU_HASH = 4, 5, 10, 1, 0x6FFFFFFE, 0x6FFFFFFC, 8, 0x6FFFFEF5


@pytest.fixture
def broken(make_elf):
    """`broken(tags, patches, **spec)` is a made file: `tags` maps a dynamic tag to another (tag, value).

    `patches` maps an offset to bytes.
    """

    def broken(tags=(), patches=(), **spec):
        data = bytearray(make_elf(**spec))
        for tag, (other, value) in dict(tags).items():
            at = _at_tag(data, tag)
            data[at : at + 16] = struct.pack(
                "<QQ", other, struct.unpack_from("<Q", data, at + 8)[0] if value is None else value
            )
        for at, value in dict(patches).items():
            data[at : at + len(value)] = value
        return read_elf(lambda offset, length: bytes(data[offset : offset + length]), len(data))

    return broken


def _at_tag(data, tag):
    """The offset of a dynamic tag; PT_DYNAMIC is the last program header."""
    count = struct.unpack_from("<H", data, 56)[0]
    at, size = struct.unpack_from("<Q", data, 64 + (count - 1) * 56 + 8)[0], 16
    while struct.unpack_from("<Q", data, at)[0] != tag:
        at += size
    return at


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (4, b"\3", "unknown ELF class 3"),
        (5, b"\0", "unknown ELF data encoding 0"),
    ],
)
def test_identification_of_no_known_kind_is_refused(broken, offset, value, reason):
    with pytest.raises(ElfError, match=reason):
        broken(patches={offset: value})


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (54, b"\x20\0", "program headers of 32 bytes"),
        (56, (1171).to_bytes(2, "little"), "1171 program headers"),
        (32, b"\xff\xff", "program headers lies outside the file"),
    ],
)
def test_program_headers_of_wrong_size_number_or_place_are_refused(broken, offset, value, reason):
    with pytest.raises(ElfError, match=reason):
        _ = broken(patches={offset: value}).segments


def test_file_without_program_headers_has_no_segments(broken):
    elf = broken(patches={56: b"\0\0"})
    assert (elf.segments, elf.interpreter, elf.dynamic, elf.exports) == ((), None, None, {})


@pytest.mark.parametrize("size", [1, 4097])
def test_interpreter_of_impossible_length_is_refused(broken, size):
    elf = broken(interpreter="/lib/ld.so", patches={64 + 32: size.to_bytes(8, "little")})
    with pytest.raises(ElfError, match=f"PT_INTERP has {size} bytes"):
        _ = elf.interpreter


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({STRSZ: (STRSZ, 1 << 30)}, "dynamic strings of 1073741824 bytes"),
        ({STRTAB: (STRTAB, 1 << 40)}, "address 0x10000000000 is in no segment"),
        ({NEEDED: (NEEDED, 1 << 20)}, "a name lies outside the dynamic strings"),
        ({STRSZ: (STRSZ, 8)}, "a name in the dynamic strings does not end"),
    ],
)
def test_dynamic_strings_that_lie_are_refused(broken, tags, reason):
    elf = broken(tags, needed=("a-long-name.so",))
    with pytest.raises(ElfError, match=reason):
        _ = elf.dynamic


def test_dynamic_section_of_too_many_entries_is_refused(broken):
    elf = broken(patches={64 + 56 + 32: (16 * 8193).to_bytes(8, "little")})
    with pytest.raises(ElfError, match="8193 dynamic entries"):
        _ = elf.dynamic


def test_name_in_large_string_table_is_read_alone(broken):
    elf = broken(needed=("liba.so", "x" * 70_000), soname="libb.so")
    with pytest.raises(ElfError, match="does not end"):
        _ = elf.dynamic
    assert broken(needed=("liba.so",), exports=("x" * 4095,) * 20).dynamic.needed == ("liba.so",)


@pytest.mark.parametrize(
    ("tag", "spec"),
    [
        (VERNEED, {"needed_versions": (("liba.so", "A_1", False),)}),
        (VERDEF, {"defined_versions": ("A_1",)}),
    ],
)
def test_version_records_of_another_release_or_place_are_refused(broken, make_elf, tag, spec):
    data = make_elf(**spec)
    at = struct.unpack_from("<Q", data, _at_tag(data, tag) + 8)[0]
    for elf, reason in (
        (broken(patches={at: b"\2\0"}, **spec), "unsupported version 2 of Ver"),
        (broken({tag: (tag, len(data) - 8)}, **spec), "a version record lies outside its segment"),
    ):
        with pytest.raises(ElfError, match=reason):
            _ = (elf.needed_versions, elf.defined_versions)


def _gnu_hash(buckets, chains, *, first=1, bloom=1):
    header = struct.pack("<IIII", len(buckets), first, bloom, 6)
    return header + bytes(8 * bloom) + struct.pack(f"<{len(buckets) + len(chains)}I", *buckets, *chains)


@pytest.mark.parametrize(
    ("table", "exports"),
    [
        pytest.param(_gnu_hash([1], [2, 4, 7]), {b"f", b"g", b"h"}, id="chain-of-three"),
        pytest.param(_gnu_hash([1, 3], [2, 5, 7]), {b"f", b"g", b"h"}, id="two-chains"),
        pytest.param(_gnu_hash([1], [3]), {b"f"}, id="chain-of-one"),
        pytest.param(_gnu_hash([0], [], first=3), {b"f", b"g"}, id="no-chain"),
        pytest.param(_gnu_hash([], [], first=2), {b"f"}, id="no-bucket"),
    ],
)
def test_gnu_hash_tells_the_number_of_symbols(broken, make_elf, table, exports):
    at = len(make_elf(exports=("f", "g", "h")))
    elf = broken({HASH: (GNU_HASH, at)}, exports=("f", "g", "h"), trailer=table)
    assert set(elf.exports) == exports


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        pytest.param(b"12345678", "DT_GNU_HASH is cut short", id="header"),
        pytest.param(_gnu_hash([1, 2], [])[:-4], "DT_GNU_HASH is cut short", id="buckets"),
        pytest.param(struct.pack("<IIII", 1 << 31, 1, 1, 6), "DT_GNU_HASH is too large", id="many-buckets"),
        pytest.param(_gnu_hash([1 << 31], []), "DT_GNU_HASH is too large", id="high-bucket"),
        pytest.param(_gnu_hash([1], [2, 4]), "is in no segment", id="chain-without-end"),
    ],
)
def test_gnu_hash_that_lies_is_refused(broken, make_elf, table, reason):
    at = len(make_elf(exports=("f",)))
    elf = broken({HASH: (GNU_HASH, at)}, exports=("f",), trailer=table)
    with pytest.raises(ElfError, match=reason):
        _ = elf.exports


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({RELASZ: (RELASZ, 1 << 30)}, "relocations of 1073741824 bytes"),
        ({HASH: (HASH, None)}, "DT_HASH is cut short"),
    ],
)
def test_symbol_tables_that_lie_are_refused(broken, make_elf, tags, reason):
    if HASH in tags:
        tags = {HASH: (HASH, len(make_elf(undefined=("f",))) - 4)}
    elf = broken(tags, undefined=("f",))
    with pytest.raises(ElfError, match=reason):
        _ = elf.exports


def test_too_many_symbols_are_refused(broken, make_elf):
    data = make_elf(exports=("f",))
    at = struct.unpack_from("<Q", data, _at_tag(data, HASH) + 8)[0]
    with pytest.raises(ElfError, match="4294967295 dynamic symbols"):
        _ = broken(patches={at + 4: b"\xff" * 4}, exports=("f",)).exports


def test_file_without_hash_table_has_symbols_up_to_its_strings(broken, make_elf):
    data = make_elf(exports=("f", "g"))
    symbols = struct.unpack_from("<Q", data, _at_tag(data, 6) + 8)[0]
    elf = broken({HASH: (21, 0), STRTAB: (STRTAB, None)}, exports=("f", "g"))
    strings = struct.unpack_from("<Q", data, _at_tag(data, STRTAB) + 8)[0]
    assert strings > symbols
    assert set(elf.exports) >= {b"f", b"g"}
