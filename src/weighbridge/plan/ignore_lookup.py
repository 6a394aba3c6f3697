"""Finds the ignore file that applies to a build in one commit's tree, and whether its content is known."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from weighbridge.plan.git import REGULAR_FILES, TreeEntry
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.tree import ROOT, Tree, join

_CHANGES_TEXT = re.compile(rb"working-tree-encoding|filter|ident")
"""Attributes that make git check out other bytes than it stores (gitattributes(5))."""


class IgnoreFiles:
    """The ignore files of one tree. `blobs` are contents by object name, at least those of `ignore_blobs`.

    A symlink, or a file that git may check out with other bytes, ignores nothing, because its content is unknown.
    """

    def __init__(self, tree: Tree, blobs: Mapping[str, bytes]) -> None:
        self._tree = tree
        self._blobs = blobs
        self._known: dict[str, IgnoreFile] = {}

    def in_force(self, dockerfile: str, context: str) -> IgnoreFile | None:
        """``DOCKERFILE.dockerignore``, otherwise the context's ``.dockerignore``; ``None`` if neither exists."""
        entry = self.entry(dockerfile, context)
        if entry is None:
            return None
        if entry.path not in self._known:
            is_known = entry.type in REGULAR_FILES and not self._is_converted(entry.path)
            self._known[entry.path] = IgnoreFile(self._blobs.get(entry.sha, b"") if is_known else b"")
        return self._known[entry.path]

    def entry(self, dockerfile: str, context: str) -> TreeEntry | None:
        """The tree's entry of the ignore file that applies."""
        found = (self._tree.entries.get(path) for path in ignore_candidates(dockerfile, context))
        return next((entry for entry in found if entry is not None), None)

    def _is_converted(self, path: str) -> bool:
        entries = (self._tree.entries.get(one) for one in _attributes_above(path))
        return any(
            entry is not None and _CHANGES_TEXT.search(self._blobs.get(entry.sha, b"filter")) for entry in entries
        )


def ignore_candidates(dockerfile: str, context: str) -> tuple[str, str]:
    """The possible paths of a build's ignore file; the first that exists applies."""
    return f"{dockerfile}.dockerignore", join(context, ".dockerignore")


def ignore_blobs(tree: Tree, dockerfile: str, context: str) -> Iterator[str]:
    """The objects that `IgnoreFiles` needs for a build: ignore files, and attributes that apply to them."""
    for candidate in ignore_candidates(dockerfile, context):
        if candidate in tree.entries:
            for path in (candidate, *_attributes_above(candidate)):
                entry = tree.entries.get(path)
                if entry is not None and entry.type in REGULAR_FILES:
                    yield entry.sha


def _attributes_above(path: str) -> Iterator[str]:
    """The ``.gitattributes`` in the folder of `path` and in the folders above it."""
    folder = posixpath.dirname(path)
    while True:
        yield join(folder or ROOT, ".gitattributes")
        if not folder:
            return
        folder = posixpath.dirname(folder)
