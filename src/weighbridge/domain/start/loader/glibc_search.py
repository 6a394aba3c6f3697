"""Where the dynamic loader of glibc looks for a library: elf/dl-load.c, elf/dl-cache.c.

Search order for a name without a slash: the RPATH chain (only if the requesting object has no RUNPATH),
``LD_LIBRARY_PATH``, the requesting object's RUNPATH, ``ld.so.cache``, the directories compiled into the loader.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.elf import Elf, Machine
from weighbridge.domain.start.loader.compiled_in import GlibcPaths
from weighbridge.domain.start.loader.ldcache import MAX_CACHE_BYTES, CacheEntry, flags_for, parse_ld_cache
from weighbridge.domain.start.loader.objects import LoadedObject, LoadRequest, variable_of

_HWCAPS: dict[int, tuple[str, ...]] = {
    # The level of every machine that runs containers today. x86-64-v4 is not assumed.
    Machine.X86_64: ("x86-64-v3", "x86-64-v2"),
    Machine.S390X: ("z13",),
    Machine.PPC64: ("power9",),
}
_PLATFORM: dict[int, str] = {Machine.X86_64: "x86_64", Machine.AARCH64: "aarch64", Machine.I386: "i686"}
_TOKEN = re.compile(r"\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})")


class GlibcSearch:
    """Finds the candidate paths of libraries. `main` is the program; `paths` are those compiled into the loader."""

    def __init__(self, request: LoadRequest, main: LoadedObject, paths: GlibcPaths) -> None:
        self.request = request
        self.main = main
        self.rootfs = request.process.rootfs
        self.elf = request.elf
        self.paths = paths
        self._existing: dict[str, bool] = {}

    def candidates(self, name: str, loader: LoadedObject) -> Iterator[str]:
        """The candidate paths for `name`, in the loader's order."""
        dynamic = loader.elf.dynamic
        runpath = dynamic.runpath if dynamic else None
        if runpath is None:
            yield from self._rpath_chain(name, loader)
        library_path = self.request.library_path
        if library_path is None and not self.request.secure:
            library_path = variable_of(self.request.process, "LD_LIBRARY_PATH")
        if library_path:
            directories = [self.expand(part, self.main) for part in re.split("[:;]", library_path)]
            yield from self._in_directories(name, directories)
        if runpath is not None:
            yield from self._in_directories(name, self._path_list(runpath, loader))
        no_defaults = bool(dynamic and dynamic.no_default_libraries)
        for path in self._cached(name):
            if not (no_defaults and path.startswith(self.paths.directories)):
                yield path
        if not no_defaults:
            yield from self._in_directories(name, list(self.paths.directories))

    def _rpath_chain(self, name: str, loader: LoadedObject) -> Iterator[str]:
        asked_main = False
        current: LoadedObject | None = loader
        while current is not None:
            dynamic = current.elf.dynamic
            # The RPATH of an object with a RUNPATH is ignored (dl-load.c, cache_rpath).
            if dynamic is not None and dynamic.rpath is not None and dynamic.runpath is None:
                yield from self._in_directories(name, self._path_list(dynamic.rpath, current))
                asked_main |= current is self.main
            current = current.requested_by
        dynamic = self.main.elf.dynamic
        if not asked_main and dynamic is not None and dynamic.rpath is not None and dynamic.runpath is None:
            yield from self._in_directories(name, self._path_list(dynamic.rpath, self.main))

    def _path_list(self, text: str, owner: LoadedObject) -> list[str]:
        directories = []
        for part in text.split(":"):
            expanded = self.expand(part, owner)
            if expanded != part and self.request.secure:
                # A secure process follows $ORIGIN only into the compiled-in directories.
                normal = posixpath.normpath(expanded) + "/"
                if not normal.startswith(self.paths.directories):
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
        entries = _cache_of(self.rootfs, self.paths.cache, self.elf).get(name, [])
        # The loader chooses one path; entries for special CPUs count only if there is no other.
        plain = [entry for entry in entries if entry.hwcap == 0]
        return [entry.path for entry in (plain or entries)[:1]]

    def expand(self, text: str, owner: LoadedObject) -> str:
        """`text` with the values of ``$ORIGIN``, ``$LIB`` and ``$PLATFORM`` for `owner`."""
        if "$" not in text:
            return text
        library = self.paths.directories[0].strip("/") if self.paths.directories else "lib"
        path = owner.node.path if not owner.name else posixpath.join(self.request.process.cwd, owner.name)
        values = {
            "ORIGIN": posixpath.dirname(path) or "/",
            "LIB": library,
            "PLATFORM": _PLATFORM.get(self.elf.machine, ""),
        }
        return _TOKEN.sub(lambda match: values[match.group(1) or match.group(2)], text)


def _cache_of(rootfs: Rootfs, path: str, elf: Elf) -> dict[str, list[CacheEntry]]:
    """The entries of ``ld.so.cache`` for programs such as `elf`, by name; parsed once for each file."""
    node = rootfs.lookup(path)
    if not isinstance(node, Node) or not node.is_file:
        return {}
    key = ("ld.so.cache", node.diff_id, node.stored_path, str(elf.machine), str(elf.bits))
    known = rootfs.memo.get(key)
    if isinstance(known, dict):
        return known
    accepted: dict[str, list[CacheEntry]] = {}
    flags = flags_for(elf.machine, elf.bits)
    for entry in parse_ld_cache(rootfs.read(node, limit_bytes=MAX_CACHE_BYTES)):
        if entry.flags in flags:
            accepted.setdefault(entry.soname, []).append(entry)
    rootfs.memo[key] = accepted
    return accepted
