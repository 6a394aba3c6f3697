"""Packages are found in the final filesystem, and each file counts for one of them at the most."""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from elf_sections import go_build_info, program

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.packages.diff import diff_packages
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.model import Ecosystem, Package, PackageSet

DATA = Path(__file__).resolve().parents[3] / "data/packages"


class Contents:
    """The bytes of files in memory, by layer and path."""

    def __init__(self, files: Mapping[tuple[str, str], bytes]) -> None:
        self.files = files
        self.reads: list[str] = []

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        self.reads.append(node.path)
        return self.files[node.diff_id, node.stored_path][offset : offset + length]


def rootfs(*layers: Mapping[str, bytes | int], links: Sequence[Entry] = (), mode: int = 0o755) -> Rootfs:
    """A root filesystem of files by path. A number is the size of a file without content."""
    files: dict[tuple[str, str], bytes] = {}
    changesets = []
    for number, layer in enumerate(layers):
        entries = list(links) if number == 0 else []
        for path, content in layer.items():
            size = content if isinstance(content, int) else len(content)
            if not isinstance(content, int):
                files[f"sha256:{number}", path] = content
            entries.append(Entry(path=path, kind=EntryKind.FILE, size_bytes=size, mode=mode))
        changesets.append(Changeset(diff_id=f"sha256:{number}", entries=tuple(entries)))
    return Rootfs.from_changesets(changesets, Contents(files))


def found(root: Rootfs) -> dict[tuple[str, str, str | None], int | None]:
    packages = find_packages(root).packages
    named = {(one.ecosystem.value, one.name, one.version): one.size_bytes for one in packages}
    assert len(named) == len(packages)
    return named


def symlink(path: str, target: str) -> Entry:
    return Entry(path=path, kind=EntryKind.SYMLINK, link_target=target)


# --- Debian -------------------------------------------------------------------------------------------------------

