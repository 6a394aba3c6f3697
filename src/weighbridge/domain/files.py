"""Which files of the final filesystem differ between two images."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.layer import EntryKind
from weighbridge.domain.rootfs import Node, Rootfs


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDelta:
    """A file that is there on one side only, or with other content. `path` is absolute; a missing side is ``None``."""

    path: str
    base: Node | None
    head: Node | None

    @property
    def delta_bytes(self) -> int:
        """Head minus base."""
        return (self.head.size_bytes if self.head else 0) - (self.base.size_bytes if self.base else 0)


def diff_files(base: Rootfs, head: Rootfs) -> tuple[FileDelta, ...]:
    """Every regular file that differs, the largest change first. A file with several names (hard links) is one file.

    A file is the same where both sides have it from the same layer, or with the same size and digest. Equal sizes
    without digests count as the same: nothing is claimed that was not read.
    """
    before = _files(base)
    deltas: list[FileDelta] = []
    for path, node in _files(head).items():
        old = before.pop(path, None)
        if old is None or not _same(old, node):
            deltas.append(FileDelta(path=path, base=old, head=node))
    deltas += [FileDelta(path=path, base=node, head=None) for path, node in before.items()]
    deltas.sort(key=lambda delta: (-abs(delta.delta_bytes), delta.path))
    return tuple(deltas)


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


def _same(base: Node, head: Node) -> bool:
    if (base.diff_id, base.stored_path) == (head.diff_id, head.stored_path):
        return True
    if base.size_bytes != head.size_bytes:
        return False
    digests = {base.entry.content_digest, head.entry.content_digest}
    return None in digests or len(digests) == 1
