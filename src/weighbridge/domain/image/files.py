"""Compares the files of two final filesystems."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
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
    deltas: list[FileDelta] = []
    same_layers = _same_layers(base, head)
    before, after = (dict(_by_folder(side)) for side in (base, head))
    for folder, (start, end, moved) in after.items():
        known = _names(base, *before.pop(folder, _NO_FILES))
        for name, number in _names(head, start, end, moved).items():
            old = known.pop(name, None)
            if old is None or not _same(base, old, head, number, same_layers):
                path = f"{folder}/{name}"
                node = replace(head.node(number), path=path)
                deltas.append(
                    FileDelta(path=path, base=None if old is None else replace(base.node(old), path=path), head=node)
                )
        deltas += _removed_files(base, folder, known)
    for folder, files in before.items():
        deltas += _removed_files(base, folder, _names(base, *files))
    deltas = [_with_link(delta, base, head) for delta in deltas]
    deltas.sort(key=lambda delta: (-abs(delta.delta_bytes), delta.path))
    return tuple(deltas)


def _removed_files(base: Rootfs, folder: str, names: Mapping[str, int]) -> Iterator[FileDelta]:
    for name, number in names.items():
        path = f"{folder}/{name}"
        yield FileDelta(path=path, base=replace(base.node(number), path=path), head=None)


def _with_link(delta: FileDelta, base: Rootfs, head: Rootfs) -> FileDelta:
    if delta.base is not None and delta.head is not None:
        return delta
    other = (base if delta.base is None else head).lookup(delta.path, follow=False)
    if not isinstance(other, Node) or other.kind is not EntryKind.FILE:
        return delta
    return replace(delta, link=f"/{other.stored_path}")


_Files = tuple[int, int, Mapping[str, int]]
"""Files of a folder: the first number, the number behind the last, and files with hard links by name."""
_NO_FILES: _Files = (0, 0, {})


def _by_folder(rootfs: Rootfs) -> Iterator[tuple[str, _Files]]:
    """The folders of an image. A file with several names is in the folder of the first of its sorted names."""
    table = rootfs.table
    moved: dict[str, dict[str, int]] = {}
    for number, others in table.linked():
        folder, _, name = min(table.path(number), *others).rpartition("/")
        moved.setdefault(folder, {})[name] = number
    for folder, start, end in table.ranges():
        yield folder, (start, end, moved.pop(folder, {}))
    for folder, names in moved.items():
        yield folder, (0, 0, names)


def _names(rootfs: Rootfs, start: int, end: int, moved: Mapping[str, int]) -> dict[str, int]:
    """The numbers of the files of a folder by name."""
    table = rootfs.table
    names = {table.names[number]: number for number in range(start, end) if not table.is_linked(number)}
    names.update(moved)
    return names


def _same_layers(base: Rootfs, head: Rootfs) -> frozenset[tuple[int, int]]:
    """Pairs of layers, of base and of head, with one diff ID."""
    by_diff_id: dict[str, list[int]] = {}
    for index, changeset in enumerate(base.tree.changesets):
        by_diff_id.setdefault(changeset.diff_id, []).append(index)
    return frozenset(
        (index, other)
        for other, changeset in enumerate(head.tree.changesets)
        for index in by_diff_id.get(changeset.diff_id, ())
    )


def _same(base: Rootfs, old: int, head: Rootfs, new: int, same_layers: frozenset[tuple[int, int]]) -> bool:
    if base.table.sizes[old] != head.table.sizes[new]:
        return False
    mine, other = base.table.files[old], head.table.files[new]
    layers = base.tree.layer_of(mine), head.tree.layer_of(other)
    if layers in same_layers and base.tree.row(mine) == head.tree.row(other):
        return True
    if not base.table.sizes[old]:
        return True
    digests = {base.digest(base.node(old)), head.digest(head.node(new))}
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
