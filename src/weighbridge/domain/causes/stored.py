"""Assigns every stored byte of two images to an owner, and computes the difference per owner.

A file counts in the layer that stores it, visible or hidden, as in `unpacked_bytes`. Layers of both images are left
out: they cancel each other. So the differences of all owners add up to the difference of the images exactly.
"""

from __future__ import annotations

import enum
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from weighbridge.domain.causes.places import INSTALLED_WITH, known_place
from weighbridge.domain.image.entries import FILE
from weighbridge.domain.image.files import FileDeltas
from weighbridge.domain.image.storage_changes import split_links
from weighbridge.domain.image.waste import HiddenCopy, Hiding
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.packages.model import Ecosystem


class Role(enum.StrEnum):
    """The role of a stored file in the image."""

    PACKAGE = "package"
    FILE = "file"
    COPY = "copy"
    """The same content as a file of a lower layer, stored again for another mode or owner."""
    LINK = "link"
    """A copy of a file; the other image has a hard link instead."""
    HIDDEN = "hidden"
    BASE_IMAGE = "base-image"


class Owner(NamedTuple):
    """The owner of bytes: a package by `name` and `ecosystem`, or a file by its path with a special `role`."""

    role: Role
    name: str
    ecosystem: Ecosystem = Ecosystem.OTHER


class Stored:
    """The stored bytes of one owner on both sides; a small object, because an image may have a million owners.

    `role`, `name` and `ecosystem` are those of the owner: the name of a file is its path. `delta_bytes` is head minus
    base. `is_in_head`: head stores it. `layer` is the layer with most of it: head's, or base's if head does not store
    it. `hidden` is the copy that a later layer hides, for such an owner.
    """

    __slots__ = (
        "_last_bytes",
        "_last_layer",
        "_layer_bytes",
        "base_bytes",
        "delta_bytes",
        "ecosystem",
        "hidden",
        "is_in_head",
        "layer",
        "name",
        "role",
    )

    def __init__(self, role: Role, name: str, ecosystem: Ecosystem = Ecosystem.OTHER) -> None:
        self.role = role
        self.name = name
        self.ecosystem = ecosystem
        self.base_bytes = 0
        self.delta_bytes = 0
        self.is_in_head = False
        self.layer = 0
        self.hidden: HiddenCopy | None = None
        self._layer_bytes = 0
        self._last_layer = -1
        self._last_bytes = 0

    def add(self, layer: int, size_bytes: int, *, is_head: bool) -> None:
        """Add stored bytes: base's before head's, and those of one layer one after the other."""
        if is_head:
            self.delta_bytes += size_bytes
        else:
            self.base_bytes += size_bytes
            self.delta_bytes -= size_bytes
        if is_head and not self.is_in_head:
            self.is_in_head = True
            self.layer, self._layer_bytes, self._last_layer = layer, 0, -1
        if layer != self._last_layer:
            self._last_layer, self._last_bytes = layer, 0
        self._last_bytes += size_bytes
        if (self._last_bytes, layer) >= (self._layer_bytes, self.layer):
            self.layer, self._layer_bytes = layer, self._last_bytes

    @property
    def head_bytes(self) -> int:
        """The bytes on head's side."""
        return self.base_bytes + self.delta_bytes

    @property
    def is_new(self) -> bool:
        """True if only one side stores it."""
        return not self.base_bytes or not self.head_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Aliases:
    """Paths of one image that are another file's in the other image.

    `moved` are head's moved files with their paths in base; `copies` are hard links in the other image.
    """

    moved: Mapping[str, str]
    copies: frozenset[str]


def stored_changes(base: WeighedImage, head: WeighedImage, files: FileDeltas) -> list[Stored]:
    """The owners whose stored bytes differ between two images, unordered.

    `files` are the files that differ, with moved files paired: a moved file has one owner on both sides.
    """
    shared = Counter(layer.diff_id for layer in base.layers) & Counter(layer.diff_id for layer in head.layers)
    before, after = base.rootfs.table, head.rootfs.table
    moved = {after.first_path(new): before.first_path(old) for new, old in files.moved.items()}
    copies = {
        True: frozenset(node.path for node in split_links(base.rootfs, head.rootfs)),
        False: frozenset(node.path for node in split_links(head.rootfs, base.rootfs)),
    }
    found: dict[Owner | str, Stored] = {}
    for is_head, image in ((False, base), (True, head)):
        own = _own_layers(image, shared)
        owners = _OwnersOfFiles(image, own)
        aliases = _Aliases(moved=moved if is_head else {}, copies=copies[is_head])
        for owner, layer, size_bytes, hidden in _owned(image, own, owners, aliases):
            stored = found.get(owner)
            if stored is None:
                stored = Stored(Role.FILE, owner) if isinstance(owner, str) else Stored(*owner)
                found[owner] = stored
            stored.add(layer, size_bytes, is_head=is_head)
            if hidden is not None:
                stored.hidden = hidden
    return [stored for stored in found.values() if stored.delta_bytes]


