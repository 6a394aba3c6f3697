"""Packages that programs record in themselves, owners of Debian's files, and package URLs."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import pytest
from elf_sections import go_build_info, program

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.packages.dpkg import deb_owners
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.model import Ecosystem
from weighbridge.domain.packages.package_url import MAX_URL_CHARACTERS, PackageUrl, parse_package_url


class Contents:
    """The bytes of files in memory, by path."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return self.files[node.path][offset : offset + length]


def rootfs(files: Mapping[str, bytes], *, mode: int = 0o755) -> Rootfs:
    """A root filesystem of one layer with these files."""
    entries = [Entry(path=path, kind=EntryKind.FILE, size_bytes=len(data), mode=mode) for path, data in files.items()]
    changeset = Changeset(diff_id="sha256:0", entries=tuple(entries))
    return Rootfs.from_changesets([changeset], Contents({f"/{path}": data for path, data in files.items()}))


def go_program(modules: str, *, version: bytes = b"go1.22.1") -> bytes:
    """A Go program with inline build information."""
    return program({".go.buildinfo": go_build_info(modules, version=version)}, size_bytes=500_000)


def rust_program(data: object) -> bytes:
    """A program of ``cargo auditable``."""
    return program({".dep-v0": zlib.compress(json.dumps(data).encode())}, size_bytes=100_000)


def names(root: Rootfs) -> dict[tuple[Ecosystem, str, str | None], int | None]:
    return {(one.ecosystem, one.name, one.version): one.size_bytes for one in find_packages(root).packages}


# --- Go -----------------------------------------------------------------------------------------------------------


def test_go_program_owns_its_file_but_its_modules_own_none():
    modules = (
        "path\tacme/cmd\nmod\tacme\tv1.2.0\th1:x\ndep\tlib/a\tv0.1.0\th1:y\ndep\tlib/b\tv1.0.0\n=>\tfork/b\tv1.1.0\n"
    )
    assert names(rootfs({"app": go_program(modules)})) == {
        (Ecosystem.GO, "acme", "v1.2.0"): 500_000,
        (Ecosystem.GO, "stdlib", "1.22.1"): None,
        (Ecosystem.GO, "lib/a", "v0.1.0"): None,
        (Ecosystem.GO, "lib/b", "v1.1.0"): None,
    }


@pytest.mark.parametrize(
    ("modules", "name"),
    [("path\tacme/cmd\nmod\tacme\t(devel)\t\n", "acme"), ("path\tacme/cmd\n", "acme/cmd"), ("build\tx=1\n", "/app")],
)
def test_go_program_without_a_released_version_has_none(modules, name):
    assert (Ecosystem.GO, name, None) in names(rootfs({"app": go_program(modules)}))


def test_module_of_two_go_programs_is_one_package():
    found = names(rootfs({"a": go_program("mod\ta\tv1\ndep\tl\tv1\n"), "b": go_program("mod\tb\tv1\ndep\tl\tv1\n")}))
    assert sorted(name for _, name, _ in found) == ["a", "b", "l", "stdlib"]


def test_only_the_largest_go_programs_are_read_with_a_note(monkeypatch):
    monkeypatch.setattr("weighbridge.domain.packages.golang._MAX_PROGRAMS", 1)
    found = find_packages(rootfs({"a": go_program("mod\ta\tv1\n"), "b": go_program("mod\tbig\tv1\n") + b"x"}))
    assert [one.name for one in found.packages] == ["big", "stdlib"]
    assert found.notes == ("only the 1 largest of 2 programs were searched for Go modules",)


@pytest.mark.parametrize("data", [b"x" * 500_000, b"\x7fELF" * 125_000, go_program("", version=b"")])
def test_program_without_build_information_is_no_go_program(data):
    assert names(rootfs({"app": data})) == {}


def test_file_without_an_execute_bit_is_no_program():
    assert names(rootfs({"app": go_program("mod\ta\tv1\n")}, mode=0o644)) == {}


# --- Rust ---------------------------------------------------------------------------------------------------------

