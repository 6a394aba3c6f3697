"""Packages are found in the final filesystem, and each file counts for one of them at the most."""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.packages.diff import diff_packages
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.model import Ecosystem, Package, PackageSet
from weighbridge.domain.packages.rpm_stores import bdb_headers

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


# --- Alpine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["lib/apk/db", "usr/lib/apk/db"])
def test_alpine_packages_have_files_of_their_folders(folder: str) -> None:
    musl = b"C:Q1x\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1\nF:\nR:top\n\n"
    database = musl + b"P:busybox\nV:1.36\nF:bin\nR:busybox\n\n"
    root = rootfs({f"{folder}/installed": database, "lib/ld-musl-x86_64.so.1": 600, "top": 5, "bin/busybox": 800})
    assert found(root) == {("apk", "musl", "1.2.5-r0"): 605, ("apk", "busybox", "1.36"): 800}


# --- RPM ----------------------------------------------------------------------------------------------------------


def rpm_database() -> bytes:
    return gzip.decompress((DATA / "rpmdb.sqlite.gz").read_bytes())


@pytest.mark.parametrize("folder", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_real_rpm_database_is_read(folder: str) -> None:
    root = rootfs(
        {
            f"{folder}/rpmdb.sqlite": rpm_database(),
            "opt/scale/data": 5000,
            "opt/scale/name": 6,
            "usr/bin/scale": 6,
            "opt/gate/data": 300,
        }
    )
    assert found(root) == {("rpm", "scale", "1:1.0-1"): 5012, ("rpm", "gate", "1:2.5-1"): 300}
    assert find_packages(root).notes == ()


def bdb_database() -> bytes:
    return gzip.decompress((DATA / "Packages.bdb.gz").read_bytes())


def ndb_database() -> bytes:
    """The packages of the other database as rpm's rpmpkg.c stores them; no rpm with this backend was at hand."""
    slots, blobs, block = b"", b"", 4096 // 16
    for index, header in enumerate(bdb_headers(bdb_database()), start=1):
        blob = struct.pack("<4sIII", b"BlbS", index, 0, len(header)) + header
        blob += bytes(-(len(blob) + 12) % 16) + struct.pack("<II4s", zlib.adler32(blob), len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", index, block + len(blobs) // 16, len(blob) // 16)
        slots += struct.pack("<4sIII", b"Slot", 0, 0, 0)  # of a package that was removed
        blobs += blob
    page = struct.pack("<4sIIII", b"RpmP", 0, 7, 1, 9).ljust(32, b"\0") + slots
    page += struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - len(page)) // 16)
    return page + blobs


@pytest.mark.parametrize("form", ["Packages", "Packages.db"])
@pytest.mark.parametrize("folder", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_database_in_older_format_is_read(form: str, folder: str) -> None:
    database = bdb_database() if form == "Packages" else ndb_database()
    many = {f"opt/many/a-file-with-a-long-name-{number}": 2 for number in range(1, 901)}
    root = rootfs({f"{folder}/{form}": database, "opt/scale/data": 5000, "opt/gate/data": 300, **many})
    assert found(root) == {
        ("rpm", "scale", "1:1.0-1"): 5000,
        ("rpm", "gate", "1:2.5-1"): 300,
        ("rpm", "many", "3-1"): 1800,
    }
    assert find_packages(root).notes == ()


@given(
    st.sampled_from(["Packages", "Packages.db"]), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6)
)
def test_damaged_database_in_older_format_is_read_or_note(form: str, changes: list[tuple[int, int]]) -> None:
    database = bytearray(bdb_database() if form == "Packages" else ndb_database())
    for place, value in changes:
        database[place % len(database)] = value
    packages = find_packages(rootfs({f"var/lib/rpm/{form}": bytes(database)}))
    assert len(packages.packages) <= 3
    assert all("is damaged" in note for note in packages.notes)


@pytest.mark.parametrize(
    ("form", "database", "why"),
    [
        ("Packages", b"", None),
        ("Packages", b"no database" * 100, "it is not a hash database"),
        ("Packages", bdb_database()[:20] + b"\3\0\0\0" + bdb_database()[24:], "its page size is invalid"),
        ("Packages.db", b"RpmP", "a slot is damaged"),
        ("Packages.db", b"no database", "it is not an ndb database"),
        ("Packages.db", ndb_database()[:3000], "it is cut short"),
        ("Packages.db", ndb_database()[:5000], "a package is not within the file"),
    ],
)
def test_rpm_database_invalid_is_note(form: str, database: bytes, why: str | None) -> None:
    packages = find_packages(rootfs({f"var/lib/rpm/{form}": database}))
    assert packages.packages == ()
    for note in packages.notes:
        assert why
        assert why in note


def database_of(*statements: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    data: bytes = connection.serialize()
    connection.close()
    return data


@pytest.mark.parametrize(
    "database",
    [
        b"no database at all",
        rpm_database()[:5000],
        rpm_database()[:100] + b"\xff" * 20_000,
        database_of("CREATE TABLE Other (blob BLOB)"),
        database_of(
            "CREATE VIEW Packages AS"
            " WITH RECURSIVE n(blob) AS (SELECT 1 UNION ALL SELECT blob FROM n) SELECT blob FROM n"
        ),
        database_of("CREATE VIEW Packages AS SELECT zeroblob(900000000) AS blob"),
        database_of("CREATE TABLE Packages (blob BLOB)", "INSERT INTO Packages VALUES (x'0000000100')"),
        database_of("CREATE TABLE Packages (blob BLOB)", "INSERT INTO Packages VALUES (x'ffffffffffffffff')"),
    ],
    ids=["text", "cut", "noise", "no table", "endless view", "large view", "short header", "lying header"],
)
def test_hostile_rpm_database_is_note(database: bytes) -> None:
    packages = find_packages(rootfs({"var/lib/rpm/rpmdb.sqlite": database}))
    assert packages.packages == ()
    assert len(packages.notes) == 1
    assert packages.notes[0].startswith("the RPM database /var/lib/rpm/rpmdb.sqlite is damaged: ")


def test_header_with_offset_past_end_gives_note() -> None:
    header = struct.pack(">II", 1, 4) + struct.pack(">iIiI", 1000, 6, 99, 1) + b"abc\0"
    database = database_of("CREATE TABLE Packages (blob BLOB)", f"INSERT INTO Packages VALUES (x'{header.hex()}')")
    packages = find_packages(rootfs({"var/lib/rpm/rpmdb.sqlite": database}))
    assert packages.notes == ("the RPM database /var/lib/rpm/rpmdb.sqlite is damaged: a header points beyond its end",)


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


# --- all of them --------------------------------------------------------------------------------------------------


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
