"""RPM packages from rpm's database in each of its three formats. A damaged database is a note, not an error."""

from __future__ import annotations

import gzip
import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.model import PackageSet
from weighbridge.domain.packages.rpm_stores import bdb_headers

DATA = Path(__file__).resolve().parents[3] / "data/packages"
SQLITE = gzip.decompress((DATA / "rpmdb.sqlite.gz").read_bytes())
BDB = gzip.decompress((DATA / "Packages.bdb.gz").read_bytes())
INT32, STRING, STRING_ARRAY = 4, 6, 8
FOLDERS = ["var/lib/rpm", "usr/lib/sysimage/rpm"]


def ndb_database() -> bytes:
    """The packages of the other database as rpm's rpmpkg.c stores them; no rpm with this backend was at hand."""
    slots, blobs, block = b"", b"", 4096 // 16
    for index, header in enumerate(bdb_headers(BDB), start=1):
        blob = struct.pack("<4sIII", b"BlbS", index, 0, len(header)) + header
        blob += bytes(-(len(blob) + 12) % 16) + struct.pack("<II4s", zlib.adler32(blob), len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", index, block + len(blobs) // 16, len(blob) // 16)
        slots += struct.pack("<4sIII", b"Slot", 0, 0, 0)  # of a package that was removed
        blobs += blob
    page = struct.pack("<4sIIII", b"RpmP", 0, 7, 1, 9).ljust(32, b"\0") + slots
    page += struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - len(page)) // 16)
    return page + blobs


NDB = ndb_database()
DATABASES = {"rpmdb.sqlite": SQLITE, "Packages": BDB, "Packages.db": NDB}


def changed(database: bytes, offset: int, data: bytes) -> bytes:
    return database[:offset] + data + database[offset + len(data) :]


def header(*tags: tuple[int, int, Sequence[str] | Sequence[int]]) -> bytes:
    """A header of tags: number, type and values (rpm's manual, "RPM V4 package format")."""
    index, data = b"", b""
    for tag, kind, values in tags:
        data += bytes(-len(data) % 4) if kind == INT32 else b""
        index += struct.pack(">iIiI", tag, kind, len(data), len(values))
        data += b"".join(struct.pack(">I", one) if isinstance(one, int) else one.encode() + b"\0" for one in values)
    return struct.pack(">II", len(tags), len(data)) + index + data


def named(name: str, *tags: tuple[int, int, Sequence[str] | Sequence[int]]) -> bytes:
    return header((1000, STRING, [name]), (1001, STRING, ["1"]), *tags)


def sqlite_of(*headers: bytes) -> bytes:
    rows = ", ".join(f"(x'{one.hex()}')" for one in headers)
    return sqlite_after("CREATE TABLE Packages (blob BLOB)", f"INSERT INTO Packages VALUES {rows}")


def sqlite_after(*statements: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    data: bytes = connection.serialize()
    connection.close()
    return data


def sizes(packages: PackageSet) -> dict[tuple[str, str | None], int | None]:
    found = {(one.name, one.version): one.size_bytes for one in packages.packages}
    assert len(found) == len(packages.packages)
    return found


@pytest.fixture
def read(images):
    """`read(files)`: the packages of an image with these files."""
    return lambda files: find_packages(images.rootfs(files))


MANY = {f"opt/many/a-file-with-a-long-name-{number}": b"22" for number in range(1, 901)}
INSTALLED: Mapping[str, bytes | str] = {
    "opt/scale/data": bytes(5000),
    "opt/scale/name": bytes(6),
    "usr/bin/scale": bytes(6),
    "opt/gate/data": bytes(300),
    **MANY,
}


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("rpmdb.sqlite", {("scale", "1:1.0-1"): 5012, ("gate", "1:2.5-1"): 300}),
        ("Packages", {("scale", "1:1.0-1"): 5012, ("gate", "1:2.5-1"): 300, ("many", "3-1"): 1800}),
        ("Packages.db", {("scale", "1:1.0-1"): 5012, ("gate", "1:2.5-1"): 300, ("many", "3-1"): 1800}),
    ],
)
def test_real_rpm_database_is_read(read, folder, form, expected):
    packages = read({f"{folder}/{form}": DATABASES[form], **INSTALLED})
    assert sizes(packages) == expected
    assert packages.notes == ()


def test_rpm_database_of_two_linked_folders_is_read_once(read):
    packages = read({"usr/lib/sysimage/rpm/rpmdb.sqlite": SQLITE, "var/lib/rpm": "../../usr/lib/sysimage/rpm"})
    assert sorted(one.name for one in packages.packages) == ["gate", "scale"]


