"""Ruby gems, from the specifications of RubyGems and Bundler.

Source: RubyGems' guide ("Specification Reference"). ``specifications/NAME-VERSION.gemspec`` describes the files in
``gems/NAME-VERSION`` (and ``extensions/…/NAME-VERSION``). The specification is a Ruby program. It is searched, not run.
"""

from __future__ import annotations

import re

from weighbridge.domain.packages.composer import claim_below
from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_FOLDER = "/specifications"
_FILE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]{0,120}?)-(?P<version>\d[\w.]{0,60})(?:-[\w-]{1,60})?\.gemspec\Z")
_DEPENDENCY = re.compile(
    r"add_(?:runtime_)?dependency\(%q<([\w.-]{1,120})>|add_(?:runtime_)?dependency\s*\(?\"([\w.-]{1,120})\""
)
_MAX_BYTES = 512 * 1024


def find_gems(owners: PackageOwners) -> None:
    """Add all gems that no package of the distribution owns, with their files."""
    found: dict[int, tuple[str, str, str, str]] = {}
    for folder, names in owners.folders():
        if not folder.endswith((_FOLDER, f"{_FOLDER}/default")):
            continue
        home = folder[: folder.rfind(_FOLDER)]
        for file, number in names.items():
            match = _FILE.match(file)
            if match is not None and owners.owner(number) is None:
                found[number] = home, match["name"], match["version"], file.removesuffix(".gemspec")
    if not found:
        return
    contents = owners.read_all(found, limit_bytes=_MAX_BYTES)
    package_ids: dict[str, int] = {}
    extensions = _extension_folders(owners)
    for number, (home, name, version, full_name) in found.items():
        if owners.is_full:
            break
        text = contents.get(number, b"").decode("utf-8", "replace")
        requires = tuple(dict.fromkeys(one or other for one, other in _DEPENDENCY.findall(text)))
        package_id = owners.add_package(Ecosystem.GEM, name, version, links=Links(requires=requires))
        owners.claim_file(package_id, number)
        package_ids[f"{home}/gems/{full_name}"] = package_id
        package_ids |= dict.fromkeys(extensions.get((home, full_name), ()), package_id)
        owners.claim(package_id, f"{home}/cache/{full_name}.gem")
    claim_below(owners, package_ids)


def _extension_folders(owners: PackageOwners) -> dict[tuple[str, str], list[str]]:
    """The folders of compiled extensions (``extensions/PLATFORM/API/NAME-VERSION``), by home and full name."""
    found: dict[tuple[str, str], list[str]] = {}
    for folder, _ in owners.folders():
        home, slash, below = folder.rpartition("/extensions/")
        parts = below.split("/", 3)
        if slash and len(parts) > 2:
            found.setdefault((home, parts[2]), []).append(folder)
    return found


GEM = PackageEcosystem(
    name=Ecosystem.GEM,
    find=find_gems,
    url_type="gem",
)
