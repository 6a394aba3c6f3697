"""Dockerfiles that are symlinks: which file of the same tree each one is.

BuildKit follows a link inside of the folder that it is given.
A link that leads out of the repository is never followed.
"""

from __future__ import annotations

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

    Git is asked once. Raises GitError.
    """
    links = {
        side: [path for path in list(dict.fromkeys(paths[side])) if _type_of(tree, path) is EntryType.SYMLINK]
        for side, tree in trees.items()
    }
    shas = {trees[side].entries[path].sha: None for side, found in links.items() for path in found[:_MAXIMUM_LINKS]}
    if not shas:
        return {side: {} for side in trees}
    texts = dict(read_blobs(repository, shas, maximum_bytes=_MAXIMUM_PATH_BYTES))
    answer: dict[str, dict[str, str]] = {}
    for side, tree in trees.items():
        answer[side] = {}
        for path in links[side]:
            target = _followed(tree, path, texts)
            if target is not None:
                answer[side][path] = target
    return answer


def _type_of(tree: Tree, path: str) -> EntryType | None:
    entry = tree.entries.get(path)
    return None if entry is None else entry.type


def _followed(tree: Tree, path: str, texts: Mapping[str, bytes]) -> str | None:
    """The regular file at the end of a chain of links whose texts are known."""
    for _ in range(_MAXIMUM_STEPS):
        entry = tree.entries.get(path)
        if entry is None:
            return None
        if entry.type in _REGULAR:
            return path
        written = texts.get(entry.sha, b"").decode("utf-8", "surrogateescape")
        if not written or written.startswith("/") or len(written) > _MAXIMUM_PATH_BYTES:
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), written))
        if path.startswith("../"):
            return None
    return None
