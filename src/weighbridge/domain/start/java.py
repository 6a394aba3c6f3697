"""Compares the Java release that a jar needs with the release in the image.

Sources: JVM specification 4.1 (class file format: major version 44 + release), the JDK's ``release`` file, the jar
file specification (``Main-Class``, ``Multi-Release``).
"""

from __future__ import annotations

import posixpath
import re
import zipfile

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.file_view import ZIP_ERRORS, FileView
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.attempt import Process, Program

_MAX_MANIFEST_BYTES = 256 * 1024
_MAX_CLASS_BYTES = 16 * 1024 * 1024
_MAX_JAR_ENTRIES = 200_000
_PREVIEW = 0xFFFF
_WITH_VALUE = frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens"})
_RELEASE = re.compile(r'^JAVA_VERSION="?(?:1\.)?([0-9]{1,3})', re.MULTILINE)


def check_java_release(process: Process, program: Program) -> Finding | None:
    """``java-class-version``: the started jar's main class needs a newer Java than the image has."""
    if posixpath.basename(program.path) != "java":
        return None
    jar = _jar_of(program.argv)
    release = _release_of(process.rootfs, program.path)
    if jar is None or release is None:
        return None
    node = process.rootfs.lookup(jar, cwd=program.cwd)
    if not isinstance(node, Node) or not node.is_file:
        return None
    try:
        found = _main_class_version(process.rootfs, node)
    except ZIP_ERRORS:
        return None
    if found is None:
        return None
    name, major, minor = found
    highest = 44 + release
    if major <= highest or minor == _PREVIEW:
        return None
    return Finding(
        code=CheckCode.JAVA_CLASS_VERSION,
        severity=Severity.ERROR,
        subject=Subject.ENTRYPOINT,
        path=node.path,
        predicts=(
            f"java.lang.UnsupportedClassVersionError: {name} has been compiled by a more recent version of the Java "
            f"Runtime (class file version {major}.{minor}), this version of the Java Runtime only recognizes class "
            f"file versions up to {highest}.0"
        ),
        evidence=(
            f"{node.path}: {name} is compiled for Java {major - 44}",
            f"{program.path} is Java {release}",
        ),
        fix=f"Run it on Java {major - 44} or later, or compile it with --release {release}.",
    )


def _jar_of(argv: tuple[str, ...]) -> str | None:
    """The argument of ``-jar``; None if the class comes from a class path."""
    words = list(argv[1:])
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "-jar":
            return words[0] if words else None
        if word in _WITH_VALUE and words:
            words.pop(0)
    return None


def _release_of(rootfs: Rootfs, java: str) -> int | None:
    node = rootfs.lookup(posixpath.join(posixpath.dirname(posixpath.dirname(java)), "release"))
    if not isinstance(node, Node):
        return None
    match = _RELEASE.search(rootfs.read(node, limit_bytes=_MAX_MANIFEST_BYTES).decode("utf-8", "replace"))
    return int(match.group(1)) if match else None


def _main_class_version(rootfs: Rootfs, node: Node) -> tuple[str, int, int] | None:
    """Name and class file version of the newest class that ``java -jar`` starts with."""
    with zipfile.ZipFile(FileView.of(rootfs, node)) as jar:
        if len(jar.infolist()) > _MAX_JAR_ENTRIES:
            return None
        manifest = _entry(jar, "META-INF/MANIFEST.MF", _MAX_MANIFEST_BYTES).decode("utf-8", "replace")
        names = {}
        for line in manifest.replace("\r\n", "\n").replace("\n ", "").split("\n"):
            key, _, value = line.partition(": ")
            names[key.lower()] = value.strip()
        found = None
        for key, prefix in (("main-class", ""), ("start-class", "BOOT-INF/classes/")):
            name = names.get(key, "").replace(".", "/")
            if not name:
                continue
            try:
                head = _entry(jar, f"{prefix}{name}.class", _MAX_CLASS_BYTES)[:8]
            except KeyError:
                continue
            if head[:4] != b"\xca\xfe\xba\xbe" or len(head) < 8:
                continue
            version = (name, int.from_bytes(head[6:8], "big"), int.from_bytes(head[4:6], "big"))
            if found is None or version[1] > found[1]:
                found = version
        return found


def _entry(jar: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    """The first bytes of an entry, at most `limit_bytes`, regardless of the header."""
    with jar.open(name) as entry:
        return entry.read(limit_bytes)
