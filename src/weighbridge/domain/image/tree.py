"""Applies the layers of an image: one tree of files, changed layer by layer, and the files that layers hide.

Rules: OCI image spec, "Image Layer Filesystem Changeset". Whiteouts hide files of *lower* layers, at any position in
the tar. A parent that the tar does not name becomes a directory, even if it was another kind of file before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.errors import ImageError

MAX_IMPLIED_DIRECTORIES = 200_000
"""Limit on directories that no layer names; builders name each directory in its layer."""
IMPLIED = Entry(path="", kind=EntryKind.DIRECTORY, mode=0o755)
"""The entry of each directory that no layer names. It has no path: full paths would need quadratic memory."""


class Inode:
    """One file of the tree. `children` is a dictionary for a directory and None for every other kind.

    `layer` is the index of its layer, `stored_path` its path there. `names` counts its paths: each hard link adds one.
    """

    __slots__ = ("children", "entry", "layer", "names", "stored_path")

    def __init__(self, entry: Entry, layer: int, stored_path: str, children: dict[str, Inode] | None) -> None:
        self.entry = entry
        self.layer = layer
        self.stored_path = stored_path
        self.children = children
        self.names = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class HiddenFile:
    """A regular file that lost its last name in layer `hidden_by` (an index, lowest is 0).

    `cover` is the new file with that name; ``None`` if there is none, or a directory.
    """

    inode: Inode
    hidden_by: int
    cover: Inode | None


class FileTree:
    """The final files of an image. Build it with `from_changesets`; it is immutable.

    `hidden` holds each non-empty regular file that is in a layer and invisible in a container.
    """

    def __init__(self, changesets: Sequence[Changeset]) -> None:
        self.changesets = tuple(changesets)
        self.root = Inode(IMPLIED, 0, "", {})
        self._implied = itertools.count()
        self.hidden: list[HiddenFile] = []
        self._lost: list[tuple[Inode, str]] = []
        """Files of lower layers that lost their last name in the current layer, with that name."""

    @classmethod
    def from_changesets(cls, changesets: Sequence[Changeset]) -> FileTree:
        """The result of applying `changesets`, lowest first. Raises ImageError for too many implied directories."""
        tree = cls(changesets)
        for layer, changeset in enumerate(tree.changesets):
            tree._apply(layer, changeset)
        return tree

    def find(self, path: str) -> Inode | None:
        """The inode at `path` (no leading slash), no symlink followed."""
        inode: Inode | None = self.root
        for name in path.split("/") if path else ():
            if inode is None or inode.children is None:
                return None
            inode = inode.children.get(name)
        return inode

    def walk(self) -> Iterator[tuple[str, Inode]]:
        """Every file below the root with its absolute path, parents before children."""
        return _walk("", self.root)

    def _apply(self, layer: int, changeset: Changeset) -> None:
        """Apply one layer to the tree. Removals come first: they only affect lower layers."""
        additions: list[Entry] = []
        for entry in changeset.entries:
            kind = entry.kind
            if kind is EntryKind.WHITEOUT:
                self._remove(entry.path, layer)
            elif kind is EntryKind.OPAQUE:
                self._empty(entry.path, layer)
            else:
                additions.append(entry)
        parent_path = ""
        parent = _children(self.root)
        for entry in additions:
            path = entry.path
            if not path:
                self.root.entry, self.root.layer = entry, layer
                continue
            head, _, name = path.rpartition("/")
            if head != parent_path:
                parent = self._directory(head, layer)
                parent_path = head
            self._add(parent, name, entry, layer)
            if entry.kind is not EntryKind.DIRECTORY and parent_path.startswith(path):
                parent_path, parent = "", _children(self.root)
        for inode, path in self._lost:
            if not inode.names:
                self.hidden.append(HiddenFile(inode=inode, hidden_by=layer, cover=self._cover(path)))
        self._lost.clear()

    def _add(self, parent: dict[str, Inode], name: str, entry: Entry, layer: int) -> None:
        existing = parent.get(name)
        if entry.kind is EntryKind.DIRECTORY and existing is not None and existing.children is not None:
            existing.entry, existing.layer = entry, layer
            return
        target = self.find(entry.link_target or "") if entry.kind is EntryKind.HARD_LINK else None
        if target is not None and target.children is None:
            target.names += 1
            parent[name] = target
        else:
            parent[name] = Inode(entry, layer, entry.path, {} if entry.kind is EntryKind.DIRECTORY else None)
        if existing is not None:
            self._drop(existing, entry.path, layer)

    def _directory(self, path: str, layer: int) -> dict[str, Inode]:
        """The children of the directory `path`, created if the tar does not name it (an implied parent).

        Raises ImageError for too many implied directories.
        """
        children = _children(self.root)
        if not path:
            return children
        names = path.split("/")
        for depth, name in enumerate(names, start=1):
            inode = children.get(name)
            if inode is None or inode.children is None:
                if next(self._implied) >= MAX_IMPLIED_DIRECTORIES:
                    raise ImageError(
                        f"the layers hold files in more than {MAX_IMPLIED_DIRECTORIES} directories that no layer names"
                    )
                if inode is not None:
                    self._drop(inode, "/".join(names[:depth]), layer)
                inode = children[name] = Inode(IMPLIED, layer, "", {})
            children = _children(inode)
        return children

    def _remove(self, path: str, layer: int) -> None:
        head, _, name = path.rpartition("/")
        parent = self.find(head)
        if parent is not None and parent.children is not None:
            removed = parent.children.pop(name, None)
            if removed is not None:
                self._drop(removed, path, layer)

    def _empty(self, path: str, layer: int) -> None:
        directory = self.find(path)
        if directory is not None and directory.children:
            removed, directory.children = directory.children, {}
            for name, inode in removed.items():
                self._drop(inode, f"{path}/{name}" if path else name, layer)

    def _drop(self, inode: Inode, path: str, layer: int) -> None:
        """Remove the name `path` from `inode`, and the names of everything below it."""
        if inode.children is None:
            self._unname(inode, path, layer)
        else:
            for child_path, child in _walk(path, inode):
                if child.children is None:
                    self._unname(child, child_path, layer)

    def _unname(self, inode: Inode, path: str, layer: int) -> None:
        inode.names -= 1
        # Files of the same layer are not hidden: within one layer, only the last entry of a path exists.
        if not inode.names and inode.entry.size_bytes and inode.layer != layer:
            self._lost.append((inode, path))

    def _cover(self, path: str) -> Inode | None:
        inode = self.find(path)
        return inode if inode is not None and inode.children is None else None


def _walk(path: str, inode: Inode) -> Iterator[tuple[str, Inode]]:
    """Everything below `inode`, which is at `path`, each with its path."""
    stack = [(path, inode)]
    while stack:
        path, inode = stack.pop()
        for name, child in (inode.children or {}).items():
            child_path = f"{path}/{name}"
            yield child_path, child
            if child.children:
                stack.append((child_path, child))


def _children(inode: Inode) -> dict[str, Inode]:
    children = inode.children
    if children is None:
        raise AssertionError("not a directory")
    return children
