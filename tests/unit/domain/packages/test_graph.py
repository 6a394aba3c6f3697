# ruff: noqa: E501 - package databases stand in one line each
"""Which package needs which: each ecosystem's own rules, and the shortest way."""

from __future__ import annotations

import json
import zlib

import pytest
from linear_time import assert_linear

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.graph import dependency_graph
from weighbridge.domain.packages.model import Ecosystem, Links, Package


class Contents:
    """Files in memory by path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return self.files[node.stored_path][offset : offset + length]


def packages(files: dict[str, bytes]) -> tuple[Package, ...]:
    entries = tuple(Entry(path=path, kind=EntryKind.FILE, size_bytes=len(data)) for path, data in files.items())
    root = Rootfs.from_changesets([Changeset(diff_id="sha256:0", entries=entries)], Contents(files))
    return find_packages(root).packages


def needs(files: dict[str, bytes], ecosystem: Ecosystem, **options: object) -> dict[str, set[str]]:
    found = packages(files)
    graph = dependency_graph(found, ecosystem, **options)  # type: ignore[arg-type]
    return {one.name: {found[edge].name for edge in graph.edges[number]} for number, one in enumerate(found)}


SITE = "usr/lib/python3.12/site-packages"


def test_python_graph_follows_markers_and_extras() -> None:
    files = {
        f"{SITE}/{name}-1.dist-info/METADATA": f"Name: {name}\nVersion: 1\n{requires}\n\nText".encode()
        for name, requires in {
            "app": "Requires-Dist: Base[fast]>=1\nRequires-Dist: old; python_version < '3'",
            "base": "Requires-Dist: speed; extra == 'fast'\nRequires-Dist: slow; extra == 'slow'",
            "old": "",
            "speed": "",
            "slow": "",
        }.items()
    }
    assert needs(files, Ecosystem.PYTHON) == {
        "app": {"base"},
        "base": {"speed"},
        "old": set(),
        "speed": set(),
        "slow": set(),
    }
    assert needs(files, Ecosystem.PYTHON, extras={"base": frozenset({"slow"})})["base"] == {"speed", "slow"}


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        pytest.param("usr/lib/python3.7/site-packages", {"old"}, id="folder with version"),
        pytest.param("var/task", {"new"}, id="folder without version is recent"),
    ],
)
def test_python_graph_uses_version_of_folder(site: str, expected: set[str]) -> None:
    requires = "Requires-Dist: old; python_version < '3.8'\nRequires-Dist: new; python_full_version >= '3.8.1'"
    files = {f"{site}/{name}-1.dist-info/METADATA": f"Name: {name}\n".encode() for name in ("old", "new")}
    files[f"{site}/app-1.dist-info/METADATA"] = f"Name: app\n{requires}\n".encode()
    assert needs(files, Ecosystem.PYTHON)["app"] == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("base (broken", id="no requirement"),
        pytest.param("other", id="not installed"),
        pytest.param("; python_version < '3'", id="no name"),
        pytest.param("base; extra == 'fast'", id="extra not requested"),
    ],
)
def test_python_requirement_that_cannot_apply_is_no_edge(line: str) -> None:
    files = {
        f"{SITE}/{name}-1.dist-info/METADATA": f"Name: {name}\nRequires-Dist: {line}\n".encode()
        for name in ("app", "base", "again")
    }
    assert set(map(len, needs(files, Ecosystem.PYTHON).values())) == {0}


def test_node_package_outside_folders_above_is_found_by_name() -> None:
    """The store of pnpm has links, which have no ``package.json`` of their own."""
    files = {
        "app/node_modules/.pnpm/a@1/node_modules/a/package.json": b'{"dependencies": {"b": "1", "gone": "1"}}',
        "app/node_modules/.pnpm/b@1/node_modules/b/package.json": b"{}",
    }
    assert needs(files, Ecosystem.NPM) == {"a": {"b"}, "b": set()}


def test_node_graph_uses_nearest_folder() -> None:
    def described(**fields: object) -> bytes:
        return json.dumps(fields).encode()

    files = {
        "app/node_modules/a/package.json": described(name="a", version="1", dependencies={"c": "1", "b": "1"}),
        "app/node_modules/a/node_modules/c/package.json": described(name="c", version="1"),
        "app/node_modules/c/package.json": described(name="c", version="2"),
        "app/node_modules/b/package.json": described(name="b", version="1", dependencies={"c": "2"}),
    }
    found = packages(files)
    graph = dependency_graph(found, Ecosystem.NPM)
    versions = {
        (one.name, one.version): {(found[edge].name, found[edge].version) for edge in graph.edges[number]}
        for number, one in enumerate(found)
    }
    assert versions["a", "1"] == {("c", "1"), ("b", "1")}
    assert versions["b", "1"] == {("c", "2")}


def test_debian_graph_uses_installed_alternative_and_virtual_package() -> None:
    status = b"""Package: app
