"""Resolves Dockerfiles behind symlinks to regular files of the same tree.

BuildKit follows a link only inside of the folder that it gets. A link out of the repository is never followed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weighbridge.plan.git import REGULAR_FILES, EntryType, Repository, read_present_blobs
from weighbridge.plan.tree import Tree

_MAXIMUM_PATHS = 1_000
_MAXIMUM_PATH_BYTES = 4_096
_MAXIMUM_STEPS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedFile:
    """The regular `file` that a path leads to, and the `links` on the way, folders that are symlinks among them."""

    file: str
    links: tuple[str, ...]


def linked_files(
    repository: Repository, trees: Mapping[str, Tree], paths: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, LinkedFile]]:
    """The regular file that each of `paths` resolves to through symlinks, by side and path.

    A path without a symlink is left out, and one that leads to no file of the tree. Raises GitError.
    """
    ends: dict[tuple[str, str], LinkedFile] = {}
    for side, tree in trees.items():
        behind = [path for path in dict.fromkeys(paths[side]) if _first_link(tree, path) is not None]
        ends |= {(side, path): LinkedFile(file=path, links=()) for path in behind[:_MAXIMUM_PATHS]}
    for _ in range(_MAXIMUM_STEPS):  # one git call for each step of the longest chain
        links = {
            (side, path): link
            for (side, path), end in ends.items()
            if (link := _first_link(trees[side], end.file)) is not None
        }
        if not links:
            break
        shas = {key: trees[key[0]].entries[link].sha for key, link in links.items()}
        texts = dict(read_present_blobs(repository, dict.fromkeys(shas.values()), maximum_bytes=_MAXIMUM_PATH_BYTES))
        for key, link in links.items():
            end = ends[key]
            rest = end.file[len(link) :].lstrip("/")
            ends[key] = LinkedFile(file=_target(link, texts[shas[key]] or b"", rest), links=(*end.links, link))
    return {
        side: {
            path: end for (of, path), end in ends.items() if of == side and _type_of(tree, end.file) in REGULAR_FILES
        }
        for side, tree in trees.items()
    }


def _first_link(tree: Tree, path: str) -> str | None:
    """The first symlink on the way to `path`, or `path` itself if it is one."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth])
        if _type_of(tree, above) is EntryType.SYMLINK:
            return above
    return None


def _type_of(tree: Tree, path: str) -> EntryType | None:
    entry = tree.entries.get(path)
    return None if entry is None else entry.type


def _target(link: str, text: bytes, rest: str) -> str:
    """The target of `rest` behind a link, from the root; ``""`` if it is outside of the repository."""
    written = os.fsdecode(text)
    if not written or written.startswith("/") or len(text) > _MAXIMUM_PATH_BYTES:
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(link), written, rest))
    return "" if path.startswith("../") else path
