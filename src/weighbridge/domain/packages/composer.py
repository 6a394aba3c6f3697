"""PHP packages that Composer installed: ``vendor/composer/installed.json``.

Source: Composer's documentation ("Runtime utilities", the format of version 2, and the plain list of version 1). A
package owns the files of its folder. ``install-path`` is that folder, relative to ``vendor/composer``.
"""

from __future__ import annotations

import json
import posixpath

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64


def find_composer_packages(owners: PackageOwners) -> None:
    """Add all Composer packages with their files."""
    lists = {
        names["installed.json"]: folder
        for folder, names in owners.folders()
        if folder.endswith("/composer") and "installed.json" in names
    }
    contents = owners.read_all(lists, limit_bytes=_MAX_BYTES)
    package_ids: dict[str, int] = {}
    for number, folder in lists.items():
        for package in _packages(contents.get(number, b"")):
            name, version = package.get("name"), package.get("version")
            if not isinstance(name, str) or not name or owners.is_full:
                continue
            path = package.get("install-path")
            home = posixpath.normpath(f"{folder}/{path}" if isinstance(path, str) else f"{folder}/../{name}")
            requires = package.get("require")
            package_ids[home] = owners.add_package(
                Ecosystem.COMPOSER,
                name,
                version.removeprefix("v") if isinstance(version, str) else None,
                links=Links(
                    requires=tuple(one for one in requires if "/" in one) if isinstance(requires, dict) else ()
                ),
            )
    claim_below(owners, package_ids)


def claim_below(owners: PackageOwners, package_ids: dict[str, int]) -> None:
    """Claim the files below each package's folder, without the folders of nested packages."""
    if not package_ids:
        return
    for folder, names in owners.folders():
        path, depth = folder, 0
        while path and path not in package_ids and depth < _MAX_DEPTH:
            path, depth = path.rpartition("/")[0], depth + 1
        package_id = package_ids.get(path)
        if package_id is not None:
            for number in names.values():
                owners.claim_file(package_id, number)


def _packages(content: bytes) -> list[dict[str, object]]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return []
    packages = data.get("packages") if isinstance(data, dict) else data
    return [one for one in packages if isinstance(one, dict)] if isinstance(packages, list) else []


COMPOSER = PackageEcosystem(
    name=Ecosystem.COMPOSER,
    find=find_composer_packages,
    url_type="composer",
    has_namespaces=True,
)
