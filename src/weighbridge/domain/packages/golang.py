"""Go programs, and their modules from the linker's build information.

Source: Go's debug/buildinfo package. A program owns its whole file. The sizes of its modules are unknown.
"""

from __future__ import annotations

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners
from weighbridge.domain.start.elf import ElfError
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.errors import ImageError

_MIN_BYTES = 500_000
"""Minimum size of a Go program: the linker adds the runtime to every program."""
_MAX_PROGRAMS = 64


def find_go_programs(owners: PackageOwners) -> None:
    """Add the Go programs that no package owns. Reads the largest `_MAX_PROGRAMS` executables."""
    candidates = owners.large_programs(_MIN_BYTES)
    largest = sorted(candidates, key=lambda number: (-owners.size_bytes(number), number))[:_MAX_PROGRAMS]
    if len(candidates) > len(largest):
        owners.note(f"only the {_MAX_PROGRAMS} largest of {len(candidates)} programs were searched for Go modules")
    modules: dict[tuple[str, str], int] = {}
    for number in sorted(largest, key=lambda one: (owners.node(one).diff_id, one)):
        node = owners.node(number)
        try:
            info = read_go_build_info(elf_of(owners.rootfs, node))
        except (ElfError, ImageError):
            continue
        if info is None or owners.is_full:
            continue
        main = info.modules[0] if info.modules and info.modules[0].is_main else None
        name = main.path if main else info.main_path or node.path
        version = main.version if main and main.version != "(devel)" else None
        package_id = owners.add_package(Ecosystem.GO, name, version)
        owners.claim_file(package_id, number)
        modules.setdefault(("stdlib", info.go_version.removeprefix("go")), package_id)
        for module in info.modules:
            if not module.is_main:
                modules.setdefault((module.path, module.version), package_id)
    for (name, version), program in modules.items():
        if owners.is_full:
            break
        owners.add_package(Ecosystem.GO, name, version, has_files=False, links=Links(inside=program))


GO = PackageEcosystem(
    name=Ecosystem.GO,
    find=find_go_programs,
    url_type="golang",
    has_namespaces=True,
)
