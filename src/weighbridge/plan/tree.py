"""A commit's tree as a build context: which paths exist, and which of them an ignore file excludes."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from weighbridge.domain.globs import has_wildcards, match_segment, plain_prefix
from weighbridge.plan.git import EntryType, TreeEntry
from weighbridge.plan.ignore_file import IgnoreFile

ROOT = "."

_MAXIMUM_DEPTH = 200
_MAXIMUM_LOOKED_AT = 5_000


class Tree:
    """The files and folders of one commit. Paths are relative to the repository's root, ``.`` is the root itself."""

    def __init__(self, entries: Sequence[TreeEntry]) -> None:
        self.entries = {entry.path: entry for entry in entries}
        self._paths = sorted(self.entries)
        self.links = [
            path for path in self._paths if self.entries[path].type in {EntryType.SYMLINK, EntryType.SUBMODULE}
        ]
        """The symlinks and submodules, sorted: their contents are unknown here."""
        self.submodules = [path for path in self.links if self.entries[path].type is EntryType.SUBMODULE]
        self._children: dict[str, set[str]] = {ROOT: set()}
        for path in self._paths:
            folder, name = _split(path)
            while folder not in self._children:
                self._children[folder] = {name}
                folder, name = _split(folder)
            self._children[folder].add(name)

    def dockerfile(self, path: str) -> str | None:
        """`path` if the tree has it; otherwise ``dockerfile`` for ``Dockerfile``, as BuildKit does."""
        if path in self.entries:
            return path
        folder, slash, name = path.rpartition("/")
        lower = f"{folder}{slash}dockerfile"
        return lower if name == "Dockerfile" and lower in self.entries else None

    def is_folder(self, path: str) -> bool:
        """True for a folder that is not empty (git has no empty ones)."""
        return path in self._children

    def has_source(self, context: str, source: str, ignore: IgnoreFile | None) -> bool:
        """True if `source` of a ``COPY``, as written there, is in the build context `context`.

        A path behind a symlink or in a submodule counts as existing, because git's tree cannot tell.
        """
        path = clean_source(source)
        if path == ROOT:
            return True
        if has_wildcards(path):
            return any(not self._is_ignored(found, context, ignore) for found in self._matching(context, path))
        whole = join(context, path)
        if self._is_behind_link(whole, context):
            return True
        if whole in self.entries:
            return not self._is_ignored(whole, context, ignore)
        if not self.is_folder(whole):
            return False
        if ignore is None:
            return True
        below = self.paths_below(whole)
        return any(
            not self._is_ignored(one, context, ignore) for one, _ in zip(below, range(_MAXIMUM_LOOKED_AT), strict=False)
        )

    def folders_named(self, name: str) -> list[str]:
        """The folders with this name, anywhere in the tree, sorted."""
        return sorted(folder for folder in self._children if folder.rpartition("/")[2] == name)

    def paths_below(self, folder: str) -> Iterator[str]:
        """The paths of all files below `folder`, sorted."""
        return paths_below(self._paths, folder)

    def _is_ignored(self, path: str, context: str, ignore: IgnoreFile | None) -> bool:
        return ignore is not None and ignore.ignores(relative(path, context))

    def _is_behind_link(self, path: str, context: str) -> bool:
        folder = posixpath.dirname(path)
        while folder and folder != context:
            entry = self.entries.get(folder)
            if entry is not None:
                return entry.type in {EntryType.SYMLINK, EntryType.SUBMODULE}
            folder = posixpath.dirname(folder)
        entry = self.entries.get(path)
        return entry is not None and entry.type is EntryType.SUBMODULE

    def _matching(self, context: str, pattern: str) -> Iterator[str]:
        """The files and folders of `context` that match a pattern, segment by segment."""
        found: Iterator[str] = iter((context,))
        for segment in pattern.split("/")[:_MAXIMUM_DEPTH]:
            found = self._children_matching(found, segment)
        return found

    def _children_matching(self, folders: Iterable[str], segment: str) -> Iterator[str]:
        is_pattern = has_wildcards(segment)
        prefix = plain_prefix(segment)
        for folder in folders:
            names = self._children.get(folder) or set()
            if not is_pattern:
                if segment in names:
                    yield join(folder, segment)
                continue
            for name in names:
                if name.startswith(prefix) and match_segment(segment, name):
                    yield join(folder, name)


def clean_source(source: str) -> str:
    """A source as BuildKit reads it: always below the context (``../x`` and ``/x`` are ``x``)."""
    return posixpath.normpath("/" + source).strip("/") or ROOT


def join(folder: str, path: str) -> str:
    """`path` below `folder`; either may be the root."""
    if folder == ROOT:
        return path
    return folder if path == ROOT else f"{folder}/{path}"


def relative(path: str, folder: str) -> str:
    """`path`, which is below `folder`, relative to it."""
    return path if folder == ROOT else path[len(folder) + 1 :]


def folders_from(folder: str) -> Iterable[str]:
    """`folder` and all folders above it, the root last."""
    yield folder
    while folder != ROOT:
        folder = posixpath.dirname(folder) or ROOT
        yield folder


def is_below(path: str, folder: str) -> bool:
    """True where `path` is in `folder` or deeper."""
    return folder == ROOT or path.startswith(f"{folder}/")


def paths_below(paths: Sequence[str], folder: str) -> Iterator[str]:
    """The sorted `paths` that are below `folder`."""
    start = 0 if folder == ROOT else bisect_left(paths, f"{folder}/")
    for index in range(start, len(paths)):
        if not is_below(paths[index], folder):
            return
        yield paths[index]


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder or ROOT, name
