"""Finds files that Git LFS stores elsewhere: a checkout without git-lfs has only a pointer of 130 bytes.

Format of a pointer: git-lfs, docs/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.plan.affected import Changes
from weighbridge.plan.git import EntryType, Repository, has_setting
from weighbridge.plan.git_blobs import blob_sizes, read_blobs
from weighbridge.plan.tree import Tree

_POINTER = b"version https://git-lfs"
_MAXIMUM_POINTER_BYTES = 1_024
_MAXIMUM_FILES = 10_000
_FILTERS = ("filter.lfs.process", "filter.lfs.smudge")


def changed_pointers(repository: Repository, trees: Mapping[str, Tree], changes: Changes) -> tuple[str, ...]:
    """The changed paths that are LFS pointers in a checkout of this machine, sorted. Raises GitError.

    Empty if git-lfs is set up: a checkout then has the files.
    """
    if not any(path.endswith(".gitattributes") for tree in trees.values() for path in tree.entries):
        return ()
    entries = [
        entry
        for path in changes.paths[:_MAXIMUM_FILES]
        for tree in trees.values()
        if (entry := tree.entries.get(path)) is not None and entry.type in {EntryType.FILE, EntryType.EXECUTABLE}
    ]
    sizes = blob_sizes(repository, [entry.sha for entry in entries])
    small = dict.fromkeys(
        entry.sha for entry in entries if sizes.get(entry.sha, _MAXIMUM_POINTER_BYTES + 1) <= _MAXIMUM_POINTER_BYTES
    )
    data = read_blobs(repository, small, maximum_bytes=_MAXIMUM_POINTER_BYTES) if small else ()
    pointers = {sha for sha, content in data if content.startswith(_POINTER)}
    if not pointers or any(has_setting(repository, name) for name in _FILTERS):
        return ()
    return tuple(sorted({entry.path for entry in entries if entry.sha in pointers}))
