"""RPM packages, from rpm's database: in SQLite, ndb or Berkeley DB.

Sources: rpm's manual ("RPM V4 package format": an index of 16-byte entries, then the data, all big-endian) and its
tags. The database has such a header per package, without the leading magic; in SQLite in the table ``Packages``.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners
from weighbridge.domain.packages.rpm_stores import bdb_headers, ndb_headers

_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_MAX_BYTES = 64 * 1024 * 1024
_MAX_ROWS = 50_000
_MAX_ROW_BYTES = 256 * 1024 * 1024
_MAX_STEPS = 5_000
"""Maximum calls of the progress handler, one per `_STEP` instructions of SQLite's machine: a few seconds."""
_STEP = 100_000
_MAX_TAGS = 65_536

_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_DIRINDEXES, _BASENAMES, _DIRNAMES = 1116, 1117, 1118
_REQUIRENAME, _PROVIDENAME, _RECOMMENDNAME = 1049, 1047, 5046
_INT32, _STRING, _STRING_ARRAY = 4, 6, 8
_TYPES = {
    _NAME: _STRING,
    _VERSION: _STRING,
    _RELEASE: _STRING,
    _EPOCH: _INT32,
    _DIRINDEXES: _INT32,
    _BASENAMES: _STRING_ARRAY,
    _DIRNAMES: _STRING_ARRAY,
    _REQUIRENAME: _STRING_ARRAY,
    _PROVIDENAME: _STRING_ARRAY,
    _RECOMMENDNAME: _STRING_ARRAY,
}


def find_rpm_packages(owners: PackageOwners) -> None:
    """Add all RPM packages with their files. Of several databases in one folder, the newest format counts."""
    seen: set[int] = set()
    for folder in _FOLDERS:
        names = owners.names(folder)
        for name, headers in _FORMATS.items():
            if name in names:
                if names[name] not in seen:
                    seen.add(names[name])
                    _read_database(owners, names[name], headers)
                break


def _read_database(owners: PackageOwners, number: int, headers: Callable[[bytes], Iterator[bytes]]) -> None:
    node = owners.node(number)
    content = owners.read(node, limit_bytes=_MAX_BYTES)
    if not content:
        return
    try:
        for blob in _bounded(headers(content)):
            if owners.is_full:
                break
            _add(owners, _tags(blob))
    except (sqlite3.Error, ValueError) as error:
        owners.note(f"the RPM database {node.path} is damaged: {error}")


def _bounded(headers: Iterator[bytes]) -> Iterator[bytes]:
    total_bytes = 0
    for count, blob in enumerate(headers):
        total_bytes += len(blob)
        if count >= _MAX_ROWS or total_bytes > _MAX_ROW_BYTES:
            raise ValueError("it has too many rows")
        yield blob


def _sqlite_headers(content: bytes) -> Iterator[bytes]:
    """The package headers in a hostile SQLite database. Only one plain table may be used."""
    # A database in memory has no write-ahead log. rpm enables one in the file's header (bytes 18 and 19), and leaves it
    # empty when it closes the database.
    data = bytearray(content)
    data[18:20] = b"\x01\x01"
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(bytes(data))
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.set_authorizer(_may)
        connection.set_progress_handler(_Patience(), _STEP)
        for (blob,) in connection.execute("SELECT blob FROM Packages"):
            yield blob if isinstance(blob, bytes) else b""
    finally:
        connection.close()


_FORMATS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "rpmdb.sqlite": _sqlite_headers,
    "Packages.db": ndb_headers,
    "Packages": bdb_headers,
}
"""By file name, the newest first."""


class _Patience:
    """A progress handler that ends slow queries."""

    def __init__(self) -> None:
        self._steps = 0

    def __call__(self) -> int:
        self._steps += 1
        return int(self._steps > _MAX_STEPS)


def _may(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    """SQLite's authorizer: allows reading the table, but no views, triggers, functions or recursion."""
    del second, database
    if inner is None and (
        action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and first in {"Packages", "sqlite_master"})
    ):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _tags(blob: bytes) -> Mapping[int, tuple[str, ...] | tuple[int, ...]]:
    """The needed tags of a header."""
    if len(blob) < 8:
        raise ValueError("a header is cut short")
    count, data_bytes = struct.unpack_from(">II", blob)
    start = 8 + 16 * count
    if not 0 < count <= _MAX_TAGS or len(blob) < start + data_bytes:
        raise ValueError("a header is cut short")
    found: dict[int, tuple[str, ...] | tuple[int, ...]] = {}
    for tag, type_, offset, values in struct.iter_unpack(">iIiI", blob[8:start]):
        if _TYPES.get(tag) != type_ or tag in found:
            continue
        if not 0 <= offset <= data_bytes or values > data_bytes:
            raise ValueError("a header points beyond its end")
        if type_ == _INT32:
            if offset + 4 * values > data_bytes:
                raise ValueError("a header points beyond its end")
            found[tag] = struct.unpack_from(f">{values}I", blob, start + offset)
        else:
            wanted = 1 if type_ == _STRING else values
            texts = blob[start + offset : start + data_bytes].split(b"\0", wanted)[:wanted]
            found[tag] = tuple(text.decode("utf-8", "surrogateescape") for text in texts)
    return found


def _add(owners: PackageOwners, tags: Mapping[int, tuple[str, ...] | tuple[int, ...]]) -> None:
    name, version, release = (str((tags.get(tag) or ("",))[0]) for tag in (_NAME, _VERSION, _RELEASE))
    if not name or name == "gpg-pubkey":
        return
    epoch = (tags.get(_EPOCH) or (0,))[0]
    full = "-".join(part for part in (version, release) if part)
    links = Links(
        requires=_names(tags, _REQUIRENAME),
        recommends=_names(tags, _RECOMMENDNAME),
        provides=_names(tags, _PROVIDENAME),
    )
    package_id = owners.add_package(Ecosystem.RPM, name, (f"{epoch}:{full}" if epoch else full) or None, links=links)
    folders = tags.get(_DIRNAMES, ())
    for base, index in zip(tags.get(_BASENAMES, ()), tags.get(_DIRINDEXES, ()), strict=False):
        if isinstance(index, int) and index < len(folders):
            owners.claim(package_id, f"{folders[index]}{base}")


def _names(tags: Mapping[int, tuple[str, ...] | tuple[int, ...]], tag: int) -> tuple[str, ...]:
    """The unique names of a list of dependencies. Omits conditions on rpm itself and rich dependencies."""
    names = (str(name) for name in tags.get(tag, ()))
    return tuple(dict.fromkeys(name for name in names if not name.startswith(("rpmlib(", "("))))


RPM = PackageEcosystem(
    name=Ecosystem.RPM,
    find=find_rpm_packages,
    url_type="rpm",
)
