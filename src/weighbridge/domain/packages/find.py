"""Finds all packages of an image in the databases and metadata of its final filesystem."""

from __future__ import annotations

from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.packages.apk import find_apk_packages
from weighbridge.domain.packages.cargo import find_rust_programs
from weighbridge.domain.packages.composer import find_composer_packages
from weighbridge.domain.packages.conda import find_conda_packages
from weighbridge.domain.packages.dpkg import find_deb_packages
from weighbridge.domain.packages.gem import find_gems
from weighbridge.domain.packages.golang import find_go_programs
from weighbridge.domain.packages.jar import find_jars
from weighbridge.domain.packages.model import PackageSet
from weighbridge.domain.packages.npm import find_npm_packages
from weighbridge.domain.packages.nuget import find_nuget_packages
from weighbridge.domain.packages.owners import PackageOwners
from weighbridge.domain.packages.python import find_python_packages
from weighbridge.domain.packages.rpm import find_rpm_packages

_FINDERS = (
    find_deb_packages,
    find_apk_packages,
    find_rpm_packages,
    find_conda_packages,
    find_python_packages,
    find_npm_packages,
    find_gems,
    find_composer_packages,
    find_nuget_packages,
    find_jars,
    find_go_programs,
    find_rust_programs,
)
"""The order of precedence: a file of a distribution's package never belongs to a language's package too."""


def find_packages(rootfs: Rootfs) -> PackageSet:
    """The packages of an image. Each file belongs to one package at most.

    An unreadable database is a note. Never raises an error for the content of an image.
    """
    owners = PackageOwners(rootfs)
    for find in _FINDERS:
        find(owners)
    return owners.package_set()
