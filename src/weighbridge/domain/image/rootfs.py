"""The final root filesystem of an image, built from its layers, with path resolution like the kernel's.

`weighbridge.domain.image.tree` applies the layers. Lookups follow path_resolution(7), and every symlink is resolved
inside this root.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from weighbridge.domain.image.directory import Directory, Item
from weighbridge.domain.image.entries import SYMLINK
from weighbridge.domain.image.file_table import FileTable, symlinks
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.tree import FileTree

MAX_SYMLINKS = 40
"""``MAXSYMLINKS`` of the kernel (include/linux/namei.h): more give ELOOP."""
MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255
HEAD_BYTES = 65536
_CACHE_BYTES = 32 * 1024 * 1024

RUNTIME_DIRECTORIES = ("/proc", "/sys", "/dev")
"""Folders that a container runtime mounts over the image. Their content is unknown."""
RUNTIME_FILES = frozenset({"/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/mtab", "/.dockerenv"})
"""Files that the engine adds to each container."""


def provided_at_run_time(path: str) -> bool:
    """True if the container runtime, not the image, provides the absolute `path`."""
    return path in RUNTIME_FILES or any(
        path == directory or path.startswith(directory + "/") for directory in RUNTIME_DIRECTORIES
    )


class LookupReason(enum.StrEnum):
    """The reason of a failed lookup. The values are the texts of the C library and of Go, in lower case."""

    NOT_FOUND = "no such file or directory"
    NOT_A_DIRECTORY = "not a directory"
    TOO_MANY_SYMLINKS = "too many levels of symbolic links"
    PERMISSION_DENIED = "permission denied"
    NAME_TOO_LONG = "file name too long"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A file in the final filesystem.

    `path` is absolute and free of symlinks. `entry` has kind, mode, owner and size, also for a hard link. The bytes are
    in layer `diff_id` under `stored_path` (no leading slash).
    """

    path: str
    entry: Entry
    diff_id: str
    stored_path: str

    @property
    def kind(self) -> EntryKind:
        """The kind of file; never `EntryKind.HARD_LINK` while the linked file exists."""
        return self.entry.kind

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return self.entry.kind is EntryKind.FILE

    @property
    def is_directory(self) -> bool:
        """True for a directory."""
        return self.entry.kind is EntryKind.DIRECTORY

    @property
    def mode(self) -> int:
        """Permission bits with setuid, setgid and sticky."""
        return self.entry.mode

    @property
    def uid(self) -> int:
        """The owner."""
        return self.entry.uid

    @property
    def gid(self) -> int:
        """The group."""
        return self.entry.gid

    @property
    def size_bytes(self) -> int:
        """Size of the content."""
        return self.entry.size_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class LookupFailure:
    """A path that does not resolve: the failing component (`at`, absolute, no symlinks before it), and the reason."""

    path: str
    reason: LookupReason
    at: str

    @property
    def at_run_time(self) -> bool:
        """True if only the running container decides: the component is in ``/proc``, ``/dev`` or similar."""
        return provided_at_run_time(self.at)


class ContentReader(Protocol):
    """A source of file content."""

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        ...


