"""Common values of both loaders: the request, the mapped objects, and the report."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.elf import Elf, ElfError, read_elf

MAX_OBJECTS = 4096
_MAX_LOADER_BYTES = 16 * 1024 * 1024


class Libc(enum.StrEnum):
    """The C library that the loader belongs to."""

    GLIBC = "glibc"
    MUSL = "musl"
    GCOMPAT = "gcompat"
    """A small program that runs musl's loader with glibc's missing functions preloaded."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRequest:
    """A program that the kernel has just mapped, with its loader.

    `argv0` is the program's name in messages of glibc's loader, `executed_as` the path passed to ``execve`` (its name
    in musl's). `loader` is the loader's file, `loader_name` the text of ``PT_INTERP``.
    """

    process: Process
    program: Node
    elf: Elf
    argv0: str
    executed_as: str
    loader: Node
    loader_elf: Elf
    loader_name: str
    secure: bool = False
    preload: tuple[str, ...] = ()
    library_path: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class LoadedObject:
    """One object in the process. `name` is the path under which the loader opened it (empty for the program)."""

    name: str
    node: Node
    elf: Elf
    requested_by: LoadedObject | None
    names: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        """Its path, for evidence."""
        return self.name or self.node.path


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """The result of loading: `fatal` findings end the program before ``main``, `others` do not."""

    libc: Libc
    objects: tuple[LoadedObject, ...]
    fatal: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()
    not_checked: tuple[str, ...] = ()


def elf_of(rootfs: Rootfs, node: Node) -> Elf:
    """The parsed ELF file of a node; parsed once for each file. Raises `ElfError`."""
    key = ("elf", node.diff_id, node.stored_path)
    known = rootfs.memo.get(key)
    if known is None:
        try:
            known = read_elf(lambda offset, length: rootfs.read_at(node, offset, length), node.size_bytes)
        except ElfError as error:
            known = error
        rootfs.memo[key] = known
    if isinstance(known, ElfError):
        raise known
    if not isinstance(known, Elf):
        raise TypeError(key)
    return known


def libc_of_loader(rootfs: Rootfs, node: Node) -> Libc:
    """The C library of a loader, from its exported symbols, never from its name."""
    key = ("libc", node.diff_id, node.stored_path)
    known = rootfs.memo.get(key)
    if isinstance(known, Libc):
        return known
    try:
        libc = _libc_of(rootfs, node)
    except ElfError:
        libc = Libc.UNKNOWN
    rootfs.memo[key] = libc
    return libc


def _libc_of(rootfs: Rootfs, node: Node) -> Libc:
    elf = elf_of(rootfs, node)
    exports = elf.exports
    if b"__dls3" in exports or b"__dls2b" in exports:
        return Libc.MUSL
    if b"_rtld_global" in exports or b"_dl_rtld_di_serinfo" in exports:
        return Libc.GLIBC
    if any(record.version == "GLIBC_PRIVATE" for record in elf.defined_versions) and b"__tls_get_addr" in exports:
        return Libc.GLIBC
    if b"libgcompat.so" in rootfs.read(node, limit_bytes=_MAX_LOADER_BYTES):
        return Libc.GCOMPAT
    return Libc.UNKNOWN


def problem(
    code: CheckCode,
    *,
    path: str,
    predicts: str | None,
    evidence: tuple[str, ...],
    fix: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding on the program that is being started; the caller adds whose start it is."""
    return Finding(
        code=code,
        severity=severity,
        subject=Subject.ENTRYPOINT,
        path=path,
        predicts=predicts,
        evidence=evidence,
        fix=fix,
    )


def some_names(names: list[str], limit: int = 8) -> str:
    """The first few names, and the number of others."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def variable_of(process: Process, name: str) -> str | None:
    """A variable, or None if it is not set."""
    env: Mapping[str, str] = process.env
    return env.get(name)
