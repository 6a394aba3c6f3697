"""Adds packages from an attached SBOM to those of the package databases.

The databases have precedence, because they come with the files. An SBOM only adds packages that they
lack, without a size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.packages.model import Ecosystem, Package, PackageSet


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedPackage:
    """A package as an SBOM lists it."""

    ecosystem: Ecosystem
    name: str
    version: str | None


def with_listed_packages(found: PackageSet, listed: Sequence[ListedPackage] | None) -> PackageSet:
    """`found` with the packages of an SBOM that no database has; `listed` is ``None`` without an SBOM."""
    if listed is None:
        return found
    known = {_key(one.ecosystem, one.name) for one in found.packages}
    added = dict.fromkeys(one for one in listed if _key(one.ecosystem, one.name) not in known)
    return replace(
        found,
        listed=tuple(
            Package(ecosystem=one.ecosystem, name=one.name, version=one.version, size_bytes=None) for one in added
        ),
    )


def comparable_packages(base: PackageSet | None, head: PackageSet | None) -> tuple[PackageSet, PackageSet]:
    """Both sides without listed packages if only one of them has an SBOM.

    The packages of that SBOM would all count as added or removed.
    """
    if base is not None and head is not None and (base.listed is None) != (head.listed is None):
        base, head = replace(base, listed=None), replace(head, listed=None)
    return base or PackageSet(), head or PackageSet()


def listed_keys(sets: Iterable[PackageSet]) -> frozenset[tuple[Ecosystem, str]]:
    """Ecosystem and name of all packages that only an SBOM lists."""
    return frozenset((one.ecosystem, one.name) for packages in sets for one in packages.listed or ())


def _key(ecosystem: Ecosystem, name: str) -> tuple[Ecosystem, str]:
    """Names differ in case and separators between the databases and the SBOM tools, above all for Python."""
    return ecosystem, re.sub(r"[-_.]+", "-", name).lower()
