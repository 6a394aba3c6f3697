"""Recognises files without a package by their path: package lists, caches, logs, bytecode, databases."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from weighbridge.domain.packages.model import DISTRIBUTIONS, Ecosystem

_PLACES: tuple[tuple[str, str], ...] = (
    (r"/var/lib/apt/lists/", "apt package lists"),
    (r"/var/cache/apt/", "apt cache"),
    (r"/var/lib/(?:dpkg|apt)/|/var/cache/debconf/", "package database"),
    (r"/(?:usr/)?lib/apk/db/", "package database"),
    (r"/var/lib/(?:rpm|dnf|yum)/|/usr/lib/sysimage/", "package database"),
    (r"/var/cache/(?:dnf|yum|zypp|libdnf5)/", "dnf cache"),
    (r"/(?:var/cache|etc)/apk/", "apk cache"),
    (r".*/\.cache/pip/|.*/pip-cache/", "pip cache"),
    (r".*/\.cache/uv/", "uv cache"),
    (r".*/\.npm/|.*/\.cache/npm/|.*/_cacache/", "npm cache"),
    (r".*/\.cache/(?:yarn|Cypress|ms-playwright)/|.*/\.yarn/cache/|.*/usr/local/share/\.cache/", "yarn cache"),
    (r".*/\.cache/pnpm/", "pnpm cache"),
    (r".*/\.bun/install/cache/", "bun cache"),
    (r".*/\.pnpm-store/|.*/\.local/share/pnpm/store/", "pnpm store"),
    (r".*/\.node_compile_cache/|.*/node-compile-cache/|.*/v8-compile-cache", "node's compile cache"),
    (r".*/\.cargo/registry/|.*/cargo/registry/", "cargo registry"),
    (r".*/go/pkg/mod/", "Go module cache"),
    (r".*/\.cache/go-build/", "Go build cache"),
    (r".*/\.m2/", "Maven repository"),
    (r".*/\.gradle/", "Gradle cache"),
    (r".*/\.nuget/", "NuGet cache"),
    (r".*/\.composer/|.*/\.cache/composer/", "Composer cache"),
    (r".*/\.gem/|.*/bundle/cache/", "gem cache"),
    (r".*/node_modules/\.(?:package-lock\.json|yarn-integrity|modules\.yaml)\Z", "records of npm"),
    (r".*/(?:package-lock\.json|yarn\.lock|pnpm-lock\.yaml)\Z", "lock file of npm"),
    (r".*/__pycache__/|.*\.pyc\Z", "Python bytecode (__pycache__)"),
    (r"/var/log/", "logs"),
    (r"/(?:var/)?tmp/", "temporary files"),
    (r"/etc/ld\.so\.cache\Z|/var/cache/ldconfig/", "loader cache"),
    (r"/usr/share/(?:doc|man|info)/", "documentation"),
    (r"/usr/lib/locale/|/usr/share/locale/", "locales"),
    (r"/etc/ssl/certs/", "certificates"),
    (r"/var/cache/", "caches"),
    (r".*/\.git/", "git history (.git)"),
    (r".*/\.cache/", "caches"),
)
_PATTERNS = tuple((re.compile(pattern), what) for pattern, what in _PLACES)


@functools.lru_cache(maxsize=1 << 16)
def _place_of(folder: str) -> str | None:
    """The description of the files of a folder whose names say nothing."""
    return next((what for pattern, what in _PATTERNS if pattern.match(f"{folder}/")), None)


@functools.lru_cache(maxsize=1 << 16)
def _patterns_of(folder: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns that may match a file of `folder`: an image has far more files than folders."""
    return tuple(
        (pattern, what)
        for pattern, what in _PATTERNS
        if not _is_of_folders(pattern.pattern) or pattern.match(f"{folder}/") is not None
    )


def _is_of_folders(pattern: str) -> bool:
    """True if each alternative ends with a slash: the folder of a path then decides alone."""
    return pattern.endswith("/") and r"\Z" not in pattern


_NAMES = (".package-lock.json", ".yarn-integrity", ".modules.yaml", "package-lock.json", "yarn.lock", "pnpm-lock.yaml")
_ENDINGS = (*(f"/{name}" for name in _NAMES), ".pyc", "/ld.so.cache")
_PART_OF_NAME = "/v8-compile-cache"
"""How the paths end, or what they have, that the name of the file may decide: the folder decides for all others."""


def known_place(path: str) -> str | None:
    """A description of the file at an absolute `path`; ``None`` if the path is not recognised."""
    folder = path.rpartition("/")[0]
    if not path.endswith(_ENDINGS) and _PART_OF_NAME not in path:
        return _place_of(folder)
    return next((what for pattern, what in _patterns_of(folder) if pattern.match(path)), None)


INSTALLED_WITH: Mapping[str, frozenset[Ecosystem]] = {
    "apt cache": frozenset({Ecosystem.DEB}),
    "package database": DISTRIBUTIONS,
    "dnf cache": frozenset({Ecosystem.RPM}),
    "apk cache": frozenset({Ecosystem.APK}),
    "pip cache": frozenset({Ecosystem.PYTHON}),
    "uv cache": frozenset({Ecosystem.PYTHON}),
    "npm cache": frozenset({Ecosystem.NPM}),
    "yarn cache": frozenset({Ecosystem.NPM}),
    "pnpm cache": frozenset({Ecosystem.NPM}),
    "bun cache": frozenset({Ecosystem.NPM}),
    "pnpm store": frozenset({Ecosystem.NPM}),
    "records of npm": frozenset({Ecosystem.NPM}),
    "lock file of npm": frozenset({Ecosystem.NPM}),
    "cargo registry": frozenset({Ecosystem.CARGO}),
    "Go module cache": frozenset({Ecosystem.GO}),
    "Maven repository": frozenset({Ecosystem.JAR}),
    "Gradle cache": frozenset({Ecosystem.JAR}),
    "NuGet cache": frozenset({Ecosystem.NUGET}),
    "Composer cache": frozenset({Ecosystem.COMPOSER}),
    "gem cache": frozenset({Ecosystem.GEM}),
}
"""Records of installers, which grow with the packages."""


def place_folder(path: str) -> str | None:
    """The recognised folder that contains `path`, such as ``/root/.npm``; ``None`` for a file recognised by name."""
    match = next((match for pattern, _ in _PATTERNS if (match := pattern.match(path))), None)
    return match[0].rstrip("/") if match is not None and match[0].endswith("/") else None
