"""Emulates the dynamic loader of musl: ldso/dynlink.c of musl 1.2.

Search order: ``LD_LIBRARY_PATH``, then RPATH or RUNPATH (equivalent) of the requesting object and of those that
requested it, then ``/etc/ld-musl-ARCH.path`` below the loader's prefix, or without that file the path compiled into the
loader. musl contains its own libc, libm, libpthread and so on. It never checks versions, and it binds all symbols
before ``main``. The messages are the loader's own.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.rootfs import LookupReason, Node
from weighbridge.domain.start.elf import Elf, ElfError, Machine
from weighbridge.domain.start.loader.compiled_in import MAX_LOADER_BYTES, musl_paths
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

_MAX_PATH_FILE_BYTES = 64 * 1024
_MAX_NAME_BYTES = 255
_OWN_NAMES = ("libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet.")
_ARCHITECTURE: dict[tuple[int, int], str] = {
    (Machine.X86_64, 64): "x86_64",
    (Machine.X86_64, 32): "x32",
    (Machine.AARCH64, 64): "aarch64",
    (Machine.I386, 32): "i386",
    (Machine.RISCV, 64): "riscv64",
    (Machine.PPC64, 64): "powerpc64le",
    (Machine.S390X, 64): "s390x",
    (Machine.LOONGARCH, 64): "loongarch64",
}
_NO_FILE, _DENIED, _LOOP = "No such file or directory", "Permission denied", "Symbolic link loop"
_NOT_A_LIBRARY, _IS_A_DIRECTORY = "Exec format error", "Is a directory"
_SOME = 8
_ORIGIN = re.compile(r"\$ORIGIN|\$\{ORIGIN\}")

LFS64_NAMES = frozenset(
    b"aio_cancel aio_error aio_fsync aio_read aio_return aio_suspend aio_write alphasort creat fallocate fgetpos fopen "
    b"freopen fseeko fsetpos fstat fstatat fstatfs fstatvfs ftello ftruncate ftw getdents getrlimit glob globfree "
    b"lio_listio lockf lseek lstat mkostemp mkostemps mkstemp mkstemps mmap nftw open openat posix_fadvise "
    b"posix_fallocate pread preadv prlimit pwrite pwritev readdir scandir sendfile setrlimit stat statfs statvfs "
    b"tmpfile truncate versionsort __fxstat __fxstatat __lxstat __xstat".split()
)
"""Functions for which musl 1.2.4 and later also binds the name with the suffix ``64``, although the library does not
export it (get_lfs64 in ldso/dynlink.c)."""


class _Musl:
    """One run of the loader."""

    def __init__(self, request: LoadRequest) -> None:
        self.request = request
        self.rootfs = request.process.rootfs
        self.itself = LoadedObject(
            name=request.loader_name, node=request.loader, elf=request.loader_elf, requested_by=None
        )
        self.main = LoadedObject(name=request.executed_as, node=request.program, elf=request.elf, requested_by=None)
        self.objects: list[LoadedObject] = [self.main]
        self.by_short_name: dict[str, LoadedObject] = {}
        self.by_file: dict[tuple[str, str], LoadedObject] = {}
        self.missing: list[tuple[str, LoadedObject, str]] = []
        self._system_path: str | None = None

    def run(self) -> LoadReport:
        for name in self._preloads():
            self._load(name, None)
        queue = deque(self.objects)
        seen = set(map(id, queue))
        while queue and len(self.objects) <= MAX_OBJECTS:
            loaded = queue.popleft()
            dynamic = loaded.elf.dynamic
            for name in dynamic.needed if dynamic else ():
                found = self._load(name, loaded)
                if isinstance(found, str):
                    self.missing.append((name, loaded, found))
                elif found is not self.itself and id(found) not in seen:
                    seen.add(id(found))
                    queue.append(found)
        # The symbols of musl count only if an object needs it: otherwise the loader is in no list.
        tables = [loaded.elf.exports for loaded in self.objects]
        fatal = self._missing_findings() or self._symbol_findings(tables)
        return LoadReport(libc=Libc.MUSL, objects=tuple(self.objects), fatal=tuple(fatal))

    def _preloads(self) -> list[str]:
        names = list(self.request.preload)
        value = variable_of(self.request.process, "LD_PRELOAD")
        if value and not self.request.secure:
            names += [name for name in re.split(r"[\s:]+", value) if name]
        return names

    def _load(self, name: str, asking: LoadedObject | None) -> LoadedObject | str:
        """The object for a name, or the C library's error text."""
        if not name:
            return "Invalid argument"
        if name.startswith(_OWN_NAMES) or name == self.request.loader_name:
            return self._own()
        if "/" in name:
            opened = self._open(name)
            path = name
        else:
            known = self.by_short_name.get(name)
            if known is not None:
                return known
            if len(name) > _MAX_NAME_BYTES:
                return _NO_FILE
            opened, path = self._search(name, asking)
        if isinstance(opened, str):
            return opened
        same = self.by_file.get((opened.diff_id, opened.stored_path))
        if same is not None:
            if "/" not in name:
                self.by_short_name.setdefault(posixpath.basename(same.name), same)
            return same
        try:
            elf = elf_of(self.rootfs, opened)
            # Only type and dynamic section are checked, not class and machine.
            if not elf.is_executable_type or elf.dynamic is None:
                return _NOT_A_LIBRARY
            exports = elf.exports
        except ElfError:
            return _NOT_A_LIBRARY
        if b"__libc_start_main" in exports and b"stdin" in exports:
            # A process never has two libcs: the loader itself replaces a glibc or another musl.
            return self._own()
        loaded = LoadedObject(name=path, node=opened, elf=elf, requested_by=asking)
        self.objects.append(loaded)
        self.by_file[opened.diff_id, opened.stored_path] = loaded
        if "/" not in name:
            self.by_short_name[posixpath.basename(path)] = loaded
        return loaded

    def _own(self) -> LoadedObject:
        if self.itself not in self.objects:
            self.objects.append(self.itself)
        return self.itself

    def _search(self, name: str, asking: LoadedObject | None) -> tuple[Node | str, str]:
        library_path = self.request.library_path
        if library_path is None and not self.request.secure:
            library_path = variable_of(self.request.process, "LD_LIBRARY_PATH")
        paths: list[str] = [library_path] if library_path else []
        current = asking
        while current is not None:
            paths.append(self._rpath(current))
            current = current.requested_by
        paths.append(self._system_directories())
        for path_list in paths:
            for directory in re.split("[:\n]+", path_list):
                if not directory:
                    continue
                path = f"{directory}/{name}"
                opened = self._open(path)
                # These are skipped; any other error ends the search (path_open).
                if isinstance(opened, str) and opened in {_NO_FILE, _DENIED}:
                    continue
                return opened, path
        return _NO_FILE, name

    def _rpath(self, loaded: LoadedObject) -> str:
        dynamic = loaded.elf.dynamic
        if dynamic is None:
            return ""
        # DT_RUNPATH is checked last and wins.
        text = dynamic.runpath if dynamic.runpath is not None else dynamic.rpath
        if not text or "$" not in text:
            return text or ""
        if len(_ORIGIN.findall(text)) != text.count("$"):
            # Any other token makes musl ignore the whole list.
            return ""
        if loaded is self.main:
            if self.request.secure:
                return ""
            origin = posixpath.dirname(self.request.program.path)
        else:
            origin = posixpath.dirname(loaded.name) or "."
        return _ORIGIN.sub(lambda _: origin, text)

    def _system_directories(self) -> str:
        if self._system_path is None:
            prefix = _prefix(self.request.loader_name)
            compiled_in = musl_paths(self.rootfs.read(self.request.loader, limit_bytes=MAX_LOADER_BYTES))
            architecture = compiled_in.architecture or musl_architecture(
                self.request.loader_elf, self.request.loader_name
            )
            node = self.rootfs.lookup(f"{prefix}/etc/ld-musl-{architecture}.path")
            if isinstance(node, Node) and node.is_file:
                raw = self.rootfs.read(node, limit_bytes=_MAX_PATH_FILE_BYTES)
                self._system_path = raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
            elif isinstance(node, Node) or node.reason is not LookupReason.NOT_FOUND:
                self._system_path = ""
            else:
                self._system_path = compiled_in.path
        return self._system_path

    def _open(self, path: str) -> Node | str:
        credentials = self.request.process.credentials
        node = self.rootfs.lookup(path, cwd=self.request.process.cwd, may_search=credentials.may_search)
        if isinstance(node, Node):
            if not credentials.may_read(node.entry):
                return _DENIED
            return _IS_A_DIRECTORY if node.is_directory else node
        if node.reason is LookupReason.PERMISSION_DENIED:
            return _DENIED
        return _LOOP if node.reason is LookupReason.TOO_MANY_SYMLINKS else _NO_FILE

    def _missing_findings(self) -> list[Finding]:
        if not self.missing:
            return []
        name, owner, reason = self.missing[0]
        evidence = [f"{self.request.program.path}: loader {self.request.loader_name} (musl)"]
        evidence += [f"{asking.node.path}: needs {wanted}: {text}" for wanted, asking, text in self.missing[:_SOME]]
        names = list(dict.fromkeys(entry[0] for entry in self.missing))
        return [
            problem(
                CheckCode.LIBC_NEEDED_MISSING,
                path=owner.node.path,
                predicts=f"Error loading shared library {name}: {reason} (needed by {owner.name})",
                evidence=tuple(evidence),
                fix=_musl_fix(names),
            )
        ]

    def _symbol_findings(self, tables: list[dict[bytes, frozenset[str]]]) -> list[Finding]:
        has_aliases = b"fopen64" not in self.itself.elf.exports and self.itself in self.objects
        missing: list[tuple[LoadedObject, str]] = []
        # Libraries are relocated in load order, the program last.
        for loaded in (*self.objects[1:], self.main):
            if loaded is self.itself:
                continue
            for symbol in loaded.elf.undefined:
                where = tables[1:] if symbol.copied else tables
                if symbol.weak or any(symbol.name in table for table in where):
                    continue
                if has_aliases and _is_alias(symbol.name):
                    continue
                missing.append((loaded, symbol.name.decode("utf-8", "replace")))
        if not missing:
            return []
        owner, first = missing[0]
        names = list(dict.fromkeys(name for _, name in missing))
        return [
            problem(
                CheckCode.LIBC_SYMBOL_MISSING,
                path=owner.node.path,
                predicts=f"Error relocating {owner.name}: {first}: symbol not found",
                evidence=(
                    f"{self.request.program.path}: loader {self.request.loader_name} (musl)",
                    f"{owner.node.path}: no library of the program defines {some_names(names)}",
                ),
                fix="Build the program for musl (in the same distribution as the final stage) or run it on a final "
                "stage with glibc, such as busybox:glibc.",
            )
        ]


