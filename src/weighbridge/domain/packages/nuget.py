"""NuGet packages of a published .NET application: what its ``NAME.deps.json`` lists.

Source: the .NET host's "Runtime configuration files" (``targets`` and ``libraries`` of a deps.json). The files of a
package lie beside the application by their last name, as ``dotnet publish`` puts them; ``runtimes/…`` and cultures'
folders keep their path.
"""

from __future__ import annotations

import json
import posixpath

from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import Ledger

_MAX_BYTES = 16 * 1024 * 1024
_ASSETS = ("runtime", "native", "runtimeTargets", "resources")


def find_nuget_packages(ledger: Ledger) -> None:
    """Enter the NuGet packages of each application with their files."""
    lists = {
        number: folder
        for folder, names in ledger.folders()
        for name, number in names.items()
        if name.endswith(".deps.json") and ledger.owner(number) is None
    }
    contents = ledger.read_all(lists, limit_bytes=_MAX_BYTES)
    for number, folder in lists.items():
        for name, version, requires, files in _libraries(contents.get(number, b"")):
            if ledger.is_full:
                return
            account = ledger.open_account(Ecosystem.NUGET, name, version, links=Links(requires=requires))
            for file in files:
                ledger.claim(account, f"{folder}/{file}")
                ledger.claim(account, f"{folder}/{posixpath.basename(file)}")


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
