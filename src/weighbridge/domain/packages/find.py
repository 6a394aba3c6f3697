"""Finds all packages of an image in the databases and metadata of its final filesystem."""

from __future__ import annotations

from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.packages import (
    apk,
    cargo,
    composer,
    conda,
    dpkg,
    gem,
    golang,
    jar,
    npm,
    nuget,
    python,
    rpm,
)
from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import PackageSet
from weighbridge.domain.packages.owners import PackageOwners

ECOSYSTEMS: tuple[PackageEcosystem, ...] = (
    dpkg.DEB,
    apk.APK,
    rpm.RPM,
    conda.CONDA,
    python.PYTHON,
    npm.NPM,
    gem.GEM,
    composer.COMPOSER,
    nuget.NUGET,
    jar.JAR,
    golang.GO,
    cargo.CARGO,
)
"""The order of precedence: a file of a distribution's package never belongs to a language's package too."""


def find_packages(rootfs: Rootfs) -> PackageSet:
    """The packages of an image. Each file belongs to one package at most.

    An unreadable database is a note. Never raises an error for the content of an image.
    """
    owners = PackageOwners(rootfs)
    for ecosystem in ECOSYSTEMS:
        ecosystem.find(owners)
    return owners.package_set()
