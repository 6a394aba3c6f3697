"""Rust programs that ``cargo auditable`` built, and the crates that are in them.

Source: the cargo-auditable format: a section ``.dep-v0`` with zlib-compressed JSON. A program owns its whole file; what
each crate has of it is not known.
"""

from __future__ import annotations

import json
import zlib

from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import Ledger
from weighbridge.domain.start.elf import ElfError
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.errors import ImageError

_SECTION = ".dep-v0"
_MIN_BYTES = 100_000
_MAX_PROGRAMS = 64
_MAX_COMPRESSED_BYTES = 4 * 1024 * 1024
_MAX_BYTES = 16 * 1024 * 1024


def find_rust_programs(ledger: Ledger) -> None:
    """Enter the auditable Rust programs that no package brought; the largest `_MAX_PROGRAMS` executables are read."""
    candidates = {
        number
        for _, names in ledger.folders()
        for name, number in names.items()
        if (node := ledger.node(number)).size_bytes >= _MIN_BYTES
        and node.mode & 0o111
        and ".so" not in name
        and ledger.owner(number) is None
    }
    for number in sorted(candidates, key=lambda one: (-ledger.node(one).size_bytes, one))[:_MAX_PROGRAMS]:
        crates = _crates(ledger, number)
        root = next((one for one in crates if one.get("root") is True), None)
        if root is None or ledger.is_full:
            continue
        account = ledger.open_account(Ecosystem.CARGO, str(root.get("name")), str(root.get("version")))
        ledger.claim_number(account, number)
        for crate in crates:
            if crate is not root and crate.get("kind", "runtime") == "runtime" and not ledger.is_full:
                wanted = crate.get("dependencies")
                requires = tuple(
                    str(crates[index].get("name"))
                    for index in (wanted if isinstance(wanted, list) else ())
                    if isinstance(index, int) and 0 <= index < len(crates)
                )
                ledger.open_account(
                    Ecosystem.CARGO,
                    str(crate.get("name")),
                    str(crate.get("version")),
                    has_files=False,
                    links=Links(requires=requires, inside=account),
                )


def _crates(ledger: Ledger, number: int) -> list[dict[str, object]]:
    try:
        elf = elf_of(ledger.rootfs, ledger.node(number))
        section = next((section for section in elf.sections() if section.name == _SECTION), None)
        if section is None:
            return []
        content = zlib.decompressobj().decompress(elf.read_section(section, _MAX_COMPRESSED_BYTES), _MAX_BYTES)
        data = json.loads(content)
    except (ElfError, ImageError, zlib.error, ValueError, RecursionError):
        return []
    crates = data.get("packages") if isinstance(data, dict) else None
    return [one for one in crates if isinstance(one, dict)] if isinstance(crates, list) else []
