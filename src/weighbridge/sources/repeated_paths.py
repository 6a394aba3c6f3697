"""Resolves layers whose tar names one path several times: the last entry wins, as in the unpacked tar.

Bazel's rpm and deb rules write such layers. containerd and umoci unpack them; Docker 20.10 refuses them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from weighbridge.domain.image.layer import Entry, EntryKind
from weighbridge.errors import ImageError

MAX_REPLACED_DIRECTORIES = 1000
"""Limit on directories that a file replaces: each one costs a scan of all paths of the layer."""

_REMOVALS = (EntryKind.WHITEOUT, EntryKind.OPAQUE)


def last_of_each_path(entries: Sequence[Entry], offsets: array[int]) -> tuple[list[Entry], array[int]]:
    """`entries` with one entry per path, and their `offsets`.

    If a file loses its first name, its next hard link takes over the size and the content. Raises `ImageError` if a
    layer replaces too many of its own directories.
    """
    layer = _Layer(entries, offsets)
    for index, entry in enumerate(entries):
        layer.add(index, entry)
    return layer.result()


class _Layer:
    """The entries read so far, by path."""

    def __init__(self, entries: Sequence[Entry], offsets: array[int]) -> None:
        self._entries: list[Entry | None] = list(entries)
        self._offsets = offsets
        self._at: dict[str, int] = {}
        self._removals: set[tuple[str, EntryKind]] = set()
        self._replaced_directories = 0
        self._file: dict[int, int] = {}
        """For each hard link, the entry with its content, by index."""
        self._links: dict[int, list[int]] = {}
        """The hard links to each file, by index; some may be replaced already."""

    def add(self, index: int, entry: Entry) -> None:
        if entry.kind in _REMOVALS:
            if (entry.path, entry.kind) in self._removals:
                self._entries[index] = None
            self._removals.add((entry.path, entry.kind))
            return
        target = self._target(entry)
        if target is not None:
            self._file[index] = target
            self._links.setdefault(target, []).append(index)
        old = self._at.get(entry.path)
        if old is not None:
            self._replace(old, by=entry)
        self._at[entry.path] = index

    def _target(self, entry: Entry) -> int | None:
        """The entry of this layer whose content a hard link shares."""
        if entry.kind is not EntryKind.HARD_LINK:
            return None
        index = self._at.get(entry.link_target or "")
        return index if index is None else self._file.get(index, index)

    def _replace(self, old: int, *, by: Entry) -> None:
        entry = self._entries[old]
        if entry is not None and entry.kind is EntryKind.DIRECTORY and by.kind is not EntryKind.DIRECTORY:
            self._drop_below(entry.path)
        self._drop(old)

    def _drop_below(self, directory: str) -> None:
        self._replaced_directories += 1
        if self._replaced_directories > MAX_REPLACED_DIRECTORIES:
            raise ImageError(f"the layer replaces more than {MAX_REPLACED_DIRECTORIES} of its own directories by files")
        prefix = f"{directory}/"
        for path in [path for path in self._at if path.startswith(prefix)]:
            self._drop(self._at.pop(path))

    def _drop(self, index: int) -> None:
        entry, self._entries[index] = self._entries[index], None
        left = [link for link in self._links.pop(index, ()) if self._entries[link] is not None]
        if entry is None or not left:
            return
        heir = left[0]
        link = self._entries[heir]
        if link is None:
            return
        self._entries[heir] = replace(entry, path=link.path)
        self._offsets[heir] = self._offsets[index]
        del self._file[heir]
        self._links[heir] = left[1:]
        for other in left[1:]:
            self._file[other] = heir
            shared = self._entries[other]
            if shared is not None:
                self._entries[other] = replace(shared, link_target=link.path)

    def result(self) -> tuple[list[Entry], array[int]]:
        kept = [(entry, index) for index, entry in enumerate(self._entries) if entry is not None]
        return [entry for entry, _ in kept], array("q", (self._offsets[index] for _, index in kept))
