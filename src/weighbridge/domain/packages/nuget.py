"""NuGet packages of a published .NET application, from its ``NAME.deps.json``.

Source: the .NET host's "Runtime configuration files" (``targets`` and ``libraries`` of a deps.json). ``dotnet publish``
puts the files of a package beside the application under their file names. ``runtimes/…`` and cultures' folders keep
their path.
"""

from __future__ import annotations

import json
import posixpath

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_MAX_BYTES = 16 * 1024 * 1024
_ASSETS = ("runtime", "native", "runtimeTargets", "resources")


def find_nuget_packages(owners: PackageOwners) -> None:
    """Add the NuGet packages of each application with their files."""
    lists = {
        number: path.rpartition("/")[0]
        for path, number in owners.files_ending((".deps.json",))
        if owners.owner(number) is None
    }
    contents = owners.read_all(lists, limit_bytes=_MAX_BYTES)
    for number, folder in lists.items():
        for name, version, requires, files in _libraries(contents.get(number, b"")):
            if owners.is_full:
                return
            package_id = owners.add_package(Ecosystem.NUGET, name, version, links=Links(requires=requires))
            for file in files:
                owners.claim(package_id, f"{folder}/{file}")
                owners.claim(package_id, f"{folder}/{posixpath.basename(file)}")


def _libraries(content: bytes) -> list[tuple[str, str, tuple[str, ...], list[str]]]:
    """Name, version, dependencies and files of each package."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return []
    targets = data.get("targets") if isinstance(data, dict) else None
    kinds = data.get("libraries") if isinstance(data, dict) else None
    if not isinstance(targets, dict) or not isinstance(kinds, dict):
        return []
    found: dict[str, tuple[str, str, tuple[str, ...], list[str]]] = {}
    for libraries in targets.values():
        for key, library in libraries.items() if isinstance(libraries, dict) else ():
            kind = kinds.get(key)
            name, slash, version = key.partition("/")
            if (
                not slash
                or not isinstance(kind, dict)
                or kind.get("type") != "package"
                or not isinstance(library, dict)
            ):
                continue
            requires = library.get("dependencies")
            files = [
                file
                for asset in _ASSETS
                if isinstance(of := library.get(asset), dict)
                for file in of
                if isinstance(file, str) and ".." not in file
            ]
            names = tuple(one.lower() for one in requires) if isinstance(requires, dict) else ()
            found[key] = name.lower(), version, names, files
    return list(found.values())


NUGET = PackageEcosystem(
    name=Ecosystem.NUGET,
    find=find_nuget_packages,
    url_type="nuget",
)
