"""Java archives, and the libraries inside a Spring Boot or web archive.

Sources: the jar file specification (``Implementation-Version``), Maven's ``pom.properties``, and the
zip format. A jar whose name ends in its version is not opened.
"""

from __future__ import annotations

import posixpath
import re
import zipfile

from weighbridge.domain.image.file_view import ZIP_ERRORS, FileView
from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners
from weighbridge.errors import ImageError

_ENDINGS = (".jar", ".war", ".ear")
_NAMED = re.compile(r"(.{1,200}?)-(\d[\w.+-]{0,100})\Z")
_INNER = re.compile(r"(?:BOOT-INF/lib|WEB-INF/lib|lib|APP-INF/lib)/([^/]{1,255})\.jar\Z")
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties\Z")
_MANIFEST_VERSION = re.compile(r"^(Implementation-Version|Bundle-Version):[ \t]*([^\r\n]*)", re.MULTILINE)
_PROPERTY = re.compile(r"^(artifactId|version)[ \t]*[=:][ \t]*([^\r\n]*)", re.MULTILINE)
_MAX_JARS = 5_000
_MAX_OPENED = 200
_MAX_DIRECTORY_BYTES = 8 * 1024 * 1024
_MAX_ENTRY_BYTES = 64 * 1024
_OPEN_FROM_BYTES = 1_000_000
"""Minimum size to open a jar with a version in its name: it may be an application with libraries inside."""


def find_jars(owners: PackageOwners) -> None:
    """Add the Java archives that no package owns, and the libraries inside them."""
    found = {
        number: posixpath.basename(path)
        for path, number in owners.files_ending(_ENDINGS)
        if owners.owner(number) is None
    }
    opened = 0
    ordered = sorted(found, key=lambda number: (-owners.size_bytes(number), number))
    for number in ordered[:_MAX_JARS]:
        if owners.is_full:
            break
        node = owners.node(number)
        stem = posixpath.splitext(found[number])[0]
        named = _NAMED.match(stem)
        if named is not None and node.size_bytes < _OPEN_FROM_BYTES:
            owners.claim_file(owners.add_package(Ecosystem.JAR, named[1], named[2]), number)
            continue
        opened += 1
        if opened > _MAX_OPENED:
            owners.note(f"only {_MAX_OPENED} of the Java archives were opened")
        _add(owners, number, stem, may_open=opened <= _MAX_OPENED)


def _add(owners: PackageOwners, number: int, stem: str, *, may_open: bool) -> None:
    node = owners.node(number)
    named = _NAMED.match(stem)
    name, version = (named[1], named[2]) if named else (stem, None)
    inner: list[tuple[str, str | None, int]] = []
    if may_open:
        try:
            view = FileView.of(owners.rootfs, node, maximum_read_bytes=_MAX_DIRECTORY_BYTES)
            with zipfile.ZipFile(view) as archive:
                inner = _libraries(archive, node.size_bytes)
                if version is None:
                    name, version = _described(archive, name)
        except (*ZIP_ERRORS, ImageError):
            inner = []
    package_id = owners.add_package(Ecosystem.JAR, name, version)
    owners.claim_file(package_id, number, size_bytes=node.size_bytes - sum(size for _, _, size in inner))
    for inner_name, inner_version, size_bytes in inner:
        inside = Links(inside=package_id)
        owners.add_bytes(owners.add_package(Ecosystem.JAR, inner_name, inner_version, links=inside), size_bytes)


def _libraries(archive: zipfile.ZipFile, archive_bytes: int) -> list[tuple[str, str | None, int]]:
    """The inner jars with their bytes in the archive; empty if the archive's sizes contradict each other."""
    inner: list[tuple[str, str | None, int]] = []
    for entry in archive.infolist():
        match = _INNER.match(entry.filename)
        if match is not None:
            named = _NAMED.match(match[1])
            inner.append((named[1] if named else match[1], named[2] if named else None, entry.compress_size))
    return inner if len(inner) <= _MAX_JARS and sum(size for _, _, size in inner) <= archive_bytes else []


def _described(archive: zipfile.ZipFile, name: str) -> tuple[str, str | None]:
    """Name and version from the only ``pom.properties``, otherwise from the manifest."""
    poms = [entry for entry in archive.namelist() if _POM.match(entry)]
    if len(poms) == 1:
        found = dict(_PROPERTY.findall(_text(archive, poms[0])))
        if found.get("artifactId") and found.get("version"):
            return found["artifactId"], found["version"]
    if "META-INF/MANIFEST.MF" in archive.NameToInfo:
        found = dict(_MANIFEST_VERSION.findall(_text(archive, "META-INF/MANIFEST.MF")))
        version = found.get("Implementation-Version") or found.get("Bundle-Version")
        return name, version.strip() if version else None
    return name, None


def _text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as entry:
        return entry.read(_MAX_ENTRY_BYTES).decode("utf-8", "replace")


JAR = PackageEcosystem(
    name=Ecosystem.JAR,
    find=find_jars,
    url_type="maven",
)
