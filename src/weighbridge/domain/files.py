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
        if old is None or not _same(base, old, head, node):
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


def _same(base: Rootfs, old: Node, head: Rootfs, new: Node) -> bool:
    if (old.diff_id, old.stored_path) == (new.diff_id, new.stored_path):
        return True
    if old.size_bytes != new.size_bytes:
        return False
    if not old.size_bytes:
        return True
    digests = {base.digest(old), head.digest(new)}
    return None in digests or len(digests) == 1


def equal_files(rootfs: Rootfs, *, minimum_bytes: int = 1) -> tuple[tuple[Node, ...], ...]:
    """Files with the same content and without a common inode, in groups of two and more, the largest files first.

    Each file stands with the first of its names, each group in the order of their paths. Only files of a size that
    occurs twice are hashed; those whose content cannot be known are in no group. Files smaller than
    `minimum_bytes` are left out.
    """
    by_size: dict[int, list[Node]] = {}
    for node in _files(rootfs).values():
        if node.size_bytes >= max(1, minimum_bytes):
            by_size.setdefault(node.size_bytes, []).append(node)
    groups: list[tuple[Node, ...]] = []
    for size_bytes in sorted(by_size, reverse=True):
        if len(by_size[size_bytes]) > 1:
            groups += _equal(rootfs, by_size[size_bytes])
    return tuple(groups)


def _equal(rootfs: Rootfs, nodes: list[Node]) -> list[tuple[Node, ...]]:
    by_digest: dict[str, list[Node]] = {}
    for node in sorted(nodes, key=lambda node: node.path):
        digest = rootfs.digest(node)
        if digest is not None:
            by_digest.setdefault(digest, []).append(node)
    return [tuple(same) for same in by_digest.values() if len(same) > 1]
