"""Finds the paths compiled into a loader in its bytes: Nix, Guix and other prefixes have custom loaders.

Sources: glibc elf/dl-cache.c (``LD_SO_CACHE``), elf/rtld.c (``preload_file``), elf/dl-load.c (``system_dirs``); musl
ldso/dynlink.c (``sys_path``, ``/etc/ld-musl-ARCH.path``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CACHE_PATH = "/etc/ld.so.cache"
PRELOAD_PATH = "/etc/ld.so.preload"
MUSL_PATH = "/lib:/usr/local/lib:/usr/lib"
FALLBACK_DIRECTORIES = ("/lib64/", "/usr/lib64/", "/lib/", "/usr/lib/")
MAX_LOADER_BYTES = 16 * 1024 * 1024
_DIRECTORY_LIST = re.compile(rb"(?<![!-~])(?:/[!-~]{0,255}/\0){1,16}")
_CACHE = re.compile(rb"(?<![!-~])(/[!-~]{1,255}\.cache)\0")
_PRELOAD = re.compile(rb"(?<![!-~])(/[!-~]{1,255}\.preload)\0")
_PATH_LIST = re.compile(rb"(?<![!-~])(/[!-9;-~]{1,255}(?::/[!-9;-~]{1,255}){1,15})\0")
_MUSL_ARCHITECTURE = re.compile(rb"/etc/ld-musl-([A-Za-z0-9_.-]{1,32})\.path\0")


@dataclass(frozen=True, kw_only=True, slots=True)
class GlibcPaths:
    """The search paths of a glibc loader: its cache, its list of preloads, its directories."""

    cache: str
    preload: str
    directories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MuslPaths:
    """The search paths of a musl loader without a path file, and the ARCH in that file's name (None if not found)."""

    path: str
    architecture: str | None


def glibc_paths(loader: bytes) -> GlibcPaths:
    """The paths of a glibc loader. Paths found in it precede the usual ones."""
    caches, preloads = _texts(_CACHE, loader), _texts(_PRELOAD, loader)
    return GlibcPaths(
        cache=CACHE_PATH if CACHE_PATH in caches else next(iter(caches), CACHE_PATH),
        preload=PRELOAD_PATH if PRELOAD_PATH in preloads else next(iter(preloads), PRELOAD_PATH),
        directories=system_directories(loader),
    )


def system_directories(loader: bytes) -> tuple[str, ...]:
    """The directories compiled into a glibc loader, with their trailing slash, in order.

    The loader's constants contain them as adjacent strings that begin and end with a slash (``system_dirs`` in
    dl-load.c).
    """
    best: tuple[str, ...] = ()
    for match in _DIRECTORY_LIST.finditer(loader):
        found = tuple(part.decode("ascii") for part in match.group()[:-1].split(b"\0"))
        if any("lib" in part for part in found) and len(found) > len(best):
            best = found
    return best or FALLBACK_DIRECTORIES


def musl_paths(loader: bytes) -> MuslPaths:
    """The paths of a musl loader."""
    lists = [text for text in _texts(_PATH_LIST, loader) if "lib" in text]
    architecture = _MUSL_ARCHITECTURE.search(loader)
    return MuslPaths(
        path=MUSL_PATH if MUSL_PATH in lists else next(iter(lists), MUSL_PATH),
        architecture=architecture.group(1).decode("ascii") if architecture else None,
    )


def _texts(pattern: re.Pattern[bytes], loader: bytes) -> list[str]:
    return [text.decode("ascii") for text in pattern.findall(loader)]