class Rootfs:
    """The final root filesystem of an image. Build it with `from_changesets`; it is immutable."""

    def __init__(self, tree: FileTree, contents: ContentReader) -> None:
        self.tree = tree
        self._root = tree.root
        self._diff_ids = tuple(changeset.diff_id for changeset in tree.changesets)
        self._changesets = {changeset.diff_id: changeset for changeset in tree.changesets}
        self._contents = contents
        self._table: FileTable | None = None
        self._extents: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._extent_bytes = 0
        self.memo: dict[tuple[str, ...], object] = {}
        """A cache for data parsed from file contents, such as ELF headers. Its keys name the content."""
        self.commands: dict[tuple[str, ...], str | None] = {}
        """A cache for searches of commands in this root."""

    @classmethod
    def from_changesets(cls, changesets: Sequence[Changeset], contents: ContentReader) -> Rootfs:
        """The result of applying `changesets`, lowest first. Raises ImageError for too many implied directories."""
        return cls(FileTree.from_changesets(changesets), contents)

    def lookup(
        self,
        path: str,
        *,
        cwd: str = "/",
        follow: bool = True,
        may_search: Callable[[Entry], bool] | None = None,
    ) -> Node | LookupFailure:
        """The file at `path`, with every symlink resolved inside this root.

        `follow`: whether to follow a symlink in the last component. `may_search` is called for each directory on the
        way; if it returns false, the result is `LookupReason.PERMISSION_DENIED` at that directory.
        """
        if not path:
            return LookupFailure(path=path, reason=LookupReason.NOT_FOUND, at=cwd)
        if len(path) >= MAX_PATH_BYTES:
            return LookupFailure(path=path, reason=LookupReason.NAME_TOO_LONG, at=path)
        start = path if path.startswith("/") else f"{cwd}/{path}"
        # The remaining components, next one last. A trailing slash requires a directory, as "." does.
        pending = _parts_reversed(start)
        chain: list[tuple[str, Item]] = [("", self._root)]
        followed = 0

        def failure(reason: LookupReason, name: str = "") -> LookupFailure:
            at = _join(chain) + (("/" if len(chain) > 1 else "") + name if name else "")
            return LookupFailure(path=path, reason=reason, at=at)

        while pending:
            name = pending.pop()
            here = chain[-1][1]
            if not isinstance(here, Directory):
                return failure(LookupReason.NOT_A_DIRECTORY)
            if may_search is not None and not may_search(self.tree.entry(here, "")):
                return failure(LookupReason.PERMISSION_DENIED)
            if name == ".":
                continue
            if name == "..":
                if len(chain) > 1:
                    chain.pop()
                continue
            if len(name) > MAX_NAME_BYTES and len(name.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
                return failure(LookupReason.NAME_TOO_LONG, name)
            item = here.get(name)
            if item is None:
                return failure(LookupReason.NOT_FOUND, name)
            if (pending or follow) and not isinstance(item, Directory) and self.tree.kinds[item] == SYMLINK:
                followed += 1
                if followed > MAX_SYMLINKS:
                    return failure(LookupReason.TOO_MANY_SYMLINKS, name)
                target = self.tree.link_target(item)
                if not target:
                    return failure(LookupReason.NOT_FOUND, name)
                if target.startswith("/"):
                    del chain[1:]
                pending.extend(_parts_reversed(target))
                if len(pending) > MAX_PATH_BYTES:
                    return failure(LookupReason.NAME_TOO_LONG, name)
                continue
            chain.append((name, item))
        return self._node(_join(chain), chain[-1][1])

    def exists(self, path: str) -> bool:
        """True if `path` resolves to a file of any kind."""
        return isinstance(self.lookup(path), Node)

    def children(self, node: Node) -> Iterator[Node]:
        """The direct entries of a directory, without following symlinks; nothing for other files."""
        item = self.tree.find(node.path.strip("/"))
        prefix = node.path.rstrip("/")
        for name, child in item.items() if isinstance(item, Directory) else ():
            yield self._node(f"{prefix}/{name}", child)

    def nodes(self) -> Iterator[Node]:
        """Every file below the root, without following symlinks, parents before children. `table` is faster."""
        for path, item in self.tree.walk():
            yield self._node(path, item)

    def nodes_of(self, diff_ids: Collection[str]) -> Iterator[Node]:
        """The `nodes` of these layers. The files of the others take a tenth of the time: no object is made for them."""
        wanted = {layer for layer, diff_id in enumerate(self._diff_ids) if diff_id in diff_ids}
        for path, item in self.tree.walk():
            if self.tree.layer_of(item) in wanted:
                yield self._node(path, item)

    def symlinks(self) -> Iterator[Node]:
        """Every symlink below the root, in the order of `nodes`."""
        for path, item in symlinks(self.tree):
            yield self._node(path, item)

    @property
    def table(self) -> FileTable:
        """The regular files, each once, as a table. Built at the first use."""
        if self._table is None:
            self._table = FileTable(self.tree)
        return self._table

    def files(self) -> Iterator[tuple[Node, tuple[str, ...]]]:
        """Each regular file once, with all its names (hard links), in the order of `nodes`."""
        for number in range(len(self.table)):
            node = self.node(number)
            yield node, (node.path, *self.table.other_paths(number))

    def node(self, number: int) -> Node:
        """The file with a number of `table`."""
        return self._node(self.table.path(number), self.table.files[number])

    def digest(self, node: Node) -> str | None:
        """Identifies the content of a regular file: equal for equal contents, ``None`` if unknown.

        May read the whole file, so compare sizes first.
        """
        return self._changesets[node.diff_id].digest(node.entry)

    def file_digest(self, number: int) -> str | None:
        """The `digest` of the file with a number of `table`."""
        file = self.table.files[number]
        changeset = self.tree.changesets[self.tree.layer_of(file)]
        row = self.tree.row(file)
        known = changeset.columns.digest(row)
        return known if known is not None else changeset.digest(changeset.columns[row])

    def read_at(self, node: Node, offset: int, length: int) -> bytes:
        """Up to `length` bytes of a regular file from `offset`, fewer only at its end. Small reads are batched."""
        if offset < 0 or length <= 0 or offset >= node.size_bytes or not node.is_file:
            return b""
        end = min(offset + length, node.size_bytes)
        start = offset - offset % HEAD_BYTES
        if end - start > HEAD_BYTES:
            # A large read, such as a table: read it directly, and keep the small pieces in the cache.
            return self._contents.read(node, offset=offset, length=end - offset)
        return self._extent(node, start)[offset - start : end - start]

    def read(self, node: Node, *, limit_bytes: int) -> bytes:
        """The first `limit_bytes` of a regular file."""
        return self.read_at(node, 0, limit_bytes)

    def _extent(self, node: Node, start: int) -> bytes:
        key = (node.diff_id, node.stored_path, start)
        extent = self._extents.get(key)
        if extent is None:
            extent = self._contents.read(node, offset=start, length=min(HEAD_BYTES, node.size_bytes - start))
            self._extents[key] = extent
            self._extent_bytes += len(extent)
            while self._extent_bytes > _CACHE_BYTES:
                self._extent_bytes -= len(self._extents.popitem(last=False)[1])
        else:
            self._extents.move_to_end(key)
        return extent

    def _node(self, path: str, item: Item) -> Node:
        entry = self.tree.entry(item, path)
        diff_id = self._diff_ids[self.tree.layer_of(item)] if self._diff_ids else ""
        return Node(path=path, entry=entry, diff_id=diff_id, stored_path=entry.path)


def _parts_reversed(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    if path.endswith("/") and parts:
        parts.append(".")
    parts.reverse()
    return parts


def _join(chain: list[tuple[str, Item]]) -> str:
    return "/".join(name for name, _ in chain) or "/"
