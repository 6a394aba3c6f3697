"""The files of one commit. Every image of a repository asks about its own few: each question costs what it finds."""

from __future__ import annotations

import functools
import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

_BEHIND_SLASH = chr(ord("/") + 1)


class RepositoryPaths:
    """Paths from the root of a tree, without a leading slash; ``.`` is the root."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._sorted = sorted(paths)

    def below(self, folder: str) -> Sequence[str]:
        """All files in a folder and its folders."""
        if folder == ".":
            return self._sorted
        first, behind = (bisect_left(self._sorted, f"{folder}{end}") for end in ("/", _BEHIND_SLASH))
        return self._sorted[first:behind]

    def at_or_below(self, path: str) -> Sequence[str]:
        """The file of this path, or all files of the folder."""
        at = bisect_left(self._sorted, path)
        return [path] if self._sorted[at : at + 1] == [path] else self.below(path)

    def directly_in(self, folder: str) -> Sequence[str]:
        """The files of a folder (empty for the root), without those of its folders."""
        return self._by_folder.get(folder, ())

    @functools.cached_property
    def _by_folder(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for path in self._sorted:
            found.setdefault(posixpath.dirname(path), []).append(path)
        return found
