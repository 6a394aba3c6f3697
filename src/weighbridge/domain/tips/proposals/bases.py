"""Base images for final stages, with facts about each, so that none is downloaded. Data, not code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.lines import lines_of

_MAX_RELEASE_BYTES = 64 * 1024
_GLIBC_ALONE = frozenset({"libc.so.6", "libm.so.6", "libpthread.so.0", "libresolv.so.2"})
_GLIBC = _GLIBC_ALONE | {"libdl.so.2", "librt.so.1", "libutil.so.1", "libanl.so.1"}
_COMPILERS_LIBRARIES = frozenset({"libgcc_s.so.1", "libstdc++.so.6"})
_ESSENTIAL = _COMPILERS_LIBRARIES | {
    *("libacl.so.1", "libattr.so.1", "libbz2.so.1.0", "libcrypt.so.1", "liblzma.so.5", "libselinux.so.1"),
    *("libtinfo.so.6", "libuuid.so.1", "libz.so.1", "libzstd.so.1"),
}
"""Libraries of every Debian and Ubuntu image: its essential packages and apt depend on them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """One base image. `libraries` are the sonames it provides. `packages`: a package manager can add more.

    `libc` is ``glibc``, ``musl``, or empty for none. `users` are its accounts besides root.
    """

    reference: str
    libc: str = ""
    libraries: frozenset[str] = frozenset()
    has_shell: bool = False
    has_certificates: bool = False
    has_zones: bool = False
    packages: bool = False
    users: frozenset[str] = frozenset()

    @property
    def is_scratch(self) -> bool:
        """True for ``scratch``."""
        return self.reference == "scratch"


SCRATCH = Base(reference="scratch")
BUSYBOX_GLIBC = Base(reference="busybox:glibc", libc="glibc", libraries=_GLIBC_ALONE, has_shell=True)
ALPINE = Base(reference="alpine:3", libc="musl", has_shell=True, has_certificates=True)
DISTROLESS_STATIC = Base(
    reference="gcr.io/distroless/static-debian12",
    has_certificates=True,
    has_zones=True,
    users=frozenset({"nobody", "nonroot"}),
)
DISTROLESS_BASE = Base(
    reference="gcr.io/distroless/base-debian12",
    libc="glibc",
    libraries=_GLIBC | {"libssl.so.3", "libcrypto.so.3"},
    has_certificates=True,
    has_zones=True,
    users=frozenset({"nobody", "nonroot"}),
)
DISTROLESS_CC = Base(
    reference="gcr.io/distroless/cc-debian12",
    libc="glibc",
    libraries=DISTROLESS_BASE.libraries | _COMPILERS_LIBRARIES | {"libgomp.so.1"},
    has_certificates=True,
    has_zones=True,
    users=frozenset({"nobody", "nonroot"}),
)


def release_of(rootfs: Rootfs) -> dict[str, str]:
    """``/etc/os-release`` (os-release(5)) as names and values; empty if it is missing."""
    node = rootfs.lookup("/etc/os-release")
    if not isinstance(node, Node) or not node.is_file:
        return {}
    text = rootfs.read(node, limit_bytes=_MAX_RELEASE_BYTES).decode("utf-8", "replace")
    pairs = (line.partition("=") for line in lines_of(text) if "=" in line)
    return {name: value.strip("\"' ") for name, _, value in pairs}


def slim_of(release: dict[str, str]) -> Base | None:
    """The small image of the same distribution, which has the same C library."""
    name, version, codename = (release.get(key, "") for key in ("ID", "VERSION_ID", "VERSION_CODENAME"))
    if not all(re.fullmatch(r"[a-z0-9.-]{0,40}", one) for one in (name, version, codename)):
        return None
    reference = {
        "debian": f"debian:{codename}-slim" if codename else "",
        "ubuntu": f"ubuntu:{version}" if version else "",
    }.get(name)
    if not reference:
        return None
    return Base(
        reference=reference,
        libc="glibc",
        libraries=_GLIBC | _ESSENTIAL,
        has_shell=True,
        has_zones=False,
        packages=True,
        users=frozenset({"nobody", "www-data", "daemon", "mail", "games"}),
    )


_JDK = (
    (
        re.compile(r"((?:.*/)?eclipse-temurin:\d+[\d._+]*)(?:-jdk)?((?:-(?:jammy|noble|focal|alpine|ubi\S*))?)"),
        r"\1-jre\2",
    ),
    (re.compile(r"maven:\S*eclipse-temurin-(\d+)(-alpine)?\S*"), r"eclipse-temurin:\1-jre\2"),
    (re.compile(r"gradle:\S*jdk-?(\d+)\S*"), r"eclipse-temurin:\1-jre"),
    (re.compile(r"((?:.*/)?bellsoft/liberica-openjdk-\w+|azul/zulu-openjdk(?:-\w+)?):(\d+)"), r"\1:\2-jre"),
)
"""Images with a JDK, and their variants with the Java runtime only."""

_HUB = r"(?:docker\.io/)?(?:library/)?"
_RELEASE = r"-(?:bookworm|trixie|bullseye)"
_SLIM = (
    (re.compile(rf"({_HUB}(?:python|ruby|perl|openjdk):[\w.]+)((?:{_RELEASE})?)"), r"\1-slim\2"),
    (re.compile(rf"({_HUB}node:[\w.]+(?:{_RELEASE})?)"), r"\1-slim"),
    (re.compile(rf"({_HUB}debian:(?:[a-z]+(?<!latest)|\d+(?:\.\d+)?)(?:-\d{{8}})?)"), r"\1-slim"),
)
"""Official images with a variant without documentation, compilers and headers."""


def runtime_of(reference: str) -> str | None:
    """The runtime image for a JDK image; ``None`` if none is known, or if `reference` is a runtime image."""
    if "-jre" in reference:
        return None
    for pattern, replacement in _JDK:
        match = pattern.fullmatch(reference)
        if match is not None:
            return match.expand(replacement)
    return None


def slim_variant(reference: str) -> str | None:
    """The ``-slim`` variant of an official image; ``None`` if none is known, or if `reference` is one."""
    for pattern, replacement in _SLIM:
        match = pattern.fullmatch(reference)
        if match is not None and not reference.endswith(":latest"):
            return match.expand(replacement)
    return None