def load_with_musl(request: LoadRequest) -> LoadReport:
    """The result of musl's loader for a program."""
    try:
        return _Musl(request).run()
    except ElfError as error:
        return LoadReport(
            libc=Libc.MUSL, objects=(), not_checked=(f"{request.program.path}: its libraries cannot be read: {error}",)
        )


def musl_architecture(elf: Elf, loader_name: str) -> str:
    """The ARCH in ``ld-musl-ARCH``, from the loader's name if possible (arm has four of them)."""
    match = re.search(r"ld-musl-([A-Za-z0-9_.-]+?)\.so", loader_name)
    return match.group(1) if match else _ARCHITECTURE.get((elf.machine, elf.bits), "armhf")


def _prefix(loader_name: str) -> str:
    """The loader's path without its last two components."""
    if not loader_name.startswith("/"):
        return ""
    return loader_name.rpartition("/")[0].rpartition("/")[0]


def _is_alias(name: bytes) -> bool:
    return name == b"readdir64_r" or (name.endswith(b"64") and name[:-2] in LFS64_NAMES)


def _musl_fix(names: list[str]) -> str:
    if any(name.startswith("ld-linux") for name in names):
        return (
            "The program was built for glibc. Build it for musl, or run it on a final stage with glibc, such as "
            "busybox:glibc."
        )
    return (
        f"Add the package with {some_names(names)} to the final stage (libgcc and libstdc++ are separate "
        "packages on Alpine), or link it statically."
    )
