"""Whether any folder of an image has a file that a language loads by a relative name, such as ``sinatra.rb``.

The load paths of ruby, perl and lua depend on how they were built. A name that no folder of the image has is missing
for every load path, so the path itself is not computed.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.interpreters.view import View

_ENDINGS = (".rb", ".so", ".pm", ".pl", ".ph", ".lua", ".gemspec")
_LANGUAGES = ("/ruby", "/perl", "/lua", "/python", "/php", "/nodejs")
_MAX_SAME_NAME = 2000


@dataclass(slots=True, kw_only=True)
class LoadSearch:
    """The state of one search through the files that a program loads: those it has read, and whether it goes on."""

    view: View
    seen: set[str] = field(default_factory=set)
    stopped: bool = False


@dataclass(slots=True)
class _Index:
    """`folders` are those that have a file of this name. `symlinks` are the names of all symlinks."""

    folders: dict[str, list[str]] = field(default_factory=dict)
    symlinks: set[str] = field(default_factory=set)


def may_have(view: View, name: str, language: str) -> bool:
    """False if no file of the image ends in ``/name``. True in doubt, such as for symlinks.

    Folders that are named after another language do not count.
    """
    if view.process.has_more_files:
        return True
    index = _index(view.process.rootfs)
    folder, _, base = name.rpartition("/")
    if base in index.symlinks:
        return True
    found = index.folders.get(base, [])
    if len(found) >= _MAX_SAME_NAME or (found and any(part in index.symlinks for part in folder.split("/"))):
        return True
    ending = f"/{folder}/" if folder else "/"
    return any(f"{each}/".endswith(ending) and not _is_foreign(each, language) for each in found)


def _is_foreign(folder: str, language: str) -> bool:
    return language not in folder and any(other in folder for other in _LANGUAGES)


def names_of_gems(view: View) -> frozenset[str]:
    """The gems with their versions that any folder of gems has, such as ``puma-6.4.0``."""
    rootfs = view.process.rootfs
    key = ("names-of-gems",)
    known = rootfs.memo.get(key)
    if not isinstance(known, frozenset):
        names = _index(rootfs)
        known = frozenset(
            name.removesuffix(".gemspec")
            for name, folders in names.folders.items()
            if name.endswith(".gemspec") and any("/specifications" in folder for folder in folders)
        )
        rootfs.memo[key] = known
    return known


def _index(rootfs: Rootfs) -> _Index:
    key = ("loaded-files",)
    known = rootfs.memo.get(key)
    if not isinstance(known, _Index):
        known = _Index()
        for folder, files in rootfs.table.by_folder():
            for name in files:
                if name.endswith(_ENDINGS):
                    folders = known.folders.setdefault(name, [])
                    if len(folders) < _MAX_SAME_NAME:
                        folders.append(folder)
        known.symlinks.update(posixpath.basename(node.path) for node in rootfs.symlinks())
        rootfs.memo[key] = known
    return known
