"""Who owns which file: each file of the final filesystem once, whoever claims it first.

Package databases name files by paths that may lead through symlinks (``/lib/…`` on a merged ``/usr``). A path's
folder is resolved once and remembered, so that claiming costs a dictionary look-up for each file.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.domain.image.rootfs import MAX_PATH_BYTES, Node, Rootfs
from weighbridge.domain.packages.model import NO_LINKS, Ecosystem, Links, Package, PackageSet
from weighbridge.errors import ImageError

MAX_PACKAGES = 100_000
"""More packages than this are not taken in: the largest real images have a few thousand."""
_MAX_READ_BYTES = 256 * 1024 * 1024
_NOBODY = -1
_NO_NAMES: Mapping[str, int] = {}


class Ledger:
    """The files of a root filesystem, the packages found in it, and which of them owns which file."""

    def __init__(self, rootfs: Rootfs) -> None:
        self.rootfs = rootfs
        self._nodes: list[Node] = []
        """Each regular file once; a file with several names (hard links) has several entries in `_folders`."""
        self._owners: list[int] = []
        self._folders: dict[str, dict[str, int]] = {}
        self._resolved: dict[str, Mapping[str, int]] = {}
        self._accounts: list[tuple[Ecosystem, str, str | None, Links]] = []
        self._bytes: list[int | None] = []
        self._notes: dict[str, None] = {}
        self._read_bytes = 0
        self._take_stock()

    def _take_stock(self) -> None:
        for number, (node, paths) in enumerate(self.rootfs.files()):
            self._nodes.append(node)
            for path in paths:
                folder, _, name = path.rpartition("/")
                names = self._folders.get(folder)
                if names is None:
                    names = self._folders[folder] = {}
                names[name] = number
        self._owners = [_NOBODY] * len(self._nodes)

    # --- what is there --------------------------------------------------------------------------------------------

    def folders(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """Every folder that holds files, by its real path (``""`` is the root), with the numbers of its files."""
        yield from self._folders.items()

    def names(self, folder: str) -> Mapping[str, int]:
        """The files in a folder, symlinks on the way to it followed; nothing where there is no such folder."""
        known: Mapping[str, int] | None = self._folders.get(folder)
        if known is None:
            known = self._resolved.get(folder)
        if known is None:
            known = _NO_NAMES
            if len(folder) < MAX_PATH_BYTES:
                node = self.rootfs.lookup(folder or "/")
                if isinstance(node, Node):
                    known = self._folders.get(node.path.rstrip("/")) or _NO_NAMES
            self._resolved[folder] = known
        return known

    def node(self, number: int) -> Node:
        """The file of a number."""
        return self._nodes[number]

    def owner(self, number: int) -> int | None:
        """The account that owns a file; ``None`` where none does."""
        owner = self._owners[number]
        return None if owner == _NOBODY else owner

    def read(self, node: Node, *, limit_bytes: int) -> bytes | None:
        """The content of a database; ``None``, and a note, where it is too large or cannot be read."""
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
        """The contents of many files, read layer by layer, for that is how they are stored."""
        contents: dict[int, bytes] = {}
        for number in sorted(set(numbers), key=lambda one: (self._nodes[one].diff_id, one)):
            content = self.read(self._nodes[number], limit_bytes=limit_bytes)
            if content is not None:
                contents[number] = content
        return contents

    # --- who owns it ----------------------------------------------------------------------------------------------

    def open_account(
        self,
        ecosystem: Ecosystem,
        name: str,
        version: str | None,
        *,
        has_files: bool = True,
        links: Links = NO_LINKS,
    ) -> int:
        """Enter a package; the answer is what `claim` wants. Without `has_files` it has no bytes to count."""
        self._accounts.append((ecosystem, name, version, links))
        self._bytes.append(0 if has_files else None)
        return len(self._accounts) - 1

    @property
    def is_full(self) -> bool:
        """True where no more packages are taken in."""
        if len(self._accounts) < MAX_PACKAGES:
            return False
        self.note(f"there are more than {MAX_PACKAGES} packages; the rest is not listed")
        return True

    def claim(self, account: int, path: str) -> None:
        """The package owns the file at an absolute `path`, unless another does, or nothing is there."""
        folder, _, name = path.rpartition("/")
        number = self.names(folder).get(name)
        if number is not None:
            self.claim_number(account, number)

    def claim_number(self, account: int, number: int, *, size_bytes: int | None = None) -> None:
        """The package owns this file, unless another does. `size_bytes` is its share where it is not the whole."""
        if self._owners[number] == _NOBODY:
            self._owners[number] = account
            self._bytes[account] = (self._bytes[account] or 0) + (
                self._nodes[number].size_bytes if size_bytes is None else size_bytes
            )

    def credit(self, account: int, size_bytes: int) -> None:
        """Bytes that a package has inside another's file (whose `claim_number` left them out)."""
        self._bytes[account] = (self._bytes[account] or 0) + size_bytes

    def note(self, text: str) -> None:
        """Something that could not be read, in words."""
        self._notes[text] = None

    def close(self) -> PackageSet:
        """The outcome."""
        unowned_bytes = sum(
            node.size_bytes for node, owner in zip(self._nodes, self._owners, strict=True) if owner == _NOBODY
        )
        return PackageSet(
            packages=tuple(
                Package(ecosystem=ecosystem, name=name, version=version, size_bytes=size_bytes, links=links)
                for (ecosystem, name, version, links), size_bytes in zip(self._accounts, self._bytes, strict=True)
            ),
            unowned_bytes=unowned_bytes,
            notes=tuple(self._notes),
            owners=array("i", self._owners),
        )
