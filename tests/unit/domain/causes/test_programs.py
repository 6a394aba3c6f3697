"""Why a program grew: sections of ELF files, and modules in the function table of Go programs of three layouts."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Mapping

import pytest
from elf_sections import function_table, go_build_info, program

from weighbridge.domain.causes.programs import is_program

MODULES = "path\tacme/cmd\nmod\tacme\tv1\ndep\tgithub.com/x/lib\tv1.0.0\ndep\tgithub.com/x/lib/v2\tv2.0.0\n"
LAYOUTS = [(0xFFFFFFF1, 8), (0xFFFFFFF0, 4), (0xFFFFFFFA, 8)]
"""Magic number and pointer size of Go 1.20, 1.18 and 1.16."""


def go(functions: Mapping[str, int], magic: int = 0xFFFFFFF1, word: int = 8, **options: str) -> bytes:
    table = function_table(functions, magic, word, **options)
    return program({".go.buildinfo": go_build_info(MODULES), ".gopclntab": table})


@pytest.mark.parametrize(("magic", "word"), LAYOUTS)
def test_growth_of_go_program_is_named_by_module(images, magic, word):
    before = {"main.main": 100, "fmt.Println": 2_000, "github.com/x/lib.Do[...]": 500}
    after = before | {
        "main.main": 5_100,
        "acme/internal.(*T).Go": 1_000,
        "github.com/x/lib/v2/a.b": 9_000,
        "type:.eq.github.com/x/lib.T": 40,
    }
    roots = [images.rootfs({"/app": go(one, magic, word)}) for one in (before, after)]
    change = is_program(*roots, "/app")
    assert change.modules == {"acme": 6_000, "github.com/x/lib": 40, "github.com/x/lib/v2": 9_000}
    assert change.text == ": github.com/x/lib/v2 +9.0 kB, acme +6.0 kB"


def test_new_go_program_is_named_by_all_its_modules(images):
    change = is_program(images.rootfs({}), images.rootfs({"/app": go({"main.main": 5_000})}), "/app")
    assert change.modules == {"acme": 5_000}


def test_growth_of_other_program_is_named_by_section(images):
    before, after = ({".text": b"x" * 100, ".debug_info": b"x" * size} for size in (1_000, 9_000))
    roots = [images.rootfs({"/app": program(one)}) for one in (before, after)]
    change = is_program(*roots, "/app")
    assert (change.sections, change.modules) == ({".debug_info": 8_000}, {})
    assert change.text == ": .debug_info +8.0 kB"


@pytest.mark.parametrize("content", [b"x" * 100, b"\x7fELF" + b"\xff" * 100, b"\x7fELF", b""])
def test_file_that_is_no_elf_file_is_no_program(images, content):
    root = images.rootfs({"/app": content, "/link": "app", "/folder/": b""})
    assert [is_program(root, root, path) for path in ("/app", "/link", "/folder", "/none")] == [None] * 4


def test_package_below_no_module_is_of_standard_library(images):
    functions = {"runtime.main": 3_000, "github.com/x/library.Do": 2_000, f"{'a/' * 400}b.c": 1_000}
    change = is_program(images.rootfs({}), images.rootfs({"/app": go(functions)}), "/app")
    assert change.modules == {"std": 6_000}


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**40, 500_001])
def test_function_table_with_wrong_numbers_has_no_modules(images, value):
    table = function_table({"main.main": 5_000, "fmt.x": 2_000})
    for at in range(8, 72, 8):
        broken = table[:at] + struct.pack("<Q", value) + table[at + 8 :]
        data = program({".go.buildinfo": go_build_info(MODULES), ".gopclntab": broken})
        change = is_program(images.rootfs({}), images.rootfs({"/app": data}), "/app")
        assert set(change.modules) <= {"acme", "std"}


def test_damaged_function_table_raises_nothing(images):
    draw = random.Random(15)
    table = function_table({f"github.com/x/lib/p{n}.f": 50 for n in range(20)})
    for _ in range(300):
        broken = bytearray(table)
        for _ in range(draw.randrange(1, 6)):
            broken[draw.randrange(len(broken))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
        cut = bytes(broken)[: draw.randrange(len(broken))] if draw.random() < 0.2 else bytes(broken)
        data = program({".go.buildinfo": go_build_info(MODULES), ".gopclntab": cut})
        assert is_program(images.rootfs({}), images.rootfs({"/app": data}), "/app") is not None


def test_function_table_with_many_packages_is_not_read(images):
    data = go({f"p{n}.f": 10 for n in range(50_001)}, word=4)
    started = time.process_time()
    change = is_program(images.rootfs({}), images.rootfs({"/app": data}), "/app")
    assert change.modules == {}
    assert time.process_time() - started < 3
