"""Compares the packages of two images: one row per package, with its old and new version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from weighbridge.domain.packages.listed import listed_keys
from weighbridge.domain.packages.model import NOT_IN_ANY_PACKAGE, Ecosystem, Package, PackageSet


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChange:
    """A package whose version or size differs. A version is ``None`` on a side without the package.

    `delta_bytes` is head minus base; ``None`` if the sizes of both sides are unknown (a module inside a Go binary).
    `is_listed` marks a package that only an attached SBOM has.
    """

    ecosystem: Ecosystem
    name: str
    base_version: str | None
    head_version: str | None
    delta_bytes: int | None
    is_listed: bool = False


def diff_packages(base: PackageSet, head: PackageSet) -> tuple[PackageChange, ...]:
    """The packages that differ, largest change first, and a row for files outside of packages.

    The sum of the rows is the difference of the regular files of both filesystems. A new version is a row even if no
    byte differs. If a package is installed several times, equal versions are compared with each other.
    """
    before = _by_name((*base.packages, *(base.listed or ())))
    after = _by_name((*head.packages, *(head.listed or ())))
    changes: list[PackageChange] = []
    for key in before.keys() | after.keys():
        changes += _changes(*key, before.get(key, {}), after.get(key, {}))
    if base.packages or head.packages:
        delta_bytes = head.unowned_bytes - base.unowned_bytes
        if delta_bytes:
            changes.append(
                PackageChange(
                    ecosystem=Ecosystem.OTHER,
                    name=NOT_IN_ANY_PACKAGE,
                    base_version=None,
                    head_version=None,
                    delta_bytes=delta_bytes,
                )
            )
    listed = listed_keys((base, head))
    changes = [replace(one, is_listed=True) if (one.ecosystem, one.name) in listed else one for one in changes]
    changes.sort(key=lambda one: (-abs(one.delta_bytes or 0), one.ecosystem, one.name, one.head_version or ""))
    return tuple(changes)


_Versions = dict[str | None, int | None]


def _by_name(packages: Iterable[Package]) -> dict[tuple[Ecosystem, str], _Versions]:
    """The bytes of each version of each package. Adds up copies of one version."""
    found: dict[tuple[Ecosystem, str], _Versions] = {}
    for package in packages:
        versions = found.setdefault((package.ecosystem, package.name), {})
        known = versions.get(package.version)
        if package.size_bytes is not None:
            known = (known or 0) + package.size_bytes
        versions[package.version] = known
    return found


def _changes(ecosystem: Ecosystem, name: str, before: _Versions, after: _Versions) -> Iterable[PackageChange]:
    def change(old: str | None, new: str | None, delta_bytes: int | None) -> PackageChange:
        return PackageChange(
            ecosystem=ecosystem, name=name, base_version=old, head_version=new, delta_bytes=delta_bytes
        )

    for version in before.keys() & after.keys():
        delta_bytes = _minus(after[version], before[version])
        if delta_bytes:
            yield change(version, version, delta_bytes)
    gone = sorted(before.keys() - after.keys(), key=lambda version: version or "")
    new = sorted(after.keys() - before.keys(), key=lambda version: version or "")
    for old_version, new_version in zip(gone, new, strict=False):
        yield change(old_version, new_version, _minus(after[new_version], before[old_version]))
    for version in gone[len(new) :]:
        yield change(version, None, _minus(None, before[version]))
    for version in new[len(gone) :]:
        yield change(None, version, after[version])


def _minus(after: int | None, before: int | None) -> int | None:
    return None if after is None and before is None else (after or 0) - (before or 0)