def test_rpm_database_beside_older_formats_is_the_newest(read):
    packages = read({f"var/lib/rpm/{form}": data for form, data in DATABASES.items()})
    assert sorted(one.name for one in packages.packages) == ["gate", "scale"]


# --- headers ------------------------------------------------------------------------------------------------------


def test_rpm_package_without_epoch_has_version_and_release(read):
    database = sqlite_of(header((1000, STRING, ["bash"]), (1001, STRING, ["5.2"]), (1002, STRING, ["3.el9"])))
    assert sizes(read({"var/lib/rpm/rpmdb.sqlite": database})) == {("bash", "5.2-3.el9"): 0}


def test_rpm_public_key_and_header_without_name_are_no_packages(read):
    database = sqlite_of(named("gpg-pubkey"), header((1001, STRING, ["1"])), named("bash"))
    assert sizes(read({"var/lib/rpm/rpmdb.sqlite": database})) == {("bash", "1"): 0}


def test_rpm_file_of_unknown_folder_is_not_claimed(read):
    files = [(1117, STRING_ARRAY, ["a", "b"]), (1116, INT32, [0, 1]), (1118, STRING_ARRAY, ["/opt/"])]
    packages = read({"var/lib/rpm/rpmdb.sqlite": sqlite_of(named("x", *files)), "opt/a": b"12345", "opt/b": b"1"})
    assert sizes(packages) == {("x", "1"): 5}


def test_rpm_tag_of_wrong_type_or_second_copy_does_not_count(read):
    database = sqlite_of(named("x", (1000, STRING, ["second"]), (1003, STRING, ["7"])))
    assert sizes(read({"var/lib/rpm/rpmdb.sqlite": database})) == {("x", "1"): 0}


def test_rpm_dependencies_omit_conditions_on_rpm_and_rich_ones(read):
    wanted = ["libc.so.6()(64bit)", "rpmlib(PayloadIsZstd)", "(a or b)", "libc.so.6()(64bit)"]
    packages = read({"var/lib/rpm/rpmdb.sqlite": sqlite_of(named("x", (1049, STRING_ARRAY, wanted)))})
    assert packages.packages[0].links.requires == ("libc.so.6()(64bit)",)


# --- damage -------------------------------------------------------------------------------------------------------


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


POINTS_BEYOND = struct.pack(">II", 1, 4) + struct.pack(">iIiI", 1000, STRING, 99, 1) + b"abc\0"
TOO_MANY_NUMBERS = struct.pack(">II", 1, 4) + struct.pack(">iIiI", 1116, INT32, 0, 2) + b"abc\0"
VIEW = "CREATE VIEW Packages AS "
PAGE, VALUE = 4096, 4096 + 4069
"""In the database of Berkeley DB: the first page with items, and its value on overflow pages."""
OVERFLOW = int.from_bytes(BDB[VALUE + 4 : VALUE + 8], "little") * 4096


