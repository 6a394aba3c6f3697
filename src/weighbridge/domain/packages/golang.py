"""Go programs, and the modules that the linker says are in them.

Source: Go's debug/buildinfo package. A program owns its whole file; what each module has of it is not known.
"""

from __future__ import annotations

from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import Ledger
from weighbridge.domain.start.elf import ElfError
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.errors import ImageError

_MIN_BYTES = 500_000
"""The smallest program that Go's linker makes is larger: its runtime is in it."""
_MAX_PROGRAMS = 64


def find_go_programs(ledger: Ledger) -> None:
    """Enter the Go programs that no package brought, the largest `_MAX_PROGRAMS` executables being looked at."""
    candidates = {
        number
        for _, names in ledger.folders()
        for name, number in names.items()
        if (node := ledger.node(number)).size_bytes >= _MIN_BYTES
        and node.mode & 0o111
        and ".so" not in name
        and ledger.owner(number) is None
    }
    largest = sorted(candidates, key=lambda number: (-ledger.node(number).size_bytes, number))[:_MAX_PROGRAMS]
    if len(candidates) > len(largest):
        ledger.note(f"only the {_MAX_PROGRAMS} largest of {len(candidates)} programs were searched for Go modules")
    modules: dict[tuple[str, str], int] = {}
    for number in sorted(largest, key=lambda one: (ledger.node(one).diff_id, one)):
        node = ledger.node(number)
        try:
            info = read_go_build_info(elf_of(ledger.rootfs, node))
        except (ElfError, ImageError):
            continue
        if info is None or ledger.is_full:
            continue
        main = info.modules[0] if info.modules and info.modules[0].is_main else None
        name = main.path if main else info.main_path or node.path
        version = main.version if main and main.version != "(devel)" else None
        account = ledger.open_account(Ecosystem.GO, name, version)
        ledger.claim_number(account, number)
        modules.setdefault(("stdlib", info.go_version.removeprefix("go")), account)
        for module in info.modules:
            if not module.is_main:
                modules.setdefault((module.path, module.version), account)
    for (name, version), program in modules.items():
        if ledger.is_full:
            break
        ledger.open_account(Ecosystem.GO, name, version, has_files=False, links=Links(inside=program))
