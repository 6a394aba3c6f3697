"""Emulates the dynamic loader of glibc: maps the libraries of a program (elf/dl-load.c, elf/dl-deps.c, elf/rtld.c).

`glibc_search` finds their files, `glibc_binding` checks their versions and symbols. The messages are the loader's own.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity
from weighbridge.domain.image.rootfs import LookupReason, Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.elf import Elf, ElfError
from weighbridge.domain.start.loader.compiled_in import MAX_LOADER_BYTES, GlibcPaths, glibc_paths
from weighbridge.domain.start.loader.glibc_binding import symbol_findings, version_findings
from weighbridge.domain.start.loader.glibc_library import identity_error, layout_error
from weighbridge.domain.start.loader.glibc_search import GlibcSearch
from weighbridge.domain.start.loader.objects import (
    MAX_OBJECTS,
    Libc,
    LoadedObject,
    LoadReport,
    LoadRequest,
    elf_of,
    problem,
    some_names,
    variable_of,
)

_MAX_PRELOAD_BYTES = 64 * 1024
_ELF_HEADER_BYTES = 52
_SOME = 8


@dataclass(slots=True, kw_only=True)
class _NotFound:
    """Why a search found no file."""

    other_class: bool = False
    denied: bool = False
    skipped: list[str] = field(default_factory=list)


class _BadFileError(Exception):
    """The loader found a file that is not a library: it fails with this text."""


class _Glibc:
    """One run of the loader."""

    def __init__(self, request: LoadRequest) -> None:
        self.request = request
        self.rootfs = request.process.rootfs
        self.elf = request.elf
        self.paths = _compiled_in(request)
        self.main = LoadedObject(name="", node=request.program, elf=request.elf, requested_by=None)
        self.search = GlibcSearch(request, self.main, self.paths)
        self.objects: list[LoadedObject] = []
        self.by_name: dict[str, LoadedObject] = {}
        self.by_file: dict[tuple[str, str], LoadedObject] = {}
        self.missing: list[tuple[str, LoadedObject, str, tuple[str, ...]]] = []
        self.others: list[Finding] = []
        self.reasons: list[str] = []

    def run(self) -> LoadReport:
        self._enter(self.main, self.request.argv0)
        loader = LoadedObject(
            name=self.request.loader_name, node=self.request.loader, elf=self.request.loader_elf, requested_by=None
        )
        self.by_file[self.request.loader.diff_id, self.request.loader.stored_path] = loader
        for name in (self.request.loader_name, _soname(self.request.loader_elf)):
            if name:
                self._name(loader, name)
        for name, source in self._preloads():
            self._preload(name, source)
        self._map_dependencies()
        # The loader itself is in the list of objects at the position of its first request, otherwise last.
        if loader not in self.objects:
            self.objects.append(loader)
        fatal = self._missing_finding() or self._bind()
        return LoadReport(
            libc=Libc.GLIBC,
            objects=tuple(self.objects),
            fatal=tuple(fatal),
            others=tuple(self.others),
            not_checked=tuple(self.reasons),
        )

    # Mapping.

    def _preloads(self) -> Iterator[tuple[str, str]]:
        """The libraries to preload, each with the loader's name for its source."""
        yield from ((name, "gcompat") for name in self.request.preload)
        value = variable_of(self.request.process, "LD_PRELOAD")
        if value and not self.request.secure:
            yield from ((name, "LD_PRELOAD") for name in re.split(r"[ :]", value) if name)
        path = self.paths.preload
        node = self.rootfs.lookup(path)
        if isinstance(node, Node) and node.is_file:
            text = self.rootfs.read(node, limit_bytes=_MAX_PRELOAD_BYTES).decode("utf-8", "surrogateescape")
            lines = (line.partition("#")[0] for line in lines_of(text))
            yield from ((name, path) for line in lines for name in re.split(r"[ \t:]", line) if name)

    def _preload(self, name: str, source: str) -> None:
        """Map a preloaded library.

        The loader ignores one that cannot be mapped, and prints a text (do_preload in rtld.c).
        """
        try:
            found = self._map(name, self.main)
        except _BadFileError as error:
            reason = str(error).removeprefix(f"{name}: ")
        else:
            if not isinstance(found, _NotFound):
                return
            reason = "wrong ELF class" if found.other_class else "cannot open shared object file"
        if len(self.others) >= _SOME:
            return
        self.others.append(
            problem(
                CheckCode.LIBC_NEEDED_MISSING,
                path=name,
                predicts=f"ERROR: ld.so: object '{name}' from {source} cannot be preloaded ({reason}",
                evidence=(
                    f"{source} names {name}: {reason}",
                    "the loader ignores it, and the program starts without it",
                ),
                fix=f"Install the library in the final stage, or remove it from {source}.",
                severity=Severity.WARNING,
            )
        )

    def _map_dependencies(self) -> None:
        """Map breadth first, in the order of DT_NEEDED, like ``_dl_map_object_deps``."""
        queue = deque(self.objects)
        seen = set(map(id, queue))
        while queue:
            loaded = queue.popleft()
            dynamic = loaded.elf.dynamic
            if dynamic is None:
                continue
            wanted = [(name, True) for name in (*dynamic.filters, *dynamic.needed)]
            wanted += [(name, False) for name in dynamic.auxiliary]
            for name, required in wanted:
                try:
                    found = self._map(self.search.expand(name, loaded), loaded)
                except _BadFileError as error:
                    if required:
                        self.missing.append((name, loaded, str(error), ()))
                    continue
                if isinstance(found, _NotFound):
                    if required:
                        self.missing.append((name, loaded, self._missing_text(name, found), tuple(found.skipped)))
                elif id(found) not in seen and found in self.objects:
                    seen.add(id(found))
                    queue.append(found)
            if len(self.objects) > MAX_OBJECTS:
                self.reasons.append(f"more than {MAX_OBJECTS} libraries")
                return

    def _missing_text(self, name: str, not_found: _NotFound) -> str:
        if not_found.other_class:
            return f"{name}: wrong ELF class: ELFCLASS{32 if self.elf.bits == 64 else 64}"
        text = "Permission denied" if not_found.denied else "No such file or directory"
        return f"{name}: cannot open shared object file: {text}"

    def _map(self, name: str, loader: LoadedObject) -> LoadedObject | _NotFound:
        known = self._already(name)
        if known is not None:
            return known
        not_found = _NotFound()
        candidates: Iterator[str] = iter((name,)) if "/" in name else self.search.candidates(name, loader)
        for path in candidates:
            opened = self._open(path, not_found)
            if opened is None:
                continue
            node, elf = opened
            same = self.by_file.get((node.diff_id, node.stored_path))
            if same is not None:
                self._name(same, name)
                if same.elf is self.request.loader_elf and same not in self.objects:
                    self.objects.append(same)
                return same
            loaded = LoadedObject(name=path, node=node, elf=elf, requested_by=loader)
            self._enter(loaded, name)
            return loaded
        return not_found

    def _already(self, name: str) -> LoadedObject | None:
        known = self.by_name.get(name)
        if known is None:
            for loaded in self.objects:
                if _soname(loaded.elf) == name:
                    known = loaded
                    self._name(loaded, name)
                    break
        if known is not None and known.elf is self.request.loader_elf and known not in self.objects:
            self.objects.append(known)
        return known

    def _enter(self, loaded: LoadedObject, name: str) -> None:
        self.objects.append(loaded)
        self.by_file[loaded.node.diff_id, loaded.node.stored_path] = loaded
        self._name(loaded, name)
        if loaded.name:
            self._name(loaded, loaded.name)

    def _name(self, loaded: LoadedObject, name: str) -> None:
        loaded.names.add(name)
        self.by_name.setdefault(name, loaded)

    def _open(self, path: str, not_found: _NotFound) -> tuple[Node, Elf] | None:
        """``open_verify``: skips a file of another class or machine; a broken file ends the program."""
        credentials = self.request.process.credentials
        node = self.rootfs.lookup(path, cwd=self.request.process.cwd, may_search=credentials.may_search)
        if not isinstance(node, Node):
            not_found.denied = node.reason is LookupReason.PERMISSION_DENIED
            return None
        if not credentials.may_read(node.entry):
            not_found.denied = True
            return None
        if node.is_directory:
            raise _BadFileError(f"{path}: cannot read file data: Is a directory")
        if node.size_bytes < (64 if self.elf.bits == 64 else _ELF_HEADER_BYTES):
            raise _BadFileError(f"{path}: file too short")
        try:
            elf = elf_of(self.rootfs, node)
        except ElfError:
            raise _BadFileError(f"{path}: invalid ELF header") from None
        if elf.bits != self.elf.bits:
            not_found.other_class = True
            not_found.skipped.append(f"{path} is {elf.bits} bit")
            return None
        if elf.big_endian != self.elf.big_endian:
            order = "big" if self.elf.big_endian else "little"
            raise _BadFileError(f"{path}: ELF file data encoding not {order}-endian")
        wrong = identity_error(self.rootfs.read_at(node, 0, _ELF_HEADER_BYTES), big_endian=elf.big_endian)
        if wrong is not None:
            raise _BadFileError(f"{path}: {wrong}")
        if elf.machine != self.elf.machine:
            not_found.skipped.append(f"{path} is for {elf.machine_name}")
            return None
        wrong = layout_error(elf, path)
        if wrong is not None:
            raise _BadFileError(wrong)
        return node, elf

    # Findings.

    def _bind(self) -> list[Finding]:
        """What ends the program although all libraries are there; a warning goes to `others`."""
        for found in (
            version_findings(self.request, self.objects, self.by_name),
            symbol_findings(self.request, self.objects),
        ):
            self.others += [finding for finding in found if finding.severity is not Severity.ERROR]
            fatal = [finding for finding in found if finding.severity is Severity.ERROR]
            if fatal:
                return fatal
        return []

    def _missing_finding(self) -> list[Finding]:
        if not self.missing:
            return []
        _, owner, text, _ = self.missing[0]
        evidence = [f"{self.request.program.path}: loader {self.request.loader_name} (glibc)"]
        for wanted, asking, reason, skipped in self.missing[:_SOME]:
            evidence.append(f"{asking.path}: needs {wanted}: {reason.removeprefix(wanted + ': ')}")
            evidence.extend(skipped[:_SOME])
        if len(self.missing) > _SOME:
            evidence.append(f"and {len(self.missing) - _SOME} more")
        names = list(dict.fromkeys(entry[0] for entry in self.missing))
        return [
            problem(
                CheckCode.LIBC_NEEDED_MISSING,
                path=owner.path,
                predicts=f"{self.request.argv0}: error while loading shared libraries: {text}",
                evidence=tuple(evidence),
                fix=f"Add {some_names(names)} to the final stage (the package that owns it, or COPY --from the stage "
                "that built the program), or link it statically.",
            )
        ]


def load_with_glibc(request: LoadRequest) -> LoadReport:
    """The result of glibc's loader for a program."""
    try:
        return _Glibc(request).run()
    except ElfError as error:
        return LoadReport(
            libc=Libc.GLIBC, objects=(), not_checked=(f"{request.program.path}: its libraries cannot be read: {error}",)
        )


def _soname(elf: Elf) -> str | None:
    dynamic = elf.dynamic
    return dynamic.soname if dynamic else None


def _compiled_in(request: LoadRequest) -> GlibcPaths:
    rootfs, loader = request.process.rootfs, request.loader
    key = ("glibc-paths", loader.diff_id, loader.stored_path)
    known = rootfs.memo.get(key)
    if not isinstance(known, GlibcPaths):
        known = glibc_paths(rootfs.read(loader, limit_bytes=MAX_LOADER_BYTES))
        rootfs.memo[key] = known
    return known
