"""Alpine packages, from apk's database of installed packages.

Source: apk-tools' database format: records between empty lines, each line a letter, a colon and a value. ``P`` is the
name, ``V`` the version, ``D`` the dependencies, ``p`` the provided names, ``F`` a folder and ``R`` a file in the
previous folder.
"""

from __future__ import annotations

import re

from weighbridge.domain.packages.ecosystem import NeededFiles, PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_FOLDERS = ("/lib/apk/db", "/usr/lib/apk/db")
_MAX_BYTES = 64 * 1024 * 1024
_VERSION = re.compile(r"[<>=~]")


def find_apk_packages(owners: PackageOwners) -> None:
    """Add all Alpine packages with their files."""
    seen: set[int] = set()
    for folder in _FOLDERS:
        number = owners.names(folder).get("installed")
        if number is not None and number not in seen:
            seen.add(number)
            content = owners.read(owners.node(number), limit_bytes=_MAX_BYTES)
            _add(owners, (content or b"").decode("utf-8", "surrogateescape"))


def _add(owners: PackageOwners, database: str) -> None:
    for record in database.split("\n\n"):
        lines = record.split("\n")
        fields = {line[0]: line[2:] for line in lines if line[:2] in {"P:", "V:", "D:", "p:"}}
        if "P" not in fields or owners.is_full:
            continue
        package_id = owners.add_package(Ecosystem.APK, fields["P"], fields.get("V"), links=_links(fields))
        folder = ""
        for line in lines:
            if line.startswith("F:"):
                folder = f"/{line[2:]}" if len(line) > 2 else ""
            elif line.startswith("R:"):
                owners.claim(package_id, f"{folder}/{line[2:]}")


def _links(fields: dict[str, str]) -> Links:
    """The names without versions. ``!name`` is a conflict, not a dependency."""
    requires, provides = (
        tuple(_VERSION.split(word, maxsplit=1)[0] for word in fields.get(key, "").split() if word[0] != "!")
        for key in "Dp"
    )
    return Links(requires=requires, provides=provides)


APK = PackageEcosystem(
    name=Ecosystem.APK,
    find=find_apk_packages,
    url_type="apk",
    needed_files=NeededFiles(
        pattern=r"(?:usr/)?lib/apk/db/installed|etc/apk/world", beginnings=("lib/apk/", "usr/lib/apk/", "etc/apk/")
    ),
)
