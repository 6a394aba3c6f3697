"""The entries of a layer as columns: an image of a million files must fit into memory.

An object for each entry takes 300 bytes and several microseconds. A row of these columns takes about 45 bytes plus
the name (`weighbridge.domain.image.names`). `Entry` objects are created for single entries on demand.
"""

from __future__ import annotations

import itertools
import operator
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

from weighbridge.domain.image.entry import Entry, EntryKind
from weighbridge.domain.image.names import Names, encoded

DIGEST_PREFIX = "xxh3:"
"""`Entry.content_digest` is XXH3's 128 bits, in hexadecimal, of the file's whole content; columns have the bytes.

It answers one question: do two files of equal size hold the same bytes? It is 6 times as fast as SHA-256, which the
layer's diff ID already costs. It does not resist crafted collisions; a crafted pair could only hide its own change.
"""
DIGEST_BYTES = 16
NO_DIGEST = bytes(DIGEST_BYTES)

KINDS = tuple(EntryKind)
"""The kinds by their number in `Entries.kinds`."""
KIND_NUMBERS: Mapping[EntryKind, int] = {kind: number for number, kind in enumerate(KINDS)}
FILE = KIND_NUMBERS[EntryKind.FILE]
HARD_LINK = KIND_NUMBERS[EntryKind.HARD_LINK]
SYMLINK = KIND_NUMBERS[EntryKind.SYMLINK]
DIRECTORY = KIND_NUMBERS[EntryKind.DIRECTORY]
WHITEOUT = KIND_NUMBERS[EntryKind.WHITEOUT]
OPAQUE = KIND_NUMBERS[EntryKind.OPAQUE]


