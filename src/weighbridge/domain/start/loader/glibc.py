"""Emulates the dynamic loader of glibc: elf/dl-load.c, elf/dl-deps.c, elf/dl-version.c, elf/dl-lookup.c, elf/rtld.c.

Search order for a name without a slash: the RPATH chain (only if the requesting object has no RUNPATH),
``LD_LIBRARY_PATH``, the requesting object's RUNPATH, ``ld.so.cache``, the directories compiled into the loader. The
messages are the loader's own.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity
from weighbridge.domain.image.rootfs import LookupReason, Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.elf import Elf, ElfError, Machine
from weighbridge.domain.start.loader.compiled_in import MAX_LOADER_BYTES, GlibcPaths, glibc_paths
from weighbridge.domain.start.loader.ldcache import MAX_CACHE_BYTES, CacheEntry, flags_for, parse_ld_cache
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
_HWCAPS: dict[int, tuple[str, ...]] = {
    # The level of every machine that runs containers today. x86-64-v4 is not assumed.
    Machine.X86_64: ("x86-64-v3", "x86-64-v2"),
    Machine.S390X: ("z13",),
    Machine.PPC64: ("power9",),
}
_PLATFORM: dict[int, str] = {Machine.X86_64: "x86_64", Machine.AARCH64: "aarch64", Machine.I386: "i686"}
_TOKEN = re.compile(r"\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})")
_ELF_HEADER_BYTES = 52
_SOME = 8


@dataclass(slots=True, kw_only=True)
class _Search:
    """The state of one search for a file."""

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
        self.compiled_in = self._compiled_in()
        self.system_directories = self.compiled_in.directories
        self.objects: list[LoadedObject] = []
        self.by_name: dict[str, LoadedObject] = {}
        self.by_file: dict[tuple[str, str], LoadedObject] = {}
        self.missing: list[tuple[str, LoadedObject, str, tuple[str, ...]]] = []
        self.others: list[Finding] = []
        self.reasons: list[str] = []
        self._cache: dict[str, list[CacheEntry]] | None = None
        self._existing: dict[str, bool] = {}

    def _compiled_in(self) -> GlibcPaths:
        loader = self.request.loader
        key = ("glibc-paths", loader.diff_id, loader.stored_path)
        known = self.rootfs.memo.get(key)
        if not isinstance(known, GlibcPaths):
            known = glibc_paths(self.rootfs.read(loader, limit_bytes=MAX_LOADER_BYTES))
            self.rootfs.memo[key] = known
        return known

    def run(self) -> LoadReport:
        main = LoadedObject(name="", node=self.request.program, elf=self.elf, requested_by=None)
        self._enter(main, self.request.argv0)
        loader = LoadedObject(
            name=self.request.loader_name, node=self.request.loader, elf=self.request.loader_elf, requested_by=None
        )
        self.by_file[self.request.loader.diff_id, self.request.loader.stored_path] = loader
        for name in (self.request.loader_name, _soname(self.request.loader_elf)):
            if name:
                self._name(loader, name)
        for name, source in self._preloads():
            self._preload(name, source, main)
        self._map_dependencies()
        # The loader itself is in the list of objects at the position of its first request, otherwise last.
        if loader not in self.objects:
            self.objects.append(loader)
        fatal = self._missing_finding() or self._version_findings()
        if not fatal:
            fatal = self._symbol_findings()
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
        path = self.compiled_in.preload
        node = self.rootfs.lookup(path)
        if isinstance(node, Node) and node.is_file:
            text = self.rootfs.read(node, limit_bytes=_MAX_PRELOAD_BYTES).decode("utf-8", "surrogateescape")
            lines = (line.partition("#")[0] for line in lines_of(text))
            yield from ((name, path) for line in lines for name in re.split(r"[ \t:]", line) if name)

    def _preload(self, name: str, source: str, main: LoadedObject) -> None:
        """Map a preloaded library.

        The loader ignores one that cannot be mapped, and prints a text (do_preload in rtld.c).
        """
        try:
            found = self._map(name, main)
        except _BadFileError as error:
            reason = str(error).removeprefix(f"{name}: ")
        else:
            if not isinstance(found, _Search):
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
                    found = self._map(self._expand(name, loaded), loaded)
                except _BadFileError as error:
                    if required:
                        self.missing.append((name, loaded, str(error), ()))
                    continue
                if isinstance(found, _Search):
                    if required:
                        self.missing.append((name, loaded, self._missing_text(name, found), tuple(found.skipped)))
                elif id(found) not in seen and found in self.objects:
                    seen.add(id(found))
                    queue.append(found)
            if len(self.objects) > MAX_OBJECTS:
                self.reasons.append(f"more than {MAX_OBJECTS} libraries")
                return

    def _missing_text(self, name: str, search: _Search) -> str:
        if search.other_class:
            return f"{name}: wrong ELF class: ELFCLASS{32 if self.elf.bits == 64 else 64}"
        text = "Permission denied" if search.denied else "No such file or directory"
        return f"{name}: cannot open shared object file: {text}"

    def _map(self, name: str, loader: LoadedObject) -> LoadedObject | _Search:
        known = self._already(name)
        if known is not None:
            return known
        search = _Search()
        candidates: Iterator[str] = iter((name,)) if "/" in name else self._candidates(name, loader)
        for path in candidates:
            opened = self._open(path, search)
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
        return search

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

    def _candidates(self, name: str, loader: LoadedObject) -> Iterator[str]:
        """The candidate paths for `name`, in the loader's order."""
        dynamic = loader.elf.dynamic
        runpath = dynamic.runpath if dynamic else None
        if runpath is None:
            yield from self._rpath_chain(name, loader)
        library_path = self.request.library_path
        if library_path is None and not self.request.secure:
            library_path = variable_of(self.request.process, "LD_LIBRARY_PATH")
        if library_path:
            main = self.objects[0]
            directories = [self._expand(part, main) for part in re.split("[:;]", library_path)]
            yield from self._in_directories(name, directories)
        if runpath is not None:
            yield from self._in_directories(name, self._path_list(runpath, loader))
        no_defaults = bool(dynamic and dynamic.no_default_libraries)
        for path in self._cached(name):
            if not (no_defaults and path.startswith(self.system_directories)):
                yield path
        if not no_defaults:
            yield from self._in_directories(name, list(self.system_directories))

    def _rpath_chain(self, name: str, loader: LoadedObject) -> Iterator[str]:
        main = self.objects[0]
        asked_main = False
        current: LoadedObject | None = loader
        while current is not None:
            dynamic = current.elf.dynamic
            # The RPATH of an object with a RUNPATH is ignored (dl-load.c, cache_rpath).
            if dynamic is not None and dynamic.rpath is not None and dynamic.runpath is None:
                yield from self._in_directories(name, self._path_list(dynamic.rpath, current))
                asked_main |= current is main
            current = current.requested_by
        dynamic = main.elf.dynamic
        if not asked_main and dynamic is not None and dynamic.rpath is not None and dynamic.runpath is None:
            yield from self._in_directories(name, self._path_list(dynamic.rpath, main))

    def _path_list(self, text: str, owner: LoadedObject) -> list[str]:
        directories = []
        for part in text.split(":"):
            expanded = self._expand(part, owner)
            if expanded != part and self.request.secure:
                # A secure process follows $ORIGIN only into the compiled-in directories.
                normal = posixpath.normpath(expanded) + "/"
                if not normal.startswith(self.system_directories):
                    continue
            directories.append(expanded)
        return directories

    def _in_directories(self, name: str, directories: list[str]) -> Iterator[str]:
        for directory in directories:
            base = directory or "."
            if not base.endswith("/"):
                base += "/"
            if self._directory_exists(f"{base}glibc-hwcaps"):
                for level in _HWCAPS.get(self.elf.machine, ()):
                    yield f"{base}glibc-hwcaps/{level}/{name}"
            yield base + name

    def _directory_exists(self, path: str) -> bool:
        known = self._existing.get(path)
        if known is None:
            node = self.rootfs.lookup(path, cwd=self.request.process.cwd)
            known = self._existing[path] = isinstance(node, Node) and node.is_directory
        return known

    def _cached(self, name: str) -> list[str]:
        if self._cache is None:
            self._cache = {}
            node = self.rootfs.lookup(self.compiled_in.cache)
            if isinstance(node, Node) and node.is_file:
                flags = flags_for(self.elf.machine, self.elf.bits)
                for entry in parse_ld_cache(self.rootfs.read(node, limit_bytes=MAX_CACHE_BYTES)):
                    if entry.flags in flags:
                        self._cache.setdefault(entry.soname, []).append(entry)
        entries = self._cache.get(name, [])
        # The loader chooses one path; entries for special CPUs count only if there is no other.
        plain = [entry for entry in entries if entry.hwcap == 0]
        return [entry.path for entry in (plain or entries)[:1]]

    def _expand(self, text: str, owner: LoadedObject) -> str:
        if "$" not in text:
            return text
        library = self.system_directories[0].strip("/") if self.system_directories else "lib"
        path = owner.node.path if not owner.name else posixpath.join(self.request.process.cwd, owner.name)
        values = {
            "ORIGIN": posixpath.dirname(path) or "/",
            "LIB": library,
            "PLATFORM": _PLATFORM.get(self.elf.machine, ""),
        }
        return _TOKEN.sub(lambda match: values[match.group(1) or match.group(2)], text)

    def _open(self, path: str, search: _Search) -> tuple[Node, Elf] | None:
        """``open_verify``: skips a file of another class or machine; a broken file ends the program."""
        credentials = self.request.process.credentials
        node = self.rootfs.lookup(path, cwd=self.request.process.cwd, may_search=credentials.may_search)
        if not isinstance(node, Node):
            search.denied = node.reason is LookupReason.PERMISSION_DENIED
            return None
        if not credentials.may_read(node.entry):
            search.denied = True
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
            search.other_class = True
            search.skipped.append(f"{path} is {elf.bits} bit")
            return None
        if elf.big_endian != self.elf.big_endian:
            order = "big" if self.elf.big_endian else "little"
            raise _BadFileError(f"{path}: ELF file data encoding not {order}-endian")
        if elf.machine != self.elf.machine:
            search.skipped.append(f"{path} is for {elf.machine_name}")
            return None
        if not elf.is_executable_type:
            raise _BadFileError(f"{path}: only ET_DYN and ET_EXEC can be loaded")
        try:
            dynamic = elf.dynamic
        except ElfError:
            raise _BadFileError(f"{path}: cannot dynamically load executable") from None
        if dynamic is None:
            raise _BadFileError(f"{path}: object file has no dynamic section")
        return node, elf

    # Findings.

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

    def _version_findings(self) -> list[Finding]:
        argv0 = self.request.argv0
        lines: list[str] = []
        evidence: list[str] = []
        first: str | None = None
        for loaded in self.objects:
            requirer = loaded.name or argv0
            for wanted in loaded.elf.needed_versions:
                provider = self.by_name.get(wanted.soname)
                if provider is None:
                    continue
                if not provider.elf.has_version_definitions:
                    self._no_versions(provider, requirer)
                    continue
                if any(record.version == wanted.version for record in provider.elf.defined_versions) or wanted.weak:
                    continue
                lines.append(
                    f"{argv0}: {provider.name or argv0}: version `{wanted.version}' not found (required by {requirer})"
                )
                first = first or loaded.path
                evidence.append(
                    f"{loaded.path}: needs {wanted.version} of {wanted.soname}; {provider.node.path} "
                    f"{_highest(provider.elf, wanted.version)}"
                )
        if not lines:
            return []
        return [
            problem(
                CheckCode.LIBC_VERSION_MISSING,
                path=first or self.request.program.path,
                predicts=lines[0],
                evidence=(*evidence[: 2 * _SOME],),
                fix="Build on the release of the final stage (or an older one), or use a final stage with the "
                "library of the build stage.",
            )
        ]

    def _no_versions(self, provider: LoadedObject, requirer: str) -> None:
        text = f"{self.request.argv0}: {provider.name}: no version information available (required by {requirer})"
        if all(finding.predicts != text for finding in self.others):
            self.others.append(
                problem(
                    CheckCode.LIBC_VERSION_MISSING,
                    path=provider.path,
                    predicts=text,
                    evidence=(f"{provider.path} defines no versions, {requirer} was linked against one that does",),
                    fix="Use the library that the program was linked against.",
                    severity=Severity.WARNING,
                )
            )

    def _symbol_findings(self) -> list[Finding]:
        tables = [loaded.elf.exports for loaded in self.objects]
        bind_now = bool(variable_of(self.request.process, "LD_BIND_NOW")) and not self.request.secure
        late: list[tuple[LoadedObject, str]] = []
        # Relocation is in reverse order: the program last.
        for loaded in reversed(self.objects):
            dynamic = loaded.elf.dynamic
            now = bind_now or bool(dynamic and dynamic.bind_now)
            for symbol in loaded.elf.undefined:
                if symbol.weak or _resolves(symbol.name, symbol.version, tables, skip=0 if symbol.copied else None):
                    continue
                shown = symbol.name.decode("utf-8", "replace")
                suffix = f", version {symbol.version}" if symbol.version else ""
                requirer = loaded.name or self.request.argv0
                text = f"{self.request.argv0}: symbol lookup error: {requirer}: undefined symbol: {shown}{suffix}"
                if now or symbol.immediate:
                    return [self._symbol_problem(loaded, text, shown, Severity.ERROR)]
                late.append((loaded, text))
        if late:
            loaded, text = late[0]
            shown = text.rpartition("undefined symbol: ")[2]
            self.others.append(self._symbol_problem(loaded, text, shown, Severity.WARNING))
        return []

    def _symbol_problem(self, loaded: LoadedObject, text: str, symbol: str, severity: Severity) -> Finding:
        when = "before main" if severity is Severity.ERROR else "only when it is called (lazy binding)"
        return problem(
            CheckCode.LIBC_SYMBOL_MISSING,
            path=loaded.path,
            predicts=text,
            evidence=(f"{loaded.path}: uses {symbol}", f"no library of the program defines it; it fails {when}"),
            fix="Use the library release that the program was linked against.",
            severity=severity,
        )


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


def _resolves(name: bytes, version: str | None, tables: list[dict[bytes, frozenset[str]]], *, skip: int | None) -> bool:
    """True if an object in scope has the symbol, in that version or without any version."""
    for position, table in enumerate(tables):
        if position == skip:
            continue
        versions = table.get(name)
        if versions is not None and (version is None or version in versions or "" in versions):
            return True
    return False


def _highest(elf: Elf, wanted: str) -> str:
    """The highest version that the library has of the family of `wanted`, in words."""
    family = wanted.rpartition("_")[0] + "_"
    names = [record.version for record in elf.defined_versions if record.version.startswith(family)]
    numbered = [name for name in names if _numbers(name, family)]
    if not numbered:
        return f"has no {family}* versions" if len(family) > 1 else "does not define it"
    return f"has up to {max(numbered, key=lambda name: _numbers(name, family))}"


def _numbers(name: str, family: str) -> tuple[int, ...]:
    parts = name.removeprefix(family).split(".")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else ()