def _own_layers(image: WeighedImage, shared: Counter[str]) -> frozenset[int]:
    """The indices of layers that the other image does not have; equal layers count by number."""
    left = Counter(shared)
    own = set()
    for index, layer in enumerate(image.layers):
        if left[layer.diff_id]:
            left[layer.diff_id] -= 1
        else:
            own.add(index)
    return frozenset(own)


def _owned(
    image: WeighedImage, own: frozenset[int], owners: _OwnersOfFiles, aliases: _Aliases
) -> Iterator[tuple[Owner | str, int, int, HiddenCopy | None]]:
    """Each stored file of the layers `own`: owner, layer, bytes, and the layer that hides it.

    The owner of a file without a package is its path: most files of a large image are such, and need no object.
    """
    hidden = {(copy.layer, copy.path): copy for of in (image.waste.own, image.waste.inherited) for copy in of}
    copies = {(copy.hidden_by, copy.path) for copy in hidden.values() if copy.how is Hiding.METADATA_ONLY}
    packages = image.packages.packages
    starts = image.rootfs.tree.starts
    inner = _inner_bytes(image)
    for index in own:
        is_base_image = image.layers[index].from_base_image
        columns = image.image.layers[index].changeset.columns
        rows = zip(columns.kinds, columns.sizes, columns.paths(), strict=True)
        for row, (kind, stored_bytes, stored_path) in enumerate(rows):
            if kind != FILE or not stored_bytes:
                continue
            path = f"/{stored_path}"
            number = owners.by_file.get(starts[index] + row, -1)
            if is_base_image:
                name = f"{packages[number].ecosystem}\n{packages[number].name}" if number >= 0 else ""
                yield Owner(Role.BASE_IMAGE, name), index, stored_bytes, None
                continue
            copy = hidden.get((index, stored_path))
            if copy is not None and number < 0:
                number = owners.by_path.get(path, -1)
            if copy is not None and copy.how is not Hiding.METADATA_ONLY:
                yield Owner(Role.HIDDEN, path), index, stored_bytes, copy
            elif (index, stored_path) in copies and known_place(path) not in INSTALLED_WITH:
                yield Owner(Role.COPY, path), index, stored_bytes, None
            elif path in aliases.copies:
                yield Owner(Role.LINK, path), index, stored_bytes, None
            elif number < 0:
                yield aliases.moved.get(path, path), index, stored_bytes, None
            else:
                left = stored_bytes
                for part, size_bytes in inner.get(number, ()):
                    if size_bytes <= left:
                        left -= size_bytes
                        yield _package(packages[part].ecosystem, packages[part].name), index, size_bytes, None
                yield _package(packages[number].ecosystem, packages[number].name), index, left, None


def _package(ecosystem: Ecosystem, name: str) -> Owner:
    return Owner(Role.PACKAGE, name, ecosystem)


def _inner_bytes(image: WeighedImage) -> dict[int, list[tuple[int, int]]]:
    """By package: the packages inside its file, with their bytes."""
    found: dict[int, list[tuple[int, int]]] = {}
    for number, package in enumerate(image.packages.packages):
        if package.links.inside is not None and package.size_bytes:
            found.setdefault(package.links.inside, []).append((number, package.size_bytes))
    return found


class _OwnersOfFiles:
    """The package of each visible file: by its number in the tree for the layers `own`, and by path for all."""

    def __init__(self, image: WeighedImage, own: frozenset[int]) -> None:
        tree, table = image.rootfs.tree, image.rootfs.table
        self._table = table
        self._owners = image.packages.owners
        self.by_file: dict[int, int] = {}
        for number, owner in enumerate(self._owners):
            if owner >= 0 and tree.layer_of(table.files[number]) in own:
                self.by_file[table.files[number]] = owner

    @functools.cached_property
    def by_path(self) -> dict[str, int]:
        """By path. Needed only for files that a later layer hides."""
        return {self._table.path(number): owner for number, owner in enumerate(self._owners) if owner >= 0}
