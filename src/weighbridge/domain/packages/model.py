"""The model of a package, for all package managers."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field


class Ecosystem(enum.StrEnum):
    """The ecosystem of a package, with the names of the report."""

    DEB = "deb"
    APK = "apk"
    RPM = "rpm"
    PYTHON = "pip"
    NPM = "npm"
    GO = "go"
    JAR = "jar"
    CARGO = "cargo"
    GEM = "gem"
    COMPOSER = "composer"
    NUGET = "nuget"
    CONDA = "conda"
    OTHER = "other"
    """Not a package: the files outside of packages."""


DISTRIBUTIONS = frozenset({Ecosystem.DEB, Ecosystem.APK, Ecosystem.RPM})
"""The ecosystems of Linux distributions; the others are of languages."""

NOT_IN_ANY_PACKAGE = "not in any package"


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """The relations of a package to other packages, in the syntax of its ecosystem.

    `requires` are its dependencies (Debian alternatives joined by ``|``). `recommends` are dependencies that an
    installer adds by default. `provides` are further names of the package. `location` is its folder, ``""`` if it does
    not matter. `inside` is the index of the package whose file contains it.
    """

    requires: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    location: str = ""
    inside: int | None = None


NO_LINKS = Links()


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One installed package.

    `size_bytes` is the sum of its files in the image. A file of two packages counts for the first. It is ``None`` for a
    package without its own files: a module inside a Go binary. `version` is ``None`` if it is unknown.
    """

    ecosystem: Ecosystem
    name: str
    version: str | None
    size_bytes: int | None
    links: Links = field(default=NO_LINKS, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageSet:
    """All packages of an image.

    The packages' bytes and `unowned_bytes` (files outside of packages) are the bytes of all regular files of the final
    filesystem. `notes` name unreadable databases. `owners` has the index in `packages` for each file of `Rootfs.files`,
    in that order, or -1. `listed` are packages that only an attached SBOM has, without a size; ``None`` if there is no
    SBOM.
    """

    packages: tuple[Package, ...] = ()
    unowned_bytes: int = 0
    notes: tuple[str, ...] = ()
    owners: Sequence[int] = field(default=(), compare=False, repr=False)
    listed: tuple[Package, ...] | None = None
