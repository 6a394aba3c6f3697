"""Tips on development dependencies, from lock files and records in the image."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.packages.npm import home_of
from weighbridge.domain.tips.context import FoundTip, TipContext, by_layer, bytes_by, counted, shown, total_bytes
from weighbridge.domain.tips.tip import Basis, Tip
from weighbridge.domain.units import format_bytes
from weighbridge.errors import WeighbridgeError

_MAX_RECORD_BYTES = 32 << 20
MAX_PROJECTS = 50
_NODE_MODULES = "/node_modules"
_LOCKS = (f"{_NODE_MODULES}/.package-lock.json", "/package-lock.json", "/npm-shrinkwrap.json")
"""npm's record of installed packages comes first. The other files only list packages to install."""
_COMPOSER_RECORD = "/composer/installed.json"


def dev_dependencies(context: TipContext) -> Iterator[FoundTip]:
    """``dev-dependencies``: folders of packages that a lock file marks as development only, by layer; exact.

    Reads npm's lock files (version 1 to 3) and composer's record. Skips a project if the container starts a development
    dependency of it.
    """
    folders = {**_npm_folders(context), **_composer_folders(context)}
    if not folders:
        return
    own = context.own_in(lambda folder: _package_folder(folder, folders) is not None)
    owned = {file.inode: folder for file in own if (folder := _package_folder(file.path, folders)) is not None}
    for layer, files in by_layer(own):
        sizes = bytes_by(files, owned)
        names = [f"{folder} ({format_bytes(size)})" for folder, size in sizes.items()]
        remedies = " and ".join(dict.fromkeys(folders[folder] for folder in sizes))
        yield FoundTip(
            tip=Tip(
                code="dev-dependencies",
                saved_bytes=total_bytes(files),
                basis=Basis.COMPUTED,
                line=context.layer(layer).line,
                explanation=(
                    f"{counted(len(sizes), 'development package')} according to the lock file: {shown(names)}."
                    f" Fix: {remedies}."
                ),
            ),
            files=tuple(files),
        )


def _package_folder(path: str, folders: Mapping[str, str]) -> str | None:
    """The innermost package folder of `folders` that contains a file."""
    folder = posixpath.dirname(path)
    home = home_of(folder)
    if home is not None:
        return home if home in folders else None
    while folder not in {"", "/"}:
        if folder in folders:
            return folder
        folder = posixpath.dirname(folder)
    return None


def _npm_folders(context: TipContext) -> dict[str, str]:
    """The folders of npm's development packages, with the command that omits them."""
    roots = {
        file.path[: file.path.find(f"{_NODE_MODULES}/")]
        for file in context.own_named("package.json")
        if f"{_NODE_MODULES}/" in file.path
    }
    folders: dict[str, str] = {}
    for root in sorted(roots)[:MAX_PROJECTS]:
        lock = next((found for name in _LOCKS if (found := _record(context, root + name)) is not None), {})
        packages = dict(_npm_packages(lock))
        dev = {key: one for key, one in packages.items() if one.get("dev") is True}
        if dev and not _starts_one(context, root, dev):
            folders |= {f"{root}/{key}": "npm ci --omit=dev" for key in dev}
    return folders


def _npm_packages(lock: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The packages of a lock file by their folder, ``node_modules/a/node_modules/b``."""
    packages = lock.get("packages")
    if isinstance(packages, dict):
        yield from ((key, one) for key, one in packages.items() if key and isinstance(one, dict))
        return
    waiting: list[tuple[str, Any]] = [("", lock.get("dependencies"))]
    while waiting:
        around, dependencies = waiting.pop()
        for name, one in dependencies.items() if isinstance(dependencies, dict) else ():
            if isinstance(one, dict):
                key = f"{around}node_modules/{name}"
                yield key, one
                waiting.append((f"{key}/", one.get("dependencies")))


def _starts_one(context: TipContext, root: str, dev: Mapping[str, Mapping[str, Any]]) -> bool:
    """True if the container starts a program of a development package, directly or by a script of package.json."""
    words = list(context.command_words)
    scripts = (_record(context, f"{root}/package.json") or {}).get("scripts")
    if isinstance(scripts, dict):
        asked = {"start", *words} if {"npm", "yarn", "pnpm"} & set(map(posixpath.basename, words)) else set()
        words += [word for name in asked for word in str(scripts.get(name, "")).split()]
    programs = {posixpath.basename(key) for key in dev}
    for one in dev.values():
        if isinstance(one.get("bin"), dict):
            programs |= set(one["bin"])
    return any(posixpath.basename(word) in programs or _inside(word, dev) for word in words)


def _inside(word: str, dev: Iterable[str]) -> bool:
    at = word.find("node_modules/")
    return at >= 0 and any(word[at:].startswith(f"{key}/") for key in dev)


def _composer_folders(context: TipContext) -> dict[str, str]:
    """The folders of composer's development packages, with the command that omits them."""
    records = [file for file in context.own_named("installed.json") if file.path.endswith(_COMPOSER_RECORD)]
    folders: dict[str, str] = {}
    for file in records[:MAX_PROJECTS]:
        record = _record(context, file.path) or {}
        vendor = file.path.removesuffix(_COMPOSER_RECORD)
        folders |= {
            f"{vendor}/{name}": "composer install --no-dev"
            for name in _texts(record.get("dev-package-names"))
            if ".." not in name.split("/")
        }
    return folders


def _texts(value: object) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _record(context: TipContext, path: str) -> Mapping[str, Any] | None:
    """A JSON object of the image; ``None`` if it is missing or invalid."""
    node = context.image.rootfs.lookup(path)
    if not isinstance(node, Node) or not node.is_file or node.size_bytes > _MAX_RECORD_BYTES:
        return None
    try:
        record = json.loads(context.image.rootfs.read(node, limit_bytes=_MAX_RECORD_BYTES))
    except (ValueError, RecursionError, WeighbridgeError):
        return None
    return record if isinstance(record, dict) else None