Status: install ok installed
Version: 1
Depends: libc6 (>= 2.4), missing | editor:any [amd64], mail-agent
Recommends: extra

Package: vim
Status: install ok installed
Version: 1
Provides: editor

Package: postfix
Status: install ok installed
Version: 1
Provides: mail-agent (= 1)

Package: extra
Status: install ok installed
Version: 1
"""
    found = packages({"var/lib/dpkg/status": status})
    graph = dependency_graph(found, Ecosystem.DEB)
    assert [found[one].name for one in graph.edges[0]] == ["vim", "postfix"]
    assert [found[one].name for one in graph.paths_from([0])] == ["app", "vim", "postfix", "extra"]
    assert 3 not in graph.paths_from([0], with_recommended=False)


def test_alpine_graph_resolves_libraries() -> None:
    database = b"P:curl\nV:1\nD:so:libz.so.1 ca-certificates>1 !wget\n\nP:zlib\nV:1\np:so:libz.so.1=1.3\n\nP:ca-certificates\nV:2\n\nP:wget\nV:1\n"
    assert needs({"lib/apk/db/installed": database}, Ecosystem.APK)["curl"] == {"zlib", "ca-certificates"}


def test_gem_conda_composer_and_nuget_packages_have_files_and_needs() -> None:
    files = {
        "gems/specifications/rack-3.0.gemspec": b's.add_runtime_dependency(%q<webrick>.freeze, [">= 1"])',
        "gems/specifications/webrick-1.8.gemspec": b"",
        "gems/gems/rack-3.0/lib/rack.rb": b"x" * 50,
        "opt/conda/conda-meta/numpy-2.json": json.dumps(
            {"name": "numpy", "version": "2", "depends": ["libblas >=3"], "files": ["lib/numpy.so"]}
        ).encode(),
        "opt/conda/conda-meta/libblas-3.json": json.dumps({"name": "libblas", "version": "3", "files": []}).encode(),
        "opt/conda/lib/numpy.so": b"n" * 70,
        "app/vendor/composer/installed.json": json.dumps(
            {
                "packages": [
                    {"name": "a/b", "version": "v1.0", "install-path": "../a/b", "require": {"php": "8", "c/d": "1"}}
                ]
            }
        ).encode(),
        "app/vendor/a/b/src/B.php": b"p" * 30,
        "srv/app.deps.json": json.dumps(
            {
                "targets": {
                    "net8": {"Json/13.0": {"runtime": {"lib/net6/Json.dll": {}}, "dependencies": {"Core": "1"}}}
                },
                "libraries": {"Json/13.0": {"type": "package"}},
            }
        ).encode(),
        "srv/Json.dll": b"d" * 90,
    }
    sizes = {(one.ecosystem.value, one.name, one.version): one.size_bytes for one in packages(files)}
    gemspec = len(files["gems/specifications/rack-3.0.gemspec"])
    assert sizes["gem", "rack", "3.0"] == 50 + gemspec
    assert sizes["conda", "numpy", "2"] == 70 + len(files["opt/conda/conda-meta/numpy-2.json"])
    assert sizes["composer", "a/b", "1.0"] == 30
    assert sizes["nuget", "json", "13.0"] == 90
    assert needs(files, Ecosystem.GEM)["rack"] == {"webrick"}
    assert needs(files, Ecosystem.CONDA)["numpy"] == {"libblas"}


def test_cycle_of_many_packages_is_read_in_linear_time() -> None:
    def read(count: int) -> None:
        found = [
            Package(
                ecosystem=Ecosystem.DEB,
                name=f"p{n}",
                version="1",
                size_bytes=1,
                links=Links(requires=(f"p{(n + 1) % count}", f"p{(n * 7) % count}")),
            )
            for n in range(count)
        ]
        assert len(dependency_graph(found, Ecosystem.DEB).paths_from([0])) == count

    assert_linear(read, largest=8_000)


def test_dependencies_over_limit_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.packages.graph.MAX_EDGES", 10)
    links = Links(requires=tuple(f"p{n}" for n in range(6)))
    found = [Package(ecosystem=Ecosystem.GEM, name=f"p{n}", version="1", size_bytes=1, links=links) for n in range(6)]
    assert dependency_graph(found, Ecosystem.GEM).is_cut


def test_damaged_descriptions_are_no_packages() -> None:
    files = {
        "opt/conda-meta/a.json": b"[" * 100_000,
        "app/vendor/composer/installed.json": b'{"packages": [1, {"name": 3}]}',
        "srv/x.deps.json": b'{"targets": {"a": []}, "libraries": {}}',
        "bin/rust": b"\x7fELF" + zlib.compress(b"{}"),
    }
    assert packages(files) == ()
