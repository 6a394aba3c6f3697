"""Compares the files of two final filesystems."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs

File = TypeVar("File")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDelta:
    """A file on one side only, or with other content. `path` is absolute; a missing side is ``None``.

    `link` is set if the missing side also has the path, as a hard link to a file in another row or the same on both
    sides. The value is another name of that file.
    """

    path: str
    base: Node | None
    head: Node | None
    link: str | None = None

    @property
    def delta_bytes(self) -> int:
        """Head minus base."""
        return (self.head.size_bytes if self.head else 0) - (self.base.size_bytes if self.base else 0)


def diff_files(base: Rootfs, head: Rootfs) -> tuple[FileDelta, ...]:
    """Every regular file that differs, largest change first. A file with several names (hard links) is one file.

    A file is the same if both sides have it from the same layer, or with the same size and digest. Equal sizes without
    digests count as the same: unread content is never reported as a difference.
    """
    before = _files(base)
    deltas: list[FileDelta] = []
    for path, node in _files(head).items():
        old = before.pop(path, None)
        if old is None or not _same(base, old, head, node):
            deltas.append(FileDelta(path=path, base=old, head=node))
    deltas += [FileDelta(path=path, base=node, head=None) for path, node in before.items()]
    deltas = [_with_link(delta, base, head) for delta in deltas]
    deltas.sort(key=lambda delta: (-abs(delta.delta_bytes), delta.path))
    return tuple(deltas)


def _with_link(delta: FileDelta, base: Rootfs, head: Rootfs) -> FileDelta:
    if delta.base is not None and delta.head is not None:
        return delta
    other = (base if delta.base is None else head).lookup(delta.path, follow=False)
    if not isinstance(other, Node) or other.kind is not EntryKind.FILE:
        return delta
    return replace(delta, link=f"/{other.stored_path}")


def _files(rootfs: Rootfs) -> dict[str, Node]:
    """Each regular file once, by the first of its names."""
    names: dict[tuple[str, str], Node] = {}
    for node in rootfs.nodes():
        if node.kind is EntryKind.FILE:
            inode = (node.diff_id, node.stored_path)
            known = names.get(inode)
            if known is None or node.path < known.path:
                names[inode] = node
    return {node.path: node for node in names.values()}


def _same(base: Rootfs, old: Node, head: Rootfs, new: Node) -> bool:
    if (old.diff_id, old.stored_path) == (new.diff_id, new.stored_path):
        return True
    if old.size_bytes != new.size_bytes:
        return False
    if not old.size_bytes:
        return True
    digests = {base.digest(old), head.digest(new)}
    return None in digests or len(digests) == 1


def equal_contents(
    files: Iterable[File],
    *,
    key: Callable[[File], Hashable],
    digest: Callable[[File], str | None],
    is_worth: Callable[[Sequence[File]], bool] = lambda _: True,
) -> Iterator[list[File]]:
    """The groups of two or more `files` with the same content, in the given order.

    Compares only files with the same `key`, which includes the size, and only groups that `is_worth` accepts, because
    `digest` may have to read a file. Files with unknown content are in no group.
    """
    alike: dict[Hashable, list[File]] = {}
    for file in files:
        alike.setdefault(key(file), []).append(file)
    for candidates in alike.values():
        if len(candidates) < 2 or not is_worth(candidates):
            continue
        contents: dict[str, list[File]] = {}
        for file in candidates:
            name = digest(file)
            if name is not None:
                contents.setdefault(name, []).append(file)
        yield from (same for same in contents.values() if len(same) > 1)
