"""Tips on duplicate bytes: unpacked archives, and files with equal content."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.domain.image.files import equal_contents
from weighbridge.domain.packages.archives import list_archive
from weighbridge.domain.packages.model import Ecosystem
from weighbridge.domain.tips.context import FinalFile, FoundTip, TipContext, by_layer, counted, shown, total_bytes
from weighbridge.domain.tips.tip import Basis, Tip
from weighbridge.domain.units import format_bytes
from weighbridge.errors import WeighbridgeError

_ARCHIVE = re.compile(r".*\.(?:tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst)|zip|whl|deb|rpm|apk)")
_LEAST_ARCHIVE_BYTES = 4_096
MAX_ARCHIVES = 50
_LEAST_MEMBER_BYTES = 1_000
_MOST_OF_IT = 0.5
"""Minimum share of an archive's first bytes that the image must contain for an unpacked archive."""
_LEAST_DUPLICATE_BYTES = 4_096


def archive_kept(context: TipContext) -> Iterator[FoundTip]:
    """``archive-kept``: an archive or a package file that was unpacked or installed, and is still there."""
    archives = [
        file
        for file in context.large_own(_LEAST_ARCHIVE_BYTES)
        if file.package is None and _ARCHIVE.fullmatch(file.path.lower())
    ]
    if not archives:
        return
    archives.sort(key=lambda file: (-file.size_bytes, file.path))
    there = _There(context)
    outcomes = {file.inode: there.outcome_of(file) for file in archives[:MAX_ARCHIVES]}
    for layer, files in by_layer(file for file in archives[:MAX_ARCHIVES] if outcomes[file.inode]):
        names = shown([f"{file.path} ({outcomes[file.inode]})" for file in files])
        remedy = (
            "Use RUN --mount=type=bind,target=… instead of COPY, or let ADD unpack a local tar"
            if context.is_copied(layer)
            else "Remove it in the same RUN, or unpack it from a pipe: curl … | tar -x"
        )
        yield FoundTip(
            tip=Tip(
                code="archive-kept",
                saved_bytes=total_bytes(files),
                basis=Basis.COMPUTED,
                line=context.layer(layer).line,
                explanation=f"{names}: archive and unpacked content are both in the image. {remedy}.",
            ),
            files=tuple(files),
        )


class _There:
    """The files of the final filesystem, to compare with the content of archives."""

    def __init__(self, context: TipContext) -> None:
        self._rootfs = context.image.rootfs
        self._packages = {(one.ecosystem, one.name, one.version) for one in context.image.packages.packages}
        self._paths: dict[tuple[str, int], list[str]] = {}
        for file in map(context.files.file, context.files.large(_LEAST_MEMBER_BYTES)):
            self._paths.setdefault((posixpath.basename(file.path), file.size_bytes), []).append(file.path)

    def outcome_of(self, archive: FinalFile) -> str | None:
        """The folder of an unpacked archive, or the package installed from it; ``None`` without evidence."""
        name = posixpath.basename(archive.path)
        installed = self._installed(name)
        return f"installed: {installed}" if installed else self._unpacked_to(archive)

    def _installed(self, name: str) -> str | None:
        """The installed package of a package file with this name."""
        stem, _, kind = name.rpartition(".")
        if kind == "deb":
            package, _, rest = stem.partition("_")
            version = rest.rpartition("_")[0].replace("%3a", ":")
            return package if (Ecosystem.DEB, package, version) in self._packages else None
        ecosystem = {"apk": Ecosystem.APK, "rpm": Ecosystem.RPM}.get(kind)
        for one, package, installed in self._packages:
            if one is ecosystem and installed and f"{stem}.".startswith(f"{package}-{installed.rpartition(':')[2]}."):
                return package
        return None

    def _unpacked_to(self, archive: FinalFile) -> str | None:
        try:
            members = list_archive(
                lambda offset, length: self._rootfs.read_at(archive.node, offset, length), archive.size_bytes
            )
        except WeighbridgeError:
            return None
        found_bytes = 0
        roots: Counter[str] = Counter()
        for member in members:
            paths = self._paths.get((posixpath.basename(member.path), member.size_bytes))
            if paths:
                found_bytes += member.size_bytes
                roots[_root_of(member.path, paths)] += member.size_bytes
        if not found_bytes or found_bytes < _MOST_OF_IT * sum(member.size_bytes for member in members):
            return None
        return f"unpacked to {roots.most_common(1)[0][0]}"


