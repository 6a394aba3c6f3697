"""ELF files: made ones, real ones of this machine, and broken ones."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.start.elf import Elf, ElfError, read_elf
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.tips.strip_size import stripped_bytes


def _read(data: bytes) -> Elf:
    return read_elf(lambda offset, length: data[offset : offset + length], len(data))


def _real_libraries() -> list[Path]:
    """The interpreter that runs this test, and every library that it has mapped."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    paths = {Path(line.split()[-1]) for line in lines if ".so" in line and line.split()[-1].startswith("/")}
    return sorted({Path(sys.executable).resolve(), *(path for path in paths if path.exists())})


def _everything(elf: Elf) -> None:
    _ = (elf.interpreter, elf.is_static, elf.dynamic, elf.needed_versions, elf.defined_versions)
    _ = (elf.exports, elf.undefined, elf.end, stripped_bytes(elf), read_go_build_info(elf))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("big_endian", [False, True])
def test_both_classes_and_byte_orders_are_read(make_elf, bits, big_endian):
    elf = _read(
        make_elf(
            bits=bits,
            big_endian=big_endian,
            machine=40,
            interpreter="/lib/ld.so",
            needed=("liba.so", "libb.so"),
            soname="me",
            runpath="$ORIGIN/../lib",
            exports=("f",),
            undefined=("g",),
            lazy=("h",),
            needed_versions=(("liba.so", "A_1", False), ("liba.so", "A_2", True), ("libb.so", "B_1", False)),
            defined_versions=("ME_1", "ME_2"),
            versions_of={"f": "ME_2", "g": "A_1"},
        )
    )
    assert (elf.bits, elf.big_endian, elf.machine_name) == (bits, big_endian, "arm")
    assert elf.interpreter == "/lib/ld.so"
    assert elf.dynamic is not None
    assert (elf.dynamic.needed, elf.dynamic.soname, elf.dynamic.runpath) == (
        ("liba.so", "libb.so"),
        "me",
        "$ORIGIN/../lib",
    )
    assert [(entry.soname, entry.version, entry.weak) for entry in elf.needed_versions] == [
        ("liba.so", "A_1", False),
        ("liba.so", "A_2", True),
        ("libb.so", "B_1", False),
    ]
    assert [entry.version for entry in elf.defined_versions] == ["ME_1", "ME_2"]
    assert elf.exports == {b"f": frozenset({"ME_2"})}
    assert [(symbol.name, symbol.version, symbol.immediate) for symbol in elf.undefined] == [
        (b"g", "A_1", True),
        (b"h", None, False),
    ]


def test_static_and_static_pie_programs_need_no_loader(make_elf):
    assert _read(make_elf(type=2, dynamic=False)).is_static
    assert _read(make_elf(type=3, flags_1=0x08000000)).is_static
    assert not _read(make_elf(type=3, interpreter="/lib/ld.so")).is_static
    assert not _read(make_elf(type=3, soname="libx.so")).is_static


def test_bind_now_is_seen_in_each_of_its_forms(make_elf):
    assert _read(make_elf(bind_now=True)).dynamic.bind_now
    assert _read(make_elf(flags_1=1)).dynamic.bind_now
    assert not _read(make_elf()).dynamic.bind_now


def test_weak_undefined_symbols_are_marked(make_elf):
    (symbol,) = _read(make_elf(weak=("maybe",))).undefined
    assert symbol.weak


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF" + bytes(60), b"\x7fELF\x02\x01\x01" + bytes(20)]
)
def test_file_not_elf_raises_error(data):
    with pytest.raises(ElfError):
        _read(data)


def test_interpreter_without_its_nul_is_error(make_elf):
    data = make_elf(interpreter="/lib/ld.so").replace(b"/lib/ld.so\0", b"/lib/ld.soX")
    with pytest.raises(ElfError, match="NUL"):
        _ = _read(data).interpreter


def test_interpreter_of_this_test_and_all_its_libraries_are_read():
    paths = _real_libraries()
    assert paths
    for path in paths:
        data = path.read_bytes()
        elf = _read(data)
        _everything(elf)
        assert elf.bits == sys.maxsize.bit_length() + 1
        assert elf.exports or path == Path(sys.executable).resolve()


def test_libc_of_this_machine_defines_symbols_of_python():
    libraries = {path.name: _read(path.read_bytes()) for path in _real_libraries()}
    libc = next(elf for elf in libraries.values() if elf.dynamic and (elf.dynamic.soname or "").startswith("libc."))
    assert b"malloc" in libc.exports
    defined = {record.version for record in libc.defined_versions}
    for elf in libraries.values():
        for wanted in elf.needed_versions:
            if wanted.soname == libc.dynamic.soname:
                assert wanted.version in defined


def test_stripped_size_does_not_exceed_file():
    for path in _real_libraries():
        data = path.read_bytes()
        after_bytes = stripped_bytes(_read(data))
        assert after_bytes is not None
        assert 0 < after_bytes <= len(data)


def test_file_with_appended_data_is_not_strippable():
    for path in _real_libraries():
        assert stripped_bytes(_read(path.read_bytes() + b"appended")) is None


def test_file_with_symbols_only_is_not_stripped(make_elf):
    assert stripped_bytes(_read(make_elf())) is None


def test_mutated_real_file_raises_elf_error_only(make_elf):
    generator = random.Random(20260101)
    seeds = [path.read_bytes()[:40_000] for path in _real_libraries()[:3]]
    seeds.append(make_elf(interpreter="/l", needed=("a",), exports=("f",), needed_versions=(("a", "V", False),)))
    refused = 0
    for number in range(2000):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(generator.randint(1, 12)):
            limit = min(len(data), 4096) if generator.random() < 0.8 else len(data)
            data[generator.randrange(limit)] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
        try:
            _everything(_read(bytes(data)))
        except ElfError:
            refused += 1
    assert refused > 100


@given(st.binary(max_size=600))
def test_any_bytes_after_magic_raise_elf_error_only(tail):
    try:
        _everything(_read(b"\x7fELF\x02\x01\x01" + tail))
    except ElfError as error:
        text = str(error)
    else:
        text = "an ELF file"
    assert text


def test_circular_chain_of_version_records_ends(make_elf):
    data = bytearray(make_elf(needed=("a",), needed_versions=(("a", "V", False),)))
    at = data.find(b"\x01\x00\x01\x00", 64)
    # vn_next: the step to the next record is added to the position, so it can only go forward, and out.
    data[at + 12 : at + 16] = (16).to_bytes(4, "little")
    with pytest.raises(ElfError):
        _ = _read(bytes(data)).needed_versions
