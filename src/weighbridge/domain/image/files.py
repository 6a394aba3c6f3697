"""Compares the files of two final filesystems."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, overload

from weighbridge.domain.image.rootfs import Node, Rootfs

File = TypeVar("File")

MISSING = -1
"""In `FileDeltas`: the side does not have the file."""


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


class FileDeltas(Sequence[FileDelta]):
    """The files that differ between two filesystems, as columns: an image of a million files may differ in each.

    Row `i` is file ``base_files[i]`` of base's table and file ``head_files[i]`` of head's, or `MISSING`. `links` has
    `FileDelta.link` by row, `moved` base's file by head's file for each file with another path in base. The largest
    change is first. A `FileDelta` is created on demand.
    """

    def __init__(
        self,
        base: Rootfs,
        head: Rootfs,
        rows: Iterable[tuple[int, int, str | None]],
        *,
        moved: Mapping[int, int] | None = None,
    ) -> None:
        """`rows` are base's file, head's file and the link, in any order."""
        self.base = base
        self.head = head
        self.moved: Mapping[int, int] = moved or {}
        self._before, self._after = base.table, head.table
        self.base_files = array("i")
        self.head_files = array("i")
        self.links: dict[int, str] = {}
        by_bytes: dict[int, list[tuple[int, int]]] = {}
        links: dict[tuple[int, int], str] = {}
        for old, new, link in rows:
            by_bytes.setdefault(abs(self._delta_bytes(old, new)), []).append((old, new))
            if link is not None:
                links[old, new] = link
        # Only files with equal changes are sorted by path: a text for each file of an image takes 100 bytes.
        for delta_bytes in sorted(by_bytes, reverse=True):
            for old, new in sorted(by_bytes.pop(delta_bytes), key=lambda row: self._path(*row)):
                if links and (old, new) in links:
                    self.links[len(self.base_files)] = links[old, new]
                self.base_files.append(old)
                self.head_files.append(new)

    def __len__(self) -> int:
        """The number of files."""
        return len(self.base_files)

    @overload
    def __getitem__(self, row: int) -> FileDelta: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[FileDelta, ...]: ...

    def __getitem__(self, row: int | slice) -> FileDelta | tuple[FileDelta, ...]:
        """One file, or several."""
        if isinstance(row, slice):
            return tuple(self._delta(one) for one in range(*row.indices(len(self))))
        return self._delta(range(len(self))[row])

    def __iter__(self) -> Iterator[FileDelta]:
        """All files, the largest change first."""
        return map(self._delta, range(len(self)))

    def rows(self) -> Iterator[tuple[int, int, str | None]]:
        """Base's file, head's file and the link of each row."""
        for row, (old, new) in enumerate(zip(self.base_files, self.head_files, strict=True)):
            yield old, new, self.links.get(row)

    def path(self, row: int) -> str:
        """`FileDelta.path` of a row."""
        return self._path(self.base_files[row], self.head_files[row])

    def folder(self, row: int) -> str:
        """The folder of `path`."""
        old, new = self.base_files[row], self.head_files[row]
        return self._before.first_folder(old) if new == MISSING else self._after.first_folder(new)

    def delta_bytes(self, row: int) -> int:
        """`FileDelta.delta_bytes` of a row."""
        return self._delta_bytes(self.base_files[row], self.head_files[row])

    def _path(self, old: int, new: int) -> str:
        return self._before.first_path(old) if new == MISSING else self._after.first_path(new)

    def _delta_bytes(self, old: int, new: int) -> int:
        after = 0 if new == MISSING else self._after.sizes[new]
        return after - (0 if old == MISSING else self._before.sizes[old])

    def _delta(self, row: int) -> FileDelta:
        return FileDelta(
            path=self.path(row),
            base=_node(self.base, self.base_files[row]),
            head=_node(self.head, self.head_files[row]),
            link=self.links.get(row),
        )


def _node(rootfs: Rootfs, number: int) -> Node | None:
    if number == MISSING:
        return None
    node = rootfs.node(number)
    return replace(node, path=rootfs.table.first_path(number)) if rootfs.table.is_linked(number) else node


def diff_files(base: Rootfs, head: Rootfs) -> FileDeltas:
    """Every regular file that differs, largest change first. A file with several names (hard links) is one file.

    A file is the same if both sides have it from the same layer, or with the same size and digest. Equal sizes without
    digests count as the same: unread content is never reported as a difference.
    """
    return FileDeltas(base, head, _differing(base, head))


def _differing(base: Rootfs, head: Rootfs) -> Iterator[tuple[int, int, str | None]]:
    same_layers = _same_layers(base, head)
    links_of_base, links_of_head = _names_of_linked(base), _names_of_linked(head)
    before, after = (dict(_by_folder(side)) for side in (base, head))
    is_same_folder = _same_folders(base, head)
    for folder, (start, end, moved) in after.items():
        of_base = before.pop(folder, _NO_FILES)
        if not moved and not of_base[2] and is_same_folder(of_base[0], of_base[1], start, end):
            continue
        known = _names(base, *of_base)
        for name, number in _names(head, start, end, moved).items():
            old = known.pop(name, MISSING)
            if old == MISSING:
                yield MISSING, number, links_of_base.get(f"{folder}/{name}") if links_of_base else None
            elif not _same(base, old, head, number, same_layers):
                yield old, number, None
        for name, number in known.items():
            yield number, MISSING, links_of_head.get(f"{folder}/{name}") if links_of_head else None
    for folder, files in before.items():
        for name, number in _names(base, *files).items():
            yield number, MISSING, links_of_head.get(f"{folder}/{name}") if links_of_head else None


def _names_of_linked(rootfs: Rootfs) -> dict[str, str]:
    """By each path of a file with several names: the path that its layer stores."""
    return {
        path: f"/{rootfs.tree.stored_path(rootfs.table.files[number])}"
        for number, others in rootfs.table.linked()
        for path in (rootfs.table.path(number), *others)
    }


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
        yield folder, (start, end, moved.get(folder, {}))


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


def _same_folders(base: Rootfs, head: Rootfs) -> Callable[[int, int, int, int], bool]:
    """Decides at once for the files of a folder, by their numbers, whether both sides have them from the same layers.

    The lowest layers that both sides have give their entries the same numbers. Files with several names are left out:
    a side may have them in another folder.
    """
    shared = 0
    for mine, other in zip(base.tree.changesets, head.tree.changesets, strict=False):
        if mine.diff_id != other.diff_id:
            break
        shared += 1
    end_of_shared = base.tree.starts[shared]
    before, after = base.table.files, head.table.files
    linked = [frozenset(number for number, _ in side.table.linked()) for side in (base, head)]

    def is_same(old_start: int, old_end: int, start: int, end: int) -> bool:
        of_head = after[start:end]
        return (
            bool(of_head)
            and before[old_start:old_end] == of_head
            and max(of_head) < end_of_shared
            and linked[0].isdisjoint(range(old_start, old_end))
            and linked[1].isdisjoint(range(start, end))
        )

    return is_same


def _same(base: Rootfs, old: int, head: Rootfs, new: int, same_layers: frozenset[tuple[int, int]]) -> bool:
    if base.table.sizes[old] != head.table.sizes[new]:
        return False
    mine, other = base.table.files[old], head.table.files[new]
    layers = base.tree.layer_of(mine), head.tree.layer_of(other)
    if layers in same_layers and base.tree.row(mine) == head.tree.row(other):
        return True
    if not base.table.sizes[old]:
        return True
    digests = {base.file_digest(old), head.file_digest(new)}
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