class Entries(Sequence[Entry]):
    """The entries of one layer, by row. Does not change once it is built; `EntriesBuilder` builds it.

    Row `i` has the path ``folders[folder_of[i]]/names[i]``; the root directory has an empty folder and name. `kinds`
    holds numbers of `KINDS`. `sizes` are in bytes. `owners[owner_of[i]]` is mode, uid and gid. `links` has the targets
    of links by row, `capabilities` those of files. `digests` has `DIGEST_BYTES` for each row, or is empty if nothing
    was hashed; `other_digests` has those of another form.
    """

    __slots__ = (
        "_has_repeats",
        "_run_ends",
        "capabilities",
        "digests",
        "folder_of",
        "folders",
        "kinds",
        "links",
        "names",
        "other_digests",
        "owner_of",
        "owners",
        "sizes",
    )

    def __init__(
        self,
        *,
        folders: list[str],
        folder_of: array[int],
        names: Names,
        kinds: bytes | bytearray,
        sizes: array[int],
        owners: list[tuple[int, int, int]],
        owner_of: array[int],
        links: dict[int, str],
        digests: bytes | bytearray = b"",
        other_digests: Mapping[int, str] | None = None,
        capabilities: Mapping[int, bytes] | None = None,
    ) -> None:
        self.folders = folders
        self.folder_of = folder_of
        self.names = names
        self.kinds = kinds
        self.sizes = sizes
        self.owners = owners
        self.owner_of = owner_of
        self.links = links
        self.digests = digests
        self.other_digests: Mapping[int, str] = other_digests or {}
        self.capabilities: Mapping[int, bytes] = capabilities or {}
        self._run_ends: array[int] | None = None
        self._has_repeats: bool | None = None

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Entries:
        """The columns of `entries`."""
        if isinstance(entries, Entries):
            return entries
        builder = EntriesBuilder()
        for entry in entries:
            builder.add_entry(entry)
        return builder.build()

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.kinds)

    @overload
    def __getitem__(self, row: int) -> Entry: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[Entry, ...]: ...

    def __getitem__(self, row: int | slice) -> Entry | tuple[Entry, ...]:
        """One entry, or several."""
        if isinstance(row, slice):
            return tuple(self._entry(one) for one in range(*row.indices(len(self))))
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return self._entry(row if row >= 0 else len(self) + row)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in the order of the tar."""
        return map(self._entry, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """True for a sequence of equal entries."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The entries, for messages of tests."""
        return repr(list(self))

    def path(self, row: int) -> str:
        """The path of an entry."""
        folder = self.folders[self.folder_of[row]]
        return f"{folder}/{self.names[row]}" if folder else self.names[row]

    def paths(self) -> Iterator[str]:
        """The paths of all entries, in the order of the tar."""
        for number, start, end in self.runs():
            folder, names = self.folders[number], self.names[start:end]
            yield from (f"{folder}/{name}" for name in names) if folder else names

    def digest(self, row: int) -> str | None:
        """The content digest of an entry; ``None`` if it was not hashed when the layer was read."""
        known = self.other_digests.get(row)
        if known is not None:
            return known
        packed = self.digests[DIGEST_BYTES * row : DIGEST_BYTES * (row + 1)]
        return DIGEST_PREFIX + packed.hex() if packed and packed != NO_DIGEST else None

    def is_sound(self) -> bool:
        """True if the columns have equal lengths and valid references. Validates stored columns."""
        rows = len(self.kinds)
        return (
            len(self.folder_of) == len(self.names) == len(self.sizes) == len(self.owner_of) == rows
            and len(self.digests) in (0, DIGEST_BYTES * rows)
            and max(self.kinds, default=-1) < len(KINDS)
            and max(self.folder_of, default=-1) < len(self.folders)
            and max(self.owner_of, default=-1) < len(self.owners)
            and all(0 <= row < rows for rows_of_column in (self.links, self.capabilities) for row in rows_of_column)
        )

    def rows_at(self, path: str) -> Iterator[int]:
        """The rows with a path, in the order of the tar."""
        folder, _, name = path.rpartition("/")
        return (row for row in self.names.rows_of(name) if self.folders[self.folder_of[row]] == folder)

    def rows_of_kinds(self, *kinds: int) -> Iterator[int]:
        """The rows of these `kinds`, in the order of the tar. Takes no time for the rows of the other kinds."""
        if any(kind in self.kinds for kind in kinds):
            pattern = re.compile(b"[%s]" % re.escape(bytes(kinds)))
            yield from (match.start() for match in pattern.finditer(self.kinds))

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """The runs of rows in one folder: its number, the first row, and the one behind the last."""
        if self._run_ends is None:
            of = self.folder_of
            changes = map(operator.ne, of, memoryview(of)[1:])
            self._run_ends = array("I", itertools.compress(range(1, len(of)), changes))
            if of:
                self._run_ends.append(len(of))
        start = 0
        for end in self._run_ends:
            yield self.folder_of[start], start, end
            start = end

    def has_repeats(self) -> bool:
        """True if a path occurs more than once."""
        if self._has_repeats is None:
            self._has_repeats = self._find_repeats()
        return self._has_repeats

    def _find_repeats(self) -> bool:
        runs: dict[int, list[tuple[int, int]]] = {}
        for folder, start, end in self.runs():
            runs.setdefault(folder, []).append((start, end))
        for of_folder in runs.values():
            names: set[str] = set()
            for start, end in of_folder:
                names.update(self.names[start:end])
            if len(names) < sum(end - start for start, end in of_folder):
                return True
        return False

    def _entry(self, row: int) -> Entry:
        mode, uid, gid = self.owners[self.owner_of[row]]
        return Entry(
            path=self.path(row),
            kind=KINDS[self.kinds[row]],
            size_bytes=self.sizes[row],
            mode=mode,
            uid=uid,
            gid=gid,
            link_target=self.links.get(row),
            content_digest=self.digest(row),
            capabilities=self.capabilities.get(row),
        )