STATUS = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
Description: the library
 Package: not-a-field
 .
 Version: 9

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: tool
Status: install ok installed
Architecture: all
Version: 1:2.0-1
"""


def test_debian_packages_have_listed_files_with_merged_usr() -> None:
    root = rootfs(
        {
            "var/lib/dpkg/status": STATUS,
            "var/lib/dpkg/info/libc6:amd64.list": b"/.\n/lib\n/lib/x86\n/lib/x86/libc.so.6\n/usr/share/gone\n",
            "var/lib/dpkg/info/tool.list": b"/usr/bin/tool\n/lib/x86/libc.so.6\n",
            "usr/lib/x86/libc.so.6": 1000,
            "usr/bin/tool": 30,
            "usr/bin/other": 7,
        },
        links=[symlink("lib", "usr/lib")],
    )
    assert found(root) == {("deb", "libc6", "2.36-9"): 1000, ("deb", "tool", "1:2.0-1"): 30}


def test_distroless_packages_have_files_of_md5sums() -> None:
    stanza = b"Package: tzdata\nVersion: 2024a\nArchitecture: all\n"
    sums = b"0123456789abcdef0123456789abcdef  usr/share/zoneinfo/UTC\n"
    root = rootfs(
        {
            "var/lib/dpkg/status.d/tzdata": stanza,
            "var/lib/dpkg/status.d/tzdata.md5sums": sums,
            "usr/share/zoneinfo/UTC": 114,
        }
    )
    packages = find_packages(root)
    assert [(one.name, one.size_bytes) for one in packages.packages] == [("tzdata", 114 + len(stanza) + len(sums))]
    assert packages.unowned_bytes == 0


def test_distroless_package_without_md5sums_has_only_its_stanza() -> None:
    stanza = b"Package: base\nVersion: 1\nArchitecture: all\n"
    assert found(rootfs({"var/lib/dpkg/status.d/base": stanza})) == {("deb", "base", "1"): len(stanza)}


def test_debian_list_too_large_leaves_package_without_files_and_gives_note() -> None:
    status = b"Package: x\nStatus: install ok installed\nVersion: 1\n"
    files = {"var/lib/dpkg/status": status, "var/lib/dpkg/info/x.list": 9 << 20}
    packages = find_packages(rootfs(files, mode=0o644))
    assert [(one.name, one.size_bytes) for one in packages.packages] == [("x", 0)]
    assert packages.notes == ("/var/lib/dpkg/info/x.list is larger than the 8388608 bytes that are read",)


# --- Alpine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["lib/apk/db", "usr/lib/apk/db"])
def test_alpine_packages_have_files_of_their_folders(folder: str) -> None:
    musl = b"C:Q1x\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1\nF:\nR:top\n\n"
    database = musl + b"P:busybox\nV:1.36\nF:bin\nR:busybox\n\n"
    root = rootfs({f"{folder}/installed": database, "lib/ld-musl-x86_64.so.1": 600, "top": 5, "bin/busybox": 800})
    assert found(root) == {("apk", "musl", "1.2.5-r0"): 605, ("apk", "busybox", "1.36"): 800}


# --- Python -------------------------------------------------------------------------------------------------------

SITE = "usr/lib/python3.11/site-packages"


def test_distribution_of_real_installer_has_recorded_files() -> None:
    installed = importlib.metadata.distribution("click")
    files = {f"{SITE}/{file}": Path(str(file.locate())) for file in installed.files or ()}
    present = {path: where.read_bytes() for path, where in files.items() if ".." not in path and where.is_file()}
    assert len(present) > 10
    root = rootfs(present)
    assert found(root) == {("pip", "click", installed.version): sum(map(len, present.values()))}


def test_scripts_and_bytecode_belong_to_distribution() -> None:
    metadata = b"Metadata-Version: 2.1\nName: Shop_Front\nVersion: 1.0\n\nName: no\n"
    record = b'shop/__init__.py,,\n../../../bin/shop,,\n"shop/a,b.txt",,\n../../../../../../etc/passwd,,\n'
    root = rootfs(
        {
            f"{SITE}/Shop_Front-1.0.dist-info/METADATA": metadata,
            f"{SITE}/Shop_Front-1.0.dist-info/RECORD": record,
            f"{SITE}/shop/__init__.py": 10,
            f"{SITE}/shop/__pycache__/__init__.cpython-311.pyc": 100,
            f"{SITE}/shop/a,b.txt": 1000,
            f"{SITE}/other/__pycache__/x.cpython-311.pyc": 7,
            "usr/bin/shop": 10_000,
        }
    )
    assert found(root) == {("pip", "shop-front", "1.0"): 11_110 + len(metadata) + len(record)}


def test_egg_info_without_list_has_its_top_level_packages() -> None:
    root = rootfs(
        {
            f"{SITE}/old-2.0.egg-info/PKG-INFO": b"Name: old\nVersion: 2.0\n",
            f"{SITE}/old-2.0.egg-info/top_level.txt": b"old\n_old\n",
            f"{SITE}/old/a.py": 10,
            f"{SITE}/old/deep/b.py": 20,
            f"{SITE}/_old.py": 40,
            f"{SITE}/older/c.py": 80,
        }
    )
    assert found(root) == {("pip", "old", "2.0"): 70 + len(b"Name: old\nVersion: 2.0\n") + len(b"old\n_old\n")}


def test_egg_info_with_installed_files_has_these_and_no_top_level_package() -> None:
    folder = f"{SITE}/old-2.0.egg-info"
    listed = b"../old/a.py\n../../../../bin/old\nPKG-INFO\n"
    root = rootfs(
        {
            f"{folder}/PKG-INFO": b"Name: old\nVersion: 2.0\n",
            f"{folder}/installed-files.txt": listed,
            f"{folder}/top_level.txt": b"old\n",
            f"{SITE}/old/a.py": 10,
            f"{SITE}/old/unlisted.py": 20,
            "usr/bin/old": 40,
        }
    )
    own = len(b"Name: old\nVersion: 2.0\n") + len(listed) + len(b"old\n")
    assert found(root) == {("pip", "old", "2.0"): 50 + own}


def test_top_level_name_with_slash_claims_nothing() -> None:
    info, tops = b"Name: old\nVersion: 2.0\n", b"../../../etc\nold\n"
    files = {f"{SITE}/old-2.0.egg-info/PKG-INFO": info, f"{SITE}/old-2.0.egg-info/top_level.txt": tops}
    root = rootfs({**files, f"{SITE}/old.py": 10, "usr/lib/etc.py": 80, "usr/lib/etc/a": 80})
    assert found(root) == {("pip", "old", "2.0"): 10 + len(info) + len(tops)}


def test_record_with_open_quote_claims_other_files() -> None:
    info, record = b"Name: a\nVersion: 1\n", b'"\n"a.py",,\n'
    files = {f"{SITE}/a-1.dist-info/METADATA": info, f"{SITE}/a-1.dist-info/RECORD": record}
    assert found(rootfs({**files, f"{SITE}/a.py": 10})) == {("pip", "a", "1"): 10 + len(info) + len(record)}


def test_python_package_owned_by_distribution_is_skipped() -> None:
    folder = "usr/lib/python3/dist-packages/six-1.16.dist-info"
    root = rootfs(
        {
            "var/lib/dpkg/status": b"Package: python3-six\nStatus: install ok installed\nVersion: 1.16-4\n",
            "var/lib/dpkg/info/python3-six.list": f"/{folder}/METADATA\n/{folder}/../six.py\n".encode(),
            f"{folder}/METADATA": b"Name: six\nVersion: 1.16\n",
            "usr/lib/python3/dist-packages/six.py": 100,
            "usr/lib/python3/dist-packages/__pycache__/six.cpython-311.pyc": 50,
        }
    )
    assert found(root) == {("deb", "python3-six", "1.16-4"): 150 + len(b"Name: six\nVersion: 1.16\n")}


# --- Node ---------------------------------------------------------------------------------------------------------


def test_node_package_has_its_folder_without_packages_inside() -> None:
    def package(name: str, version: str) -> bytes:
        return json.dumps({"name": name, "version": version}).encode()

    root = rootfs(
        {
            "app/package.json": package("shop", "1.0.0"),
            "app/node_modules/a/package.json": package("a", "1.0.0"),
            "app/node_modules/a/lib/package.json": b'{"type": "module"}',
            "app/node_modules/a/lib/x.js": 100,
            "app/node_modules/a/node_modules/@s/b/package.json": package("@s/b", "2.0.0"),
            "app/node_modules/a/node_modules/@s/b/y.js": 1000,
            "app/node_modules/.bin/a": 7,
            "app/node_modules/broken/package.json": b"{" * 100_000,
            "app/node_modules/broken/z.js": 3,
        }
    )
    assert found(root) == {
        ("npm", "a", "1.0.0"): 100 + len(package("a", "1.0.0")) + len(b'{"type": "module"}'),
        ("npm", "@s/b", "2.0.0"): 1000 + len(package("@s/b", "2.0.0")),
        ("npm", "broken", None): 100_003,
    }


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        pytest.param("node_modules/@scope/package.json", b'{"name": "x"}', {}, id="scope is no package"),
        pytest.param("node_modules/a/package.json", b"[]", {("npm", "a", None): 2}, id="list"),
        pytest.param("node_modules/@s/a/package.json", b'{"name": 3}', {("npm", "@s/a", None): 11}, id="types"),
    ],
)
def test_node_description_without_name_is_named_by_folder(
    path: str, content: bytes, expected: dict[tuple[str, str, str | None], int]
) -> None:
    assert found(rootfs({f"app/{path}": content})) == expected


# --- Java ---------------------------------------------------------------------------------------------------------


def jar(entries: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_jars_are_named_by_file_or_manifest_including_inner_ones() -> None:
    pom = {"META-INF/maven/org.x/greet/pom.properties": b"#x\nversion=3.1\ngroupId=org.x\nartifactId=greet\n"}
    titled = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nImplementation-Version: 4.2\r\n\r\n"}
    boot = jar({"BOOT-INF/lib/spring-core-6.1.0.jar": b"x" * 500, "BOOT-INF/lib/plain.jar": b"y" * 30, "a.class": b"z"})
    root = rootfs(
        {
            "lib/guava-33.0-jre.jar": 2000,
            "lib/greeter.jar": jar(pom),
            "lib/manifested.jar": jar(titled),
            "lib/broken.jar": b"not a zip",
            "app/app.jar": boot,
        }
    )
    assert found(root) == {
        ("jar", "guava", "33.0-jre"): 2000,
        ("jar", "greet", "3.1"): len(jar(pom)),
        ("jar", "manifested", "4.2"): len(jar(titled)),
        ("jar", "broken", None): 9,
        ("jar", "app", None): len(boot) - 530,
        ("jar", "spring-core", "6.1.0"): 500,
        ("jar", "plain", None): 30,
    }


@pytest.mark.parametrize(
    ("entries", "name", "version"),
    [
        pytest.param({"META-INF/MANIFEST.MF": b"Bundle-Version: 7\r\n"}, "x", "7", id="bundle version"),
        pytest.param({"META-INF/MANIFEST.MF": b"Main-Class: a\r\n"}, "x", None, id="no version"),
        pytest.param(
            {"META-INF/maven/g/a/pom.properties": b"artifactId=a\n", "META-INF/MANIFEST.MF": b"Bundle-Version: 2\n"},
            "x",
            "2",
            id="incomplete pom.properties",
        ),
        pytest.param(
            {f"META-INF/maven/g/{one}/pom.properties": f"artifactId={one}\nversion=1\n".encode() for one in "ab"},
            "x",
            None,
            id="two poms",
        ),
        pytest.param({}, "x", None, id="no description"),
    ],
)
def test_jar_without_version_in_name_is_described_by_its_content(
    entries: Mapping[str, bytes], name: str, version: str | None
) -> None:
    assert found(rootfs({"lib/x.jar": jar(entries)})) == {("jar", name, version): len(jar(entries))}


def test_large_jar_with_version_in_name_is_opened_for_libraries() -> None:
    boot = jar({"BOOT-INF/lib/spring-core-6.1.0.jar": b"x" * 1_000_000})
    assert found(rootfs({"app/shop-1.0.jar": boot})) == {
        ("jar", "shop", "1.0"): len(boot) - 1_000_000,
        ("jar", "spring-core", "6.1.0"): 1_000_000,
    }


def test_jars_over_limit_are_not_opened_with_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.packages.jar._MAX_OPENED", 1)
    titled = jar({"META-INF/MANIFEST.MF": b"Implementation-Version: 4.2\r\n"})
    packages = find_packages(rootfs({"lib/a.jar": titled + b"x", "lib/b.jar": titled}))
    assert [(one.name, one.version) for one in packages.packages] == [("a", "4.2"), ("b", None)]
    assert packages.notes == ("only 1 of the Java archives were opened",)


# --- Ruby, .NET, conda --------------------------------------------------------------------------------------------


def test_gem_owns_its_compiled_extension() -> None:
    root = rootfs(
        {
            "g/specifications/ffi-1.15.gemspec": b"",
            "g/specifications/README": b"",
            "g/extensions/x86_64-linux/3.1.0/ffi-1.15/ffi.so": 70,
            "g/extensions/x86_64-linux/note": 5,
            "g/cache/ffi-1.15.gem": 9,
        }
    )
    assert found(root) == {("gem", "ffi", "1.15"): 79}


def test_nuget_list_names_packages_but_not_the_project() -> None:
    library = {"runtime": {"lib/net8/Json.dll": {}, "../../etc/passwd": {}}, "dependencies": ["no table"]}
    data = {
        "targets": {"net8": {"Json/13.0": library, "app/1.0": {}, "nameless": {}, "Bad/1": 3}, "other": []},
        "libraries": {"Json/13.0": {"type": "package"}, "app/1.0": {"type": "project"}, "Bad/1": {"type": "package"}},
    }
    root = rootfs({"srv/app.deps.json": json.dumps(data).encode(), "srv/lib/net8/Json.dll": 60, "srv/Json.dll": 30})
    assert found(root) == {("nuget", "json", "13.0"): 90}


@pytest.mark.parametrize("data", [b"[]", b'{"targets": []}', b'{"targets": {}, "libraries": []}', b"{"])
def test_nuget_list_of_another_shape_has_no_packages(data: bytes) -> None:
    assert found(rootfs({"srv/app.deps.json": data})) == {}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param({"name": "a", "version": 3, "files": [1, "lib/a.so"]}, {("conda", "a", None): 7}, id="types"),
        pytest.param({"name": "a", "version": "1", "files": {}, "depends": {}}, {("conda", "a", "1"): 0}, id="tables"),
        pytest.param({"name": "", "files": ["lib/a.so"]}, {}, id="no name"),
        pytest.param([], {}, id="list"),
    ],
)
def test_conda_record_counts_only_fields_of_right_type(
    record: object, expected: dict[tuple[str, str, str | None], int]
) -> None:
    content = json.dumps(record).encode()
    root = rootfs({"opt/conda/conda-meta/a-1.json": content, "opt/conda/lib/a.so": 7})
    assert found(root) == {key: size + len(content) for key, size in expected.items()}


# --- all of them --------------------------------------------------------------------------------------------------


def two_packages(ecosystem: str) -> dict[str, bytes | int]:
    """The files of packages named ``a`` and ``b``."""
    match ecosystem:
        case "deb":
            stanza = "Package: {}\nStatus: install ok installed\nVersion: 1\n"
            return {"var/lib/dpkg/status": "\n".join(map(stanza.format, "ab")).encode()}
        case "distroless":
            return {f"var/lib/dpkg/status.d/{one}": f"Package: {one}\nVersion: 1\n".encode() for one in "ab"}
        case "apk":
            return {"lib/apk/db/installed": b"P:a\nV:1\n\nP:b\nV:1\n"}
        case "rpm":
            return {"var/lib/rpm/rpmdb.sqlite": gzip.decompress((DATA / "rpmdb.sqlite.gz").read_bytes())}
        case "conda":
            return {f"c/conda-meta/{one}.json": json.dumps({"name": one}).encode() for one in "ab"}
        case "pip":
            return {f"{SITE}/{one}-1.dist-info/METADATA": f"Name: {one}\n".encode() for one in "ab"}
        case "npm":
            return {f"node_modules/{one}/package.json": b"{}" for one in "ab"}
        case "gem":
            return {f"g/specifications/{one}-1.gemspec": b"" for one in "ab"}
        case "composer":
            return {"vendor/composer/installed.json": json.dumps([{"name": "v/a"}, {"name": "v/b"}]).encode()}
        case "nuget":
            data = {f"{one}/1": {"type": "package"} for one in "ab"}
            return {"x.deps.json": json.dumps({"targets": {"t": data}, "libraries": data}).encode()}
        case "jar":
            return {f"lib/{one}-1.jar": 10 for one in "ab"}
        case "golang":
            content = program({".go.buildinfo": go_build_info("path\ta\nmod\ta\tv1\n")}, size_bytes=500_000)
            return {"a": content, "b": content}
        case _:
            crates = [{"name": "a", "root": True}, {"name": "b"}]
            section = zlib.compress(json.dumps({"packages": crates}).encode())
            return {"a": program({".dep-v0": section}, size_bytes=100_000)}


@pytest.mark.parametrize(
    "ecosystem",
    ["deb", "distroless", "apk", "rpm", "conda", "pip", "npm", "gem", "composer", "nuget", "jar", "golang", "cargo"],
)
def test_packages_over_limit_are_not_listed_with_note(ecosystem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = rootfs(two_packages(ecosystem))
    assert len(find_packages(root).packages) > 1
    monkeypatch.setattr("weighbridge.domain.packages.owners.MAX_PACKAGES", 1)
    packages = find_packages(root)
    assert len(packages.packages) == 1
    assert packages.notes == ("there are more than 1 packages; the others are not listed",)


def test_databases_over_limit_of_bytes_are_not_read_with_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.packages.owners._MAX_READ_BYTES", 30)
    root = rootfs({f"node_modules/{one}/package.json": b'{"version": "1"}' for one in "ab"})
    packages = find_packages(root)
    assert sorted((one.name, one.size_bytes) for one in packages.packages) == [("a", 16), ("b", 16)]
    assert {one.version for one in packages.packages} == {"1", None}
    assert packages.notes == ("the package databases are larger than the 30 bytes that are read",)


def test_packages_and_unowned_bytes_sum_to_all_bytes() -> None:
    links = [
        Entry(path="usr/bin/a", kind=EntryKind.FILE, size_bytes=40),
        Entry(path="usr/bin/b", kind=EntryKind.HARD_LINK, link_target="usr/bin/a"),
    ]
    status = b"Package: x\nStatus: install ok installed\nVersion: 1\n"
    listed = b"/usr/bin/a\n/usr/bin/b\n"
    root = rootfs({"var/lib/dpkg/status": status, "var/lib/dpkg/info/x.list": listed, "data": 1000}, links=links)
    packages = find_packages(root)
    assert [one.size_bytes for one in packages.packages] == [40]
    assert packages.unowned_bytes == 1000 + len(status) + len(listed)


def test_packages_of_later_layer_replace_earlier_packages() -> None:
    root = rootfs(
        {"var/lib/dpkg/status": b"Package: x\nStatus: install ok installed\nVersion: 1\n"},
        {"var/lib/dpkg/status": b"Package: x\nStatus: install ok installed\nVersion: 2\n"},
    )
    assert found(root) == {("deb", "x", "2"): 0}


def test_too_large_database_gives_note_and_is_not_read() -> None:
    root = rootfs({"var/lib/dpkg/status": 64 << 20}, mode=0o644)
    assert find_packages(root).notes == ("/var/lib/dpkg/status is larger than the 33554432 bytes that are read",)


def debian_of(packages: int, files: int) -> Rootfs:
    """An image like Debian's with `packages` packages of `files` files each."""
    tree: dict[str, bytes | int] = {}
    stanzas = []
    for package in range(packages):
        name = f"package{package}"
        stanzas.append(f"Package: {name}\nStatus: install ok installed\nVersion: {package}\n" + "Description: x\n" * 20)
        paths = [f"usr/lib/{name}/folder{file % 5}/file{file}" for file in range(files)]
        tree.update(dict.fromkeys(paths, 10))
        tree[f"var/lib/dpkg/info/{name}.list"] = "".join(f"/{path}\n" for path in paths).encode()
    tree["var/lib/dpkg/status"] = "\n".join(stanzas).encode()
    return rootfs(tree, mode=0o644)


