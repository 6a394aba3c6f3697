"""The Action's image is built from one Dockerfile for amd64 and arm64: no step of it depends on the architecture."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ARCHITECTURE = re.compile(r"amd64|x86[_-]64|arm64|aarch64|i386|ld-linux", re.IGNORECASE)

LDD = {
    "amd64": """\tlinux-vdso.so.1 (0x00007ffd2b9f6000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1a2c000000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f1a2c3f5000)
""",
    "arm64": """\tlinux-vdso.so.1 (0x0000ffff9a5f4000)
\tlibc.so.6 => /lib/aarch64-linux-gnu/libc.so.6 (0x0000ffff9a3f0000)
\t/lib/ld-linux-aarch64.so.1 (0x0000ffff9a5b7000)
""",
}


@pytest.mark.parametrize("name", ["Dockerfile", "scripts/collect_image.py"])
def test_build_of_the_image_names_no_architecture(name):
    assert _ARCHITECTURE.findall((ROOT / name).read_text()) == []


@pytest.mark.parametrize("platform", LDD)
def test_libraries_of_ldd_are_collected_with_loader_of_platform(platform):
    specification = importlib.util.spec_from_file_location("collect_image", ROOT / "scripts/collect_image.py")
    collect_image = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(collect_image)
    found = [path.name for path in collect_image.libraries_in(LDD[platform])]
    assert found == ["libc.so.6", {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}[platform]]


def test_locked_packages_have_wheels_with_hashes_on_each_platform():
    assert "--only-binary=:all: --require-hashes" in (ROOT / "Dockerfile").read_text()
