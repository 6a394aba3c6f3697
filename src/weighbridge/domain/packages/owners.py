"""Assigns each file of the final filesystem to the first package that claims it.

Paths in package databases may contain symlinks (``/lib/…`` on a merged ``/usr``). Each folder is resolved once and
cached, so that a claim is one dictionary look-up.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.domain.image.file_table import FolderFiles
from weighbridge.domain.image.rootfs import MAX_PATH_BYTES, Node, Rootfs
from weighbridge.domain.packages.model import NO_LINKS, Ecosystem, Links, Package, PackageSet
from weighbridge.errors import ImageError

MAX_PACKAGES = 100_000
"""Maximum number of packages. The largest real images have a few thousand."""
_MAX_READ_BYTES = 256 * 1024 * 1024
_NO_OWNER = -1


class PackageOwners:
    """The files of a root filesystem, its packages, and the package of each file."""

    def __init__(self, rootfs: Rootfs) -> None:
        self.rootfs = rootfs
        self._table = rootfs.table
        self._owners = array("i", [_NO_OWNER]) * len(self._table)
        self._known: dict[str, Mapping[str, int]] = {}
        """The names of the requested folders."""
        self._packages: list[tuple[Ecosystem, str, str | None, Links]] = []
        self._bytes: list[int | None] = []
        self._notes: dict[str, None] = {}
        self._read_bytes = 0

    # --- files ----------------------------------------------------------------------------------------------------

    def folders(self) -> Iterator[tuple[str, FolderFiles]]:
        """Every folder with files, by its real path (``""`` is the root), with the numbers of its files."""
        return self._table.by_folder()

    def files_ending(self, endings: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        """The paths with a name that has one of the `endings`, and the numbers of the files."""
        return self._table.named(lambda name: name.endswith(endings), [f"{ending}/" for ending in endings])

    def names(self, folder: str) -> Mapping[str, int]:
        """The files in a folder. Follows symlinks in the folder's path. Empty if the folder does not exist."""
        known = self._known.get(folder)
        if known is None:
            known = self._table.names_in(folder)
            if not known and len(folder) < MAX_PATH_BYTES:
                node = self.rootfs.lookup(folder or "/")
                if isinstance(node, Node):
                    known = self._table.names_in(node.path.rstrip("/"))
            self._known[folder] = known
        return known

    def large_programs(self, least_bytes: int) -> list[int]:
        """The executable files without an owner that have at least `least_bytes`, shared libraries excluded."""
        names = self._table.names
        return [
            number
            for number in self._table.at_least(least_bytes)
            if self._owners[number] == _NO_OWNER
            and (".so" not in names[number] or self._has_plain_name(number))
            and self.node(number).mode & 0o111
        ]

    def _has_plain_name(self, number: int) -> bool:
        return any(".so" not in path.rpartition("/")[2] for path in self._table.other_paths(number))

    def size_bytes(self, number: int) -> int:
        """The size of a file."""
        return self._table.sizes[number]

    def node(self, number: int) -> Node:
        """The file with a number."""
        return self.rootfs.node(number)

    def owner(self, number: int) -> int | None:
        """The ID of the package that owns a file; ``None`` if no package does."""
        owner = self._owners[number]
        return None if owner == _NO_OWNER else owner

    def read(self, node: Node, *, limit_bytes: int) -> bytes | None:
        """The content of a database; ``None`` with a note if it is too large or unreadable."""
        if node.size_bytes > limit_bytes:
            self.note(f"{node.path} is larger than the {limit_bytes} bytes that are read")
            return None
        self._read_bytes += node.size_bytes
        if self._read_bytes > _MAX_READ_BYTES:
            self.note(f"the package databases are larger than the {_MAX_READ_BYTES} bytes that are read")
            return None
        try:
            return self.rootfs.read(node, limit_bytes=limit_bytes)
        except ImageError as error:
            self.note(f"{node.path} cannot be read: {error}")
            return None

    def read_all(self, numbers: Iterable[int], *, limit_bytes: int) -> dict[int, bytes]:
        """The contents of many files. Reads layer by layer, because changing the layer is expensive."""
        contents: dict[int, bytes] = {}
        for number in sorted(set(numbers), key=lambda one: (self.node(one).diff_id, one)):
            content = self.read(self.node(number), limit_bytes=limit_bytes)
            if content is not None:
                contents[number] = content
        return contents

    # --- packages -------------------------------------------------------------------------------------------------

    def add_package(
        self,
        ecosystem: Ecosystem,
        name: str,
        version: str | None,
        *,
        has_files: bool = True,
        links: Links = NO_LINKS,
    ) -> int:
        """Add a package, and return its ID for `claim`. Without `has_files` its size is unknown."""
        self._packages.append((ecosystem, name, version, links))
        self._bytes.append(0 if has_files else None)
        return len(self._packages) - 1

    @property
    def is_full(self) -> bool:
        """True if the maximum number of packages is reached."""
        if len(self._packages) < MAX_PACKAGES:
            return False
        self.note(f"there are more than {MAX_PACKAGES} packages; the others are not listed")
        return True

    def claim(self, package_id: int, path: str) -> None:
        """Assign the file at an absolute `path` to the package, if it exists and has no owner."""
        folder, _, name = path.rpartition("/")
        number = self.names(folder).get(name)
        if number is not None:
            self.claim_file(package_id, number)

    def claim_file(self, package_id: int, number: int, *, size_bytes: int | None = None) -> None:
        """Assign a file without an owner to the package. `size_bytes` is its share if it is not the whole file."""
        if self._owners[number] == _NO_OWNER:
            self._owners[number] = package_id
            self._bytes[package_id] = (self._bytes[package_id] or 0) + (
                self._table.sizes[number] if size_bytes is None else size_bytes
            )

    def add_bytes(self, package_id: int, size_bytes: int) -> None:
        """Add bytes that a package has inside another package's file, whose `claim_file` omitted them."""
        self._bytes[package_id] = (self._bytes[package_id] or 0) + size_bytes

    def note(self, text: str) -> None:
        """Add a note on unreadable data."""
        self._notes[text] = None

    def package_set(self) -> PackageSet:
        """The packages with their sizes, and the owner of each file."""
        unowned_bytes = sum(
            size_bytes for size_bytes, owner in zip(self._table.sizes, self._owners, strict=True) if owner == _NO_OWNER
        )
        return PackageSet(
            packages=tuple(
                Package(ecosystem=ecosystem, name=name, version=version, size_bytes=size_bytes, links=links)
                for (ecosystem, name, version, links), size_bytes in zip(self._packages, self._bytes, strict=True)
            ),
            unowned_bytes=unowned_bytes,
            notes=tuple(self._notes),
            owners=self._owners,
        )