def test_all_files_of_four_hundred_debian_packages_are_owned() -> None:
    found = find_packages(debian_of(400, 75))
    assert len(found.packages) == 400
    assert {one.size_bytes for one in found.packages} == {75 * 10}


def deb(name: str, version: str, size_bytes: int | None) -> Package:
    return Package(ecosystem=Ecosystem.DEB, name=name, version=version, size_bytes=size_bytes)


def rows(base: PackageSet, head: PackageSet) -> list[tuple[str, str | None, str | None, int | None]]:
    return [(row.name, row.base_version, row.head_version, row.delta_bytes) for row in diff_packages(base, head)]


def test_diff_packages_upgrade_is_one_row() -> None:
    base = PackageSet(packages=(deb("same", "1", 10), deb("tool", "1.0", 100)), unowned_bytes=5)
    head = PackageSet(packages=(deb("same", "1", 10), deb("tool", "1.1", 160)), unowned_bytes=5)
    assert rows(base, head) == [("tool", "1.0", "1.1", 60)]


def test_new_version_of_same_size_is_row_too() -> None:
    base, head = PackageSet(packages=(deb("tool", "1.0", 100),)), PackageSet(packages=(deb("tool", "1.1", 100),))
    assert rows(base, head) == [("tool", "1.0", "1.1", 0)]


