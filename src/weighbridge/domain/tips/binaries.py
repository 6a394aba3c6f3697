"""Tips on programs and libraries: unstripped files, and files that UPX compressed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.packages.model import Ecosystem
from weighbridge.domain.start.elf import Elf, SectionType
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.domain.tips.context import FinalFile, FoundTip, TipContext, by_layer, shown
from weighbridge.domain.tips.proposals.stripped import stripped_build
from weighbridge.domain.tips.strip_size import stripped_bytes
from weighbridge.domain.tips.tip import Basis, Language, Tip
from weighbridge.domain.units import format_bytes
from weighbridge.errors import WeighbridgeError

_LEAST_FILE_BYTES = 16_384
_LARGEST_FILE_BYTES = 1 << 30
MAX_PROGRAMS = 200
"""Maximum number of files to open, largest first, because reading a header may fetch the file."""
_LIBRARY = re.compile(r".*\.(?:so(?:\.[0-9.]*)?|node)")
_WINDOW_BYTES = 1 << 20

_UPX_MAGIC = b"UPX!"
_UPX_HEAD_BYTES = 2048
_UPX_FILE_SIZE = slice(12, 16)
"""Offset of the original size behind the magic: UPX's ``l_info`` (12 bytes, magic at 4), then ``p_info``."""


_REMEDIES = {
    Language.GO: 'go build -ldflags="-s -w"',
    Language.RUST: "strip = true below [profile.release] in Cargo.toml, or CARGO_PROFILE_RELEASE_STRIP=true",
    Language.C: "strip, or the linker's -s, in the stage that builds it",
}


def strip_binaries(context: TipContext) -> Iterator[FoundTip]:
    """``strip-binaries``: symbols and debugging sections in files that the Dockerfile builds or copies, by layer.

    Skips files of packages, because their maintainer decided on symbols. Skips files that ``strip`` breaks.
    """
    strippable: dict[tuple[str, str], tuple[int, Language]] = {}
    files: list[FinalFile] = []
    for file, elf in _programs(context):
        known = _savings(file, elf)
        if known is not None:
            strippable[file.inode] = known
            files.append(file)
    for layer, group in by_layer(files):
        saved = {file.inode: strippable[file.inode][0] for file in group}
        group.sort(key=lambda file: (-saved[file.inode], file.path))
        languages = dict.fromkeys(strippable[file.inode][1] for file in group)
        names = shown(
            [f"{file.path} ({format_bytes(saved[file.inode])} of {format_bytes(file.size_bytes)})" for file in group]
        )
        remedies = "; ".join(f"{language}: {_REMEDIES[language]}" for language in languages)
        yield FoundTip(
            tip=Tip(
                code="strip-binaries",
                saved_bytes=sum(saved.values()),
                basis=Basis.COMPUTED,
                line=context.layer(layer).line,
                explanation=f"{names}: symbols and debugging sections, which no container needs. Fix: {remedies}.",
                change=stripped_build(context.source, languages) if context.source is not None else None,
            ),
            files=tuple(group),
        )


def compressed_executable(context: TipContext) -> Iterator[FoundTip]:
    """``compressed-executable``: files that UPX compressed.

    They save little download, and cost memory and start time.
    """
    for file, elf in _programs(context):
        original_bytes = _upx_original_bytes(context.image.rootfs, file, elf)
        if original_bytes is None:
            continue
        yield FoundTip(
            tip=Tip(
                code="compressed-executable",
                saved_bytes=None,
                basis=Basis.UNKNOWN,
                line=context.layer(file.layer).line,
                explanation=(
                    f"{file.path} is compressed by UPX: {format_bytes(file.size_bytes)} stored,"
                    f" {format_bytes(original_bytes)} unpacked at each start. Containers cannot share that memory."
                    " Layers are compressed anyway, so UPX saves little or no download."
                    " Omit UPX and strip the file."
                ),
            ),
            files=(file,),
        )


def _programs(context: TipContext) -> list[tuple[FinalFile, Elf]]:
    """The programs and libraries of the Dockerfile's own layers, largest first. Opens each once."""
    candidates = sorted(
        filter(_may_be_program, context.large_own(_LEAST_FILE_BYTES)), key=lambda file: (-file.size_bytes, file.path)
    )
    programs = []
    # Layer by layer, because reading another layer is expensive.
    for file in sorted(candidates[:MAX_PROGRAMS], key=lambda file: (file.layer, file.node.stored_path)):
        try:
            programs.append((file, elf_of(context.image.rootfs, file.node)))
        except WeighbridgeError:
            continue
    return programs


def _may_be_program(file: FinalFile) -> bool:
    if file.size_bytes > _LARGEST_FILE_BYTES:
        return False
    if file.package is not None and file.package.ecosystem is not Ecosystem.GO:
        return False
    return bool(file.node.mode & 0o111) or _LIBRARY.fullmatch(posixpath.basename(file.path)) is not None


def _savings(file: FinalFile, elf: Elf) -> tuple[int, Language] | None:
    """The bytes that ``strip`` saves, and the language; ``None`` if it saves nothing or breaks the file."""
    try:
        after_bytes = stripped_bytes(elf)
        if after_bytes is None or after_bytes >= file.size_bytes:
            return None
        return file.size_bytes - after_bytes, _language(elf)
    except WeighbridgeError:
        return None


def _language(elf: Elf) -> Language:
    if read_go_build_info(elf) is not None:
        return Language.GO
    for section in elf.sections():
        if section.type == SectionType.STRTAB and section.name == ".strtab":
            names = elf.read_section(section, _WINDOW_BYTES)
            if b"__rust" in names or b"_ZN4core" in names or b"rust_eh_personality" in names:
                return Language.RUST
    return Language.C


def _upx_original_bytes(rootfs: Rootfs, file: FinalFile, elf: Elf) -> int | None:
    """The size before UPX; ``None`` if UPX did not compress the file."""
    try:
        head = rootfs.read_at(file.node, 0, _UPX_HEAD_BYTES)
    except WeighbridgeError:
        return None
    at = head.find(_UPX_MAGIC)
    if at < 0 or len(head) < at + _UPX_FILE_SIZE.stop:
        return None
    original = head[at + _UPX_FILE_SIZE.start : at + _UPX_FILE_SIZE.stop]
    size = int.from_bytes(original, "big" if elf.big_endian else "little")
    return size if size > file.size_bytes else None