class EntriesBuilder:
    """Collects the columns of a layer, row by row.

    The public columns are those of `Entries`; `names` is the text of its `Names`. A reader of many rows may append to
    them itself, one value to each; it gets the numbers of folders and owners from `folder_number` and `owner_number`.
    """

    def __init__(self, *, hashes: bool = True) -> None:
        """Without `hashes` no entry has a digest."""
        self._hashes = hashes
        self.folders: dict[str, int] = {}
        self.folder_of = array("I")
        self.names = bytearray(b"/")
        self.kinds = bytearray()
        self.sizes = array("q")
        self._owners: dict[tuple[int, int, int], int] = {}
        self.owner_of = array("I")
        self._links: dict[int, str] = {}
        self.digests = bytearray()
        self._other_digests: dict[int, str] = {}
        self._capabilities: dict[int, bytes] = {}
        self._last_owner: tuple[int, int, int] | None = None
        self._last_owner_number = 0
        self._last_folder = ""
        self._last_number = self.folders.setdefault("", 0)

    def __len__(self) -> int:
        """The number of rows so far."""
        return len(self.kinds)

    def add(  # noqa: PLR0917 - called for every entry; keywords would cost a third more
        self,
        path: str,
        kind: int,
        size_bytes: int,
        owner: tuple[int, int, int],
        link_target: str | None = None,
        digest: bytes | None = None,
        capabilities: bytes | None = None,
    ) -> None:
        """Add a row. `kind` is a number of `KINDS`, `owner` is mode, uid and gid, `digest` has `DIGEST_BYTES`."""
        folder, _, name = path.rpartition("/")
        if folder == self._last_folder:
            number = self._last_number
        else:
            number = self.folder_number(folder)
            self._last_folder, self._last_number = folder, number
        if link_target is not None:
            self._links[len(self.kinds)] = link_target
        if capabilities is not None:
            self._capabilities[len(self.kinds)] = capabilities
        self.folder_of.append(number)
        self.names += encoded(name)
        self.names += b"/"
        self.kinds.append(kind)
        self.sizes.append(size_bytes)
        if owner is not self._last_owner:
            self._last_owner = owner
            self._last_owner_number = self.owner_number(owner)
        self.owner_of.append(self._last_owner_number)
        if self._hashes:
            self.digests += digest or NO_DIGEST

    def folder_number(self, folder: str) -> int:
        """The number of a folder, for `folder_of`."""
        return self.folders.setdefault(folder, len(self.folders))

    def owner_number(self, owner: tuple[int, int, int]) -> int:
        """The number of a mode, uid and gid, for `owner_of`."""
        return self._owners.setdefault(owner, len(self._owners))

    def add_entry(self, entry: Entry) -> None:
        """Add an entry as a row."""
        digest = entry.content_digest
        packed = None
        if digest is not None:
            packed = _packed(digest)
            if packed is None:
                self._other_digests[len(self.kinds)] = digest
        owner = (entry.mode, entry.uid, entry.gid)
        self.add(
            entry.path, KIND_NUMBERS[entry.kind], entry.size_bytes, owner, entry.link_target, packed, entry.capabilities
        )

    def build(self) -> Entries:
        """The rows that were added."""
        return Entries(
            folders=list(self.folders),
            folder_of=self.folder_of,
            names=Names(bytes(self.names)),
            kinds=self.kinds,
            sizes=self.sizes,
            owners=list(self._owners),
            owner_of=self.owner_of,
            links=self._links,
            digests=self.digests,
            other_digests=self._other_digests,
            capabilities=self._capabilities,
        )


def _packed(digest: str) -> bytes | None:
    """The bytes of a digest; ``None`` if it is not of the form that `Entries.digests` stores."""
    if not digest.startswith(DIGEST_PREFIX) or len(digest) != len(DIGEST_PREFIX) + 2 * DIGEST_BYTES:
        return None
    try:
        packed = bytes.fromhex(digest.removeprefix(DIGEST_PREFIX))
    except ValueError:
        return None
    return packed if packed != NO_DIGEST and DIGEST_PREFIX + packed.hex() == digest else None