CRATES = [
    {"name": "tool", "version": "1.0.0", "root": True, "dependencies": [1, 2]},
    {"name": "serde", "version": "1.0.1", "dependencies": [2, 9, "x"]},
    {"name": "libc", "version": "0.2.0", "kind": "runtime"},
    {"name": "cc", "version": "1.0.9", "kind": "build"},
    "no crate",
]


def test_auditable_rust_program_owns_its_file_and_names_its_runtime_crates():
    found = find_packages(rootfs({"tool": rust_program({"packages": CRATES})}))
    assert {(one.name, one.version): one.size_bytes for one in found.packages} == {
        ("tool", "1.0.0"): 100_000,
        ("serde", "1.0.1"): None,
        ("libc", "0.2.0"): None,
    }
    links = {one.name: one.links.requires for one in found.packages}
    assert links["serde"] == ("libc",)


@pytest.mark.parametrize("data", [[], {}, {"packages": 1}, {"packages": []}, {"packages": [{"name": "a"}]}])
def test_rust_program_with_other_data_has_no_crates(data):
    assert names(rootfs({"tool": rust_program(data)})) == {}


@pytest.mark.parametrize("content", [b"not zlib", zlib.compress(b"{"), zlib.compress(b"[" * 100_000)])
def test_rust_program_with_unreadable_data_has_no_crates(content):
    assert names(rootfs({"tool": program({".dep-v0": content}, size_bytes=100_000)})) == {}


# --- Debian -------------------------------------------------------------------------------------------------------


def test_owner_of_a_file_is_found_with_and_without_a_merged_usr():
    info = "var/lib/dpkg/info"
    root = rootfs(
        {
            f"{info}/libc6:amd64.list": b"/.\n/lib/libc.so.6\n/usr/share/doc/libc6\n",
            f"{info}/curl.list": b"/usr/bin/curl\n",
            f"{info}/curl.md5sums": b"0  usr/bin/other\n",
            f"{info}/..list": b"/usr/bin/none\n",
        }
    )
    wanted = ["/usr/lib/libc.so.6", "/usr/bin/curl", "/usr/bin/none", "/usr/bin/other", "/opt/x"]
    assert deb_owners(root, wanted) == {"/usr/lib/libc.so.6": "libc6", "/usr/bin/curl": "curl"}
    assert deb_owners(root, []) == {}
    assert deb_owners(rootfs({"x": b""}), wanted) == {}


# --- package URLs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ecosystem", "name", "version"),
    [
        ("pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie", Ecosystem.DEB, "curl", "7.50.3-1"),
        ("pkg:golang/google.golang.org/genproto@v1#api", Ecosystem.GO, "google.golang.org/genproto", "v1"),
        ("pkg:npm/%40angular/core@12.3.1", Ecosystem.NPM, "@angular/core", "12.3.1"),
        ("PKG:npm/a@1", None, None, None),
        ("pkg://PyPI/django@1%2B2", Ecosystem.PYTHON, "django", "1+2"),
        ("pkg:docker/library/debian", None, "debian", None),
        ("pkg:npm/@scope/x", Ecosystem.NPM, "@scope/x", None),
    ],
)
def test_package_url_has_the_name_of_its_ecosystem(text, ecosystem, name, version):
    found = parse_package_url(text)
    shown = (found.ecosystem, found.package_name, found.version) if found else (None, None, None)
    assert shown == (ecosystem, name, version)


@pytest.mark.parametrize(
    "text", ["", "pkg:", "pkg:npm/", "pkg:npm//@1", "npm/a@1", "pkg:npm/" + "a" * MAX_URL_CHARACTERS]
)
def test_text_that_is_no_package_url_is_none(text):
    assert parse_package_url(text) is None


def test_package_url_keeps_its_qualifiers():
    found = parse_package_url(" pkg:oci/debian@sha256%3Aab?repository_url=docker.io%2Flibrary ")
    assert found == PackageUrl(
        type="oci", namespace="", name="debian", version="sha256:ab", qualifiers={"repository_url": "docker.io/library"}
    )
