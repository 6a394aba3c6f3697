"""Node packages: folders in a ``node_modules`` with a ``package.json``.

Source: Node's documentation of modules ("Loading from node_modules folders") and npm's of ``package.json``. A package
owns the files of its folder. Files in a ``node_modules`` inside it belong to the packages there.
"""

from __future__ import annotations

import json

from weighbridge.domain.packages.ecosystem import NeededFiles, PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_FOLDER = "/node_modules/"
_MAX_BYTES = 1024 * 1024


def find_npm_packages(owners: PackageOwners) -> None:
    """Add all Node packages that no package of the distribution owns, with their files."""
    homes: dict[str, int] = {}
    for folder, names in owners.folders():
        if "package.json" in names and home_of(folder) == folder and owners.owner(names["package.json"]) is None:
            homes[folder] = names["package.json"]
    if not homes:
        return
    described = owners.read_all(homes.values(), limit_bytes=_MAX_BYTES)
    package_ids: dict[str, int] = {}
    for home, number in homes.items():
        if owners.is_full:
            break
        name, version, requires = _description(described.get(number, b""))
        package_ids[home] = owners.add_package(
            Ecosystem.NPM, name or _name_of(home), version, links=Links(requires=requires, location=home)
        )
    for folder, names in owners.folders():
        package_id = package_ids.get(home_of(folder) or "")
        if package_id is not None:
            for number in names.values():
                owners.claim_file(package_id, number)


def home_of(folder: str) -> str | None:
    """The folder of the package that contains a folder; ``None`` outside of every ``node_modules``."""
    start = folder.rfind(_FOLDER)
    if start < 0:
        return None
    start += len(_FOLDER)
    end = folder.find("/", start)
    if end > 0 and folder[start] == "@":
        end = folder.find("/", end + 1)
    elif end < 0 and folder[start : start + 1] == "@":
        return None
    return folder if end < 0 else folder[:end]


def _name_of(home: str) -> str:
    return home[home.rfind(_FOLDER) + len(_FOLDER) :]


_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")


def _description(content: bytes) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Name, version and the names of the dependencies."""
    try:
        package = json.loads(content)
    except (ValueError, RecursionError):
        return None, None, ()
    if not isinstance(package, dict):
        return None, None, ()
    name, version = package.get("name"), package.get("version")
    requires = {name: None for key in _DEPENDENCIES if isinstance(of := package.get(key), dict) for name in of}
    return (
        name if isinstance(name, str) and name else None,
        version if isinstance(version, str) else None,
        tuple(requires),
    )


NPM = PackageEcosystem(
    name=Ecosystem.NPM,
    find=find_npm_packages,
    url_type="npm",
    has_namespaces=True,
    needed_files=NeededFiles(
        pattern=r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json", endings=("/package.json",)
    ),
)