def test_rows_add_up_to_difference_of_files_largest_first() -> None:
    base = PackageSet(packages=(deb("gone", "1", 70), deb("kept", "1", 10)), unowned_bytes=100)
    head = PackageSet(packages=(deb("kept", "1", 15), deb("new", "3", 20)), unowned_bytes=400)
    assert rows(base, head) == [
        ("not in any package", None, None, 300),
        ("gone", "1", None, -70),
        ("new", None, "3", 20),
        ("kept", "1", "1", 5),
    ]


def test_only_changed_version_of_several_is_row() -> None:
    base = PackageSet(packages=(deb("a", "1", 10), deb("a", "2", 20), deb("a", "2", 20)))
    head = PackageSet(packages=(deb("a", "3", 15), deb("a", "2", 20), deb("a", "2", 20)))
    assert rows(base, head) == [("a", "1", "3", 5)]


def test_module_without_bytes_has_unknown_change_not_zero() -> None:
    base, head = PackageSet(packages=(deb("m", "1", None),)), PackageSet(packages=(deb("m", "2", None),))
    assert rows(base, head) == [("m", "1", "2", None)]


def test_images_without_packages_have_no_rows() -> None:
    assert rows(PackageSet(unowned_bytes=5), PackageSet(unowned_bytes=9)) == []
