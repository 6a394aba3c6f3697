"""What a package is, whatever installed it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field


class Ecosystem(enum.StrEnum):
    """Whose package it is; the names are those of the report."""

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
    """Not a package: the files that none claims."""


NOT_IN_ANY_PACKAGE = "not in any package"


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """What a package says of other packages, in the words of its ecosystem.

    `requires` are its dependencies as it lists them (Debian alternatives joined by ``|``), `recommends` those that an
    installer adds unless it is told not to. `provides` are further names of the package. `location` is the folder that
    it was found in, ``""`` where that decides nothing. `inside` is the index of the package whose file holds it.
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

    `size_bytes` is the sum of its files that really are in the image, a file that two packages name counted for the
    first. It is ``None`` where the package has no files of its own to count: a module inside a Go binary. `version` is
    ``None`` where nothing says it.
    """

    ecosystem: Ecosystem
    name: str
    version: str | None
    size_bytes: int | None
    links: Links = field(default=NO_LINKS, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageSet:
    """All packages of an image.

    The packages' bytes and `unowned_bytes`, what is in no package, make up the bytes of all regular files of the final
    filesystem. `notes` says what could not be read, in words. `owners` gives for each file of `Rootfs.files`, in that
    order, the index of its package in `packages`, or -1.
    """

    packages: tuple[Package, ...] = ()
    unowned_bytes: int = 0
    notes: tuple[str, ...] = ()
    owners: Sequence[int] = field(default=(), compare=False, repr=False)
