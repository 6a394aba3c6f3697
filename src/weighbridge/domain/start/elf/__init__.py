"""A strict reader of ELF files with limits, for the kernel, the dynamic loaders and the checks.

Reads everything through one ``read_at(offset, length)`` and trusts nothing. Malformed data raises `ElfError`; no table
beyond a module's limits is read. Sources: elf(5), the gABI, and the GNU extensions (symbol versions: LSB Core, "Symbol
Versioning"; hash: binutils' ``DT_GNU_HASH``).
"""

from weighbridge.domain.start.elf.file import Elf, read_elf
from weighbridge.domain.start.elf.model import ElfError, ElfSection, ElfType, Machine, SectionType

__all__ = ["Elf", "ElfError", "ElfSection", "ElfType", "Machine", "SectionType", "read_elf"]
