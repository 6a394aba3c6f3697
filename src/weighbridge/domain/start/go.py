"""Reads the build information that the Go linker leaves in a binary (``go version -m`` prints it).

Source: Go's debug/buildinfo package. Since Go 1.18 the strings are inline (flag bit 2); before, the header contains
pointers to Go strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from weighbridge.domain.start.elf import Elf, ElfError

_MAGIC = b"\xff Go buildinf:"
_SECTION = ".go.buildinfo"
_HEADER_BYTES = 32
_SEARCH_BYTES = 64 * 1024
_MAX_INFO_BYTES = 1024 * 1024
_PF_WRITE = 2
_PT_LOAD = 1
_SENTINEL_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class GoModule:
    """A module in a binary, as the linker recorded it; for a replaced module, the version of the replacement."""

    path: str
    version: str
    is_main: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class GoBuildInfo:
    """The Go release, the main module's path (empty if unknown) and the build settings, such as ``CGO_ENABLED``.

    `modules` are the main module, if any, and its dependencies.
    """

    go_version: str
    main_path: str
    settings: Mapping[str, str]
    modules: tuple[GoModule, ...] = ()

    @property
    def uses_cgo(self) -> bool:
        """True if the binary was built with cgo enabled: only then may it need a C library."""
        return self.settings.get("CGO_ENABLED") == "1"


def read_go_build_info(elf: Elf) -> GoBuildInfo | None:
    """The build information of a Go binary; None if there is none, or if it is unreadable."""
    try:
        return _read(elf)
    except ElfError:
        return None


def _read(elf: Elf) -> GoBuildInfo | None:
    section = next((section for section in elf.sections() if section.name == _SECTION), None)
    if section is not None:
        data = elf.read_section(section, _MAX_INFO_BYTES)
    else:
        segment = next(
            (segment for segment in elf.segments if segment.type == _PT_LOAD and segment.flags & _PF_WRITE), None
        )
        if segment is None:
            return None
        # The linker places the information at the start of the data segment, aligned to 16 bytes.
        data = elf.read_segment(segment, _MAX_INFO_BYTES)
    start = data.find(_MAGIC, 0, _SEARCH_BYTES)
    if start < 0 or len(data) < start + _HEADER_BYTES:
        return None
    flags = data[start + 15]
    if flags & 2:
        version, position = _inline_string(data, start + _HEADER_BYTES)
        module, _ = _inline_string(data, position)
    else:
        word = data[start + 14]
        order = "big" if flags & 1 else "little"
        if word not in {4, 8}:
            return None
        version, module = (
            _pointed_string(elf, int.from_bytes(data[at : at + word], order), word, order)  # type: ignore[arg-type]
            for at in (start + 16, start + 16 + word)
        )
    return _parse(version, module) if version else None


def _inline_string(data: bytes, position: int) -> tuple[bytes, int]:
    length = shift = 0
    while position < len(data) and shift < 35:
        byte = data[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return data[position : position + length], position + length
    return b"", position


def _pointed_string(elf: Elf, address: int, word: int, order: str) -> bytes:
    header = elf.read_address(address, 2 * word)
    pointer = int.from_bytes(header[:word], order)  # type: ignore[arg-type]
    length = int.from_bytes(header[word:], order)  # type: ignore[arg-type]
    return elf.read_address(pointer, length) if 0 < length <= _MAX_INFO_BYTES else b""


def _parse(version: bytes, module: bytes) -> GoBuildInfo:
    if len(module) >= 2 * _SENTINEL_BYTES + 1 and module[-_SENTINEL_BYTES - 1 : -_SENTINEL_BYTES] == b"\n":
        module = module[_SENTINEL_BYTES:-_SENTINEL_BYTES]
    path = ""
    settings: dict[str, str] = {}
    modules: list[GoModule] = []
    for line in module.decode("utf-8", "replace").split("\n"):
        kind, _, rest = line.partition("\t")
        if kind == "path":
            path = rest
        elif kind in {"mod", "dep", "=>"}:
            fields = [*rest.split("\t", 2), ""]
            one = GoModule(path=fields[0], version=fields[1], is_main=kind == "mod")
            if kind == "=>" and modules:
                modules[-1] = replace(one, path=modules[-1].path, version=one.version or one.path)
            elif kind != "=>":
                modules.append(one)
        elif kind == "build":
            key, equals, value = rest.partition("=")
            if equals:
                settings[key] = value.strip('"')
    return GoBuildInfo(
        go_version=version.decode("utf-8", "replace"), main_path=path, settings=settings, modules=tuple(modules)
    )
