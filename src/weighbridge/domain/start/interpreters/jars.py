"""Reads the start information of a jar: its manifest and the names of its classes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

from weighbridge.domain.image.file_view import ZIP_ERRORS, FileView
from weighbridge.domain.image.rootfs import Node, Rootfs

MAX_MANIFEST_BYTES = 256 * 1024
MAX_JAR_ENTRIES = 200_000
_END_OF_DIRECTORY = b"PK\x05\x06"
_END_BYTES = 65_557
"""Maximum length of the end of a zip archive: its record and a comment of 65,535 bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JarReading:
    """The manifest's attributes that affect a start, and the names of all entries."""

    main_class: str | None
    premain_class: str | None
    class_path: str
    launcher_agent: bool
    has_manifest: bool
    names: frozenset[str]

    def has_class(self, name: str) -> bool:
        """True if the jar contains the class."""
        return f"{name.replace('.', '/')}.class" in self.names


def read_jar(rootfs: Rootfs, node: Node) -> JarReading | str:
    """A jar's manifest and names; or a text with the reason if it is unreadable (``no archive`` if certainly none)."""
    key = ("jar", node.diff_id, node.stored_path)
    known = rootfs.memo.get(key)
    if isinstance(known, JarReading | str):
        return known
    try:
        read = _read(rootfs, node)
    except ZIP_ERRORS as error:
        start = max(0, node.size_bytes - _END_BYTES)
        has_end = _END_OF_DIRECTORY in rootfs.read_at(node, start, _END_BYTES)
        read = f"it cannot be read: {type(error).__name__}" if has_end else "no archive"
    rootfs.memo[key] = read
    return read


def _read(rootfs: Rootfs, node: Node) -> JarReading | str:
    with zipfile.ZipFile(FileView.of(rootfs, node)) as jar:
        if len(jar.infolist()) > MAX_JAR_ENTRIES:
            return f"it has more than {MAX_JAR_ENTRIES} entries"
        names = frozenset(jar.namelist())
        manifest = next((name for name in names if name.upper() == "META-INF/MANIFEST.MF"), None)
        attributes = manifest_attributes(_entry(jar, manifest)) if manifest is not None else {}
    return JarReading(
        main_class=attributes.get("main-class") or None,
        premain_class=attributes.get("premain-class") or None,
        class_path=attributes.get("class-path", ""),
        launcher_agent="launcher-agent-class" in attributes,
        has_manifest=manifest is not None,
        names=names,
    )


def manifest_attributes(data: bytes) -> dict[str, str]:
    """The main attributes of a manifest, names in lower case. Lines that begin with a space continue the one before."""
    found: dict[str, str] = {}
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    for line in text.split("\n"):
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon:
            found[name.lower()] = value.strip()
    return found


def _entry(jar: zipfile.ZipFile, name: str) -> bytes:
    """The first bytes of an entry, at most the limit, regardless of the header."""
    with jar.open(name) as entry:
        return entry.read(MAX_MANIFEST_BYTES)
