"""Dockerfiles that are symlinks: which file of the same tree each one is.

BuildKit follows a link inside of the folder that it is given.
A link that leads out of the repository is never followed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping

from weighbridge.plan.git import EntryType, Repository, read_blobs
from weighbridge.plan.tree import Tree

_MAXIMUM_LINKS = 1_000
_MAXIMUM_PATH_BYTES = 4_096
_MAXIMUM_STEPS = 5
_REGULAR = frozenset({EntryType.FILE, EntryType.EXECUTABLE})


def linked_files(
    repository: Repository, trees: Mapping[str, Tree], paths: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, str]]:
    """The regular file behind each symlink among `paths`, by side and path. A link that leads elsewhere is left out.

    Raises GitError.
    """
    ends: dict[tuple[str, str], str] = {}
    for side, tree in trees.items():
        links = [path for path in dict.fromkeys(paths[side]) if _type_of(tree, path) is EntryType.SYMLINK]
        ends |= {(side, path): path for path in links[:_MAXIMUM_LINKS]}
    for _ in range(_MAXIMUM_STEPS):  # git is asked once for each step of the longest chain
        shas = {
            (side, path): trees[side].entries[end].sha
            for (side, path), end in ends.items()
            if _type_of(trees[side], end) is EntryType.SYMLINK
        }
        if not shas:
            break
        texts = dict(read_blobs(repository, dict.fromkeys(shas.values()), maximum_bytes=_MAXIMUM_PATH_BYTES))
        ends |= {key: _target(ends[key], texts[sha]) for key, sha in shas.items()}
    return {
        side: {path: end for (of, path), end in ends.items() if of == side and _type_of(tree, end) in _REGULAR}
        for side, tree in trees.items()
    }


def _type_of(tree: Tree, path: str) -> EntryType | None:
    entry = tree.entries.get(path)
    return None if entry is None else entry.type


def _target(link: str, text: bytes) -> str:
    """Where a link leads, from the root; ``""`` outside of the repository."""
    written = os.fsdecode(text)
    if not written or written.startswith("/") or len(text) > _MAXIMUM_PATH_BYTES:
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(link), written))