def _root_of(member: str, paths: Sequence[str]) -> str:
    """The folder that `member` was unpacked to, by the path in `paths` with the longest common end."""
    parts = member.split("/")
    best, matched = paths[0], 1
    for path in paths:
        mine = path.split("/")
        same = 0
        while same < min(len(parts), len(mine)) and parts[-1 - same] == mine[-1 - same]:
            same += 1
        if same > matched:
            best, matched = path, same
    return "/".join(best.split("/")[:-matched]) or "/"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Double:
    """A duplicate file, and a file with the same content that stays."""

    file: FinalFile
    like: FinalFile

    @property
    def folders(self) -> tuple[str, str]:
        """The topmost two folders below which the paths are equal."""
        mine, other = self.file.path.split("/")[:-1], self.like.path.split("/")[:-1]
        while len(mine) > 1 and len(other) > 1 and mine[-1] == other[-1]:
            mine.pop()
            other.pop()
        return "/".join(mine) or "/", "/".join(other) or "/"


def duplicate_files(context: TipContext) -> Iterator[FoundTip]:
    """``duplicate-files``: of N files with the same content, N−1 are unnecessary. A file of the base image stays.

    Compares files outside packages, and two installations of one package. Skips files of different packages and files
    of one installation, because the author cannot remove them.
    """
    doubles: dict[tuple[str, str], _Double] = {}
    for group in _equal_files(context):
        like = min(group, key=lambda file: (file.is_own, file.layer, len(file.path), file.path))
        for file in group:
            elsewhere = file.package is None or file.installation != like.installation
            if file is not like and file.is_own and elsewhere:
                doubles[file.inode] = _Double(file=file, like=like)
    for layer, files in by_layer(double.file for double in doubles.values()):
        yield FoundTip(
            tip=Tip(
                code="duplicate-files",
                saved_bytes=total_bytes(files),
                basis=Basis.COMPUTED,
                line=context.layer(layer).line,
                explanation=(
                    f"{_pairs(files, doubles)}: stored twice with the same content."
                    " Copy it once, and create a link (ln, ln -s) for the other path."
                ),
            ),
            files=tuple(files),
        )


def _equal_files(context: TipContext) -> Iterator[list[FinalFile]]:
    """Groups of files with equal content that belong to the same package or to no package."""
    sizes = context.files.sizes_of_several(_LEAST_DUPLICATE_BYTES)
    of_base = (file for file in map(context.files.file, context.files.of_sizes(sizes)) if not file.is_own)
    own = context.own_of_sizes(sizes)
    return equal_contents(
        (*of_base, *(file for file in own if not file.is_from_distribution)),
        key=lambda file: (file.size_bytes, _owner(file)),
        digest=context.digest,
        is_worth=lambda candidates: any(file.is_own for file in candidates),
    )


def _owner(file: FinalFile) -> tuple[object, ...]:
    package = file.package
    return () if package is None else (package.ecosystem, package.name, package.version)


def _pairs(files: Sequence[FinalFile], doubles: Mapping[tuple[str, str], _Double]) -> str:
    """The files in words: a pair of folders if the paths below are equal, otherwise pairs of files."""
    folders: dict[tuple[str, str], list[_Double]] = {}
    for file in files:
        double = doubles[file.inode]
        folders.setdefault(double.folders, []).append(double)
    named = []
    for (mine, other), pairs in sorted(folders.items(), key=lambda one: -sum(pair.file.size_bytes for pair in one[1])):
        size = format_bytes(sum(pair.file.size_bytes for pair in pairs))
        if len(pairs) > 1 and mine != other:
            named.append(f"{counted(len(pairs), 'file')} below {mine} as below {other} ({size})")
        else:
            named += [f"{pair.file.path} = {pair.like.path} ({format_bytes(pair.file.size_bytes)})" for pair in pairs]
    return shown(named)
