"""A bounded, strict reader of ELF files: what the kernel, the dynamic loaders and the checks ask of one.

Everything is read through one ``read_at(offset, length)``; nothing is trusted. Whatever is malformed raises
`ElfError`, and no table longer than each module's limits is ever read. Sources: elf(5), the gABI, and the GNU
extensions (symbol versions: LSB Core, "Symbol Versioning"; hash: binutils' ``DT_GNU_HASH``).
"""

from weighbridge.domain.start.elf.file import Elf, read_elf
from weighbridge.domain.start.elf.model import ElfError, ElfType, Machine, Section, SectionType

__all__ = ["Elf", "ElfError", "ElfType", "Machine", "Section", "SectionType", "read_elf"]