@pytest.mark.parametrize(
    ("form", "database", "why"),
    [
        pytest.param("rpmdb.sqlite", b"no database at all", "", id="sqlite text"),
        pytest.param("rpmdb.sqlite", SQLITE[:5000], "", id="sqlite cut"),
        pytest.param("rpmdb.sqlite", SQLITE[:100] + b"\xff" * 20_000, "", id="sqlite noise"),
        pytest.param("rpmdb.sqlite", sqlite_after("CREATE TABLE Other (blob BLOB)"), "no such table", id="no table"),
        pytest.param(
            "rpmdb.sqlite",
            sqlite_after(
                f"{VIEW} WITH RECURSIVE n(blob) AS (SELECT 1 UNION ALL SELECT blob FROM n) SELECT blob FROM n"
            ),
            "",
            id="endless view",
        ),
        pytest.param("rpmdb.sqlite", sqlite_after(f"{VIEW} SELECT zeroblob(900000000) AS blob"), "", id="large view"),
        pytest.param("rpmdb.sqlite", sqlite_of(bytes.fromhex("0000000100")), "cut short", id="header of 5 bytes"),
        pytest.param("rpmdb.sqlite", sqlite_of(b"\xff" * 8), "cut short", id="header with too many tags"),
        pytest.param("rpmdb.sqlite", sqlite_of(POINTS_BEYOND), "points beyond its end", id="text beyond header"),
        pytest.param("rpmdb.sqlite", sqlite_of(TOO_MANY_NUMBERS), "points beyond its end", id="numbers beyond header"),
        pytest.param("Packages", b"no database" * 100, "it is not a hash database", id="bdb text"),
        pytest.param("Packages", BDB[:500], "it is not a hash database", id="bdb cut in metadata"),
        pytest.param("Packages", changed(BDB, 20, words(3)), "its page size is invalid", id="bdb page size"),
        pytest.param("Packages", changed(BDB, PAGE + 20, b"\xff\xff"), "more items than fit", id="bdb item count"),
        pytest.param("Packages", changed(BDB, PAGE + 28, b"\0\0"), "an item is not within its page", id="bdb item"),
        pytest.param("Packages", changed(BDB, VALUE, b"\4"), "of an unsupported kind", id="bdb item of duplicates"),
        pytest.param("Packages", changed(BDB, VALUE + 4, words(0)), "are not a chain", id="bdb chain of page 0"),
        pytest.param("Packages", changed(BDB, VALUE + 4, words(9999)), "are not a chain", id="bdb chain past end"),
        pytest.param("Packages", changed(BDB, OVERFLOW + 25, b"\5"), "are not a chain", id="bdb page of other kind"),
        pytest.param("Packages", changed(BDB, OVERFLOW + 22, b"\0\0"), "are not a chain", id="bdb empty page"),
        pytest.param(
            "Packages", changed(BDB, VALUE + 8, words(2**30)), "are not a chain", id="bdb value longer than its chain"
        ),
        pytest.param("Packages.db", b"RpmP", "it is cut short", id="ndb without slots"),
        pytest.param("Packages.db", b"no database", "it is not an ndb database", id="ndb text"),
        pytest.param("Packages.db", changed(NDB, 4, words(1)), "of a supported version", id="ndb of later version"),
        pytest.param("Packages.db", NDB[:3000], "it is cut short", id="ndb cut"),
        pytest.param("Packages.db", changed(NDB, 32, b"slot"), "a slot is damaged", id="ndb slot"),
        pytest.param("Packages.db", NDB[:4100], "a package is not within the file", id="ndb package cut"),
        pytest.param("Packages.db", changed(NDB, 40, words(1)), "a package is not within the file", id="ndb in slots"),
        pytest.param("Packages.db", changed(NDB, 4096, b"Blob"), "a package is damaged", id="ndb package"),
        pytest.param("Packages.db", changed(NDB, 4100, words(9)), "a package is damaged", id="ndb other package"),
        pytest.param("Packages.db", changed(NDB, 4108, words(2**31)), "a package is damaged", id="ndb length"),
    ],
)
def test_damaged_rpm_database_is_note(read, form, database, why):
    packages = read({f"var/lib/rpm/{form}": database})
    assert packages.packages == ()
    (note,) = packages.notes
    assert note.startswith(f"the RPM database /var/lib/rpm/{form} is damaged: ")
    assert why in note


def test_empty_rpm_database_has_no_packages(read):
    packages = read({"var/lib/rpm/Packages": b""})
    assert (packages.packages, packages.notes) == ((), ())


def test_rpm_packages_before_damage_are_listed(read):
    packages = read({"var/lib/rpm/rpmdb.sqlite": sqlite_of(named("good"), b"bad")})
    assert [one.name for one in packages.packages] == ["good"]
    assert packages.notes == ("the RPM database /var/lib/rpm/rpmdb.sqlite is damaged: a header is cut short",)


@pytest.mark.parametrize(("limit", "value"), [("_MAX_ROWS", 1), ("_MAX_ROW_BYTES", len(named("one")))])
def test_rpm_database_of_too_many_rows_is_cut_with_note(read, monkeypatch, limit, value):
    monkeypatch.setattr(f"weighbridge.domain.packages.rpm.{limit}", value)
    packages = read({"var/lib/rpm/rpmdb.sqlite": sqlite_of(named("one"), named("two"))})
    assert [one.name for one in packages.packages] == ["one"]
    assert packages.notes == ("the RPM database /var/lib/rpm/rpmdb.sqlite is damaged: it has too many rows",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["Packages", "Packages.db"]), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6)
)
def test_database_with_random_changes_is_read_or_note(read, form, changes):
    database = bytearray(DATABASES[form])
    for place, value in changes:
        database[place % len(database)] = value
    packages = read({f"var/lib/rpm/{form}": bytes(database)})
    assert len(packages.packages) <= 3
    assert all("is damaged" in note for note in packages.notes)
