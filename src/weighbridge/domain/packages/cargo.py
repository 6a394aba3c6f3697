"""Rust programs that ``cargo auditable`` built, and their crates.

Source: the cargo-auditable format: a section ``.dep-v0`` with zlib-compressed JSON. A program owns its whole file. The
sizes of its crates are unknown.
"""

from __future__ import annotations

import json
import zlib

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners
from weighbridge.domain.start.elf import ElfError
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.errors import ImageError

_SECTION = ".dep-v0"
_MIN_BYTES = 100_000
_MAX_PROGRAMS = 64
_MAX_COMPRESSED_BYTES = 4 * 1024 * 1024
_MAX_BYTES = 16 * 1024 * 1024


def find_rust_programs(owners: PackageOwners) -> None:
    """Add the auditable Rust programs that no package owns. Reads the largest `_MAX_PROGRAMS` executables."""
    candidates = owners.large_programs(_MIN_BYTES)
    for number in sorted(candidates, key=lambda one: (-owners.size_bytes(one), one))[:_MAX_PROGRAMS]:
        crates = _crates(owners, number)
        root = next((one for one in crates if one.get("root") is True), None)
        if root is None or owners.is_full:
            continue
        package_id = owners.add_package(Ecosystem.CARGO, str(root.get("name")), str(root.get("version")))
        owners.claim_file(package_id, number)
        for crate in crates:
            if crate is not root and crate.get("kind", "runtime") == "runtime" and not owners.is_full:
                wanted = crate.get("dependencies")
                requires = tuple(
                    str(crates[index].get("name"))
                    for index in (wanted if isinstance(wanted, list) else ())
                    if isinstance(index, int) and 0 <= index < len(crates)
                )
                owners.add_package(
                    Ecosystem.CARGO,
                    str(crate.get("name")),
                    str(crate.get("version")),
                    has_files=False,
                    links=Links(requires=requires, inside=package_id),
                )


def _crates(owners: PackageOwners, number: int) -> list[dict[str, object]]:
    try:
        elf = elf_of(owners.rootfs, owners.node(number))
        section = next((section for section in elf.sections() if section.name == _SECTION), None)
        if section is None:
            return []
        content = zlib.decompressobj().decompress(elf.read_section(section, _MAX_COMPRESSED_BYTES), _MAX_BYTES)
        data = json.loads(content)
    except (ElfError, ImageError, zlib.error, ValueError, RecursionError):
        return []
    crates = data.get("packages") if isinstance(data, dict) else None
    return [one for one in crates if isinstance(one, dict)] if isinstance(crates, list) else []


CARGO = PackageEcosystem(
    name=Ecosystem.CARGO,
    find=find_rust_programs,
    url_type="cargo",
)
