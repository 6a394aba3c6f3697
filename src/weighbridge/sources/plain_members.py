"""Reads runs of plain tar members without an object or a function call for each: most members of a layer are plain.

A plain member is a regular file or a directory with a short ASCII name, without an extension header, whose content ends
in the chunk at hand. `PlainMembers.read` stops before the first member that is not plain, or that has an error:
`weighbridge.sources.tar` and `weighbridge.sources.changeset` then decide. Both ways return the same entries for the
same tar (a differential test compares them). This one needs a third of the time.

Most bytes of a header repeat from member to member. Their meaning is computed once: for the bytes after the checksum
field (type, magic, owner names), for mode and owner, and for the digits of the checksum.
"""

from __future__ import annotations

import struct
import zlib
from array import array

import xxhash

from weighbridge.domain.image.entries import DIRECTORY, FILE, NO_DIGEST, EntriesBuilder
from weighbridge.errors import ImageError
from weighbridge.sources.kept_files import endings_of_kept_names, may_keep_other_names
from weighbridge.sources.layer_paths import MAX_PATH_COMPONENTS, WHITEOUT_PREFIX, normalised_path
from weighbridge.sources.tar import BLOCK_BYTES, CHECKSUM_FIELD_SUM, StreamCursor, owner_numbers, stored_checksum

NO_OFFSET = -1
"""In `LayerIndex.data_offsets`: the tar holds no bytes for this entry, or stores it as a sparse file."""

_HEADER = struct.Struct("148s8s356s")
"""The bytes before the checksum field, the field, and the bytes after it.

The sum of the first part is below Adler-32's modulus, so Adler-32 with the start value 0 holds it in its low half.
"""
_LINK_NAME = 1
_PREFIX = 345 - 156
_KINDS = {ord("0"): FILE, ord("5"): DIRECTORY}
_AFTER_DIGITS = b"\0 "
_SLASH, _DOT = b"/."
_LAST_OF_BLOCK = BLOCK_BYTES - 1
_WHITEOUT = WHITEOUT_PREFIX.encode()
_NOT_NAMES = frozenset((b"", b".", b".."))
_MAX_REMEMBERED = 4096
"""Maximum number of cached values of each kind."""


class PlainMembers:
    """Adds runs of plain members to the columns of a layer."""

    def __init__(self, rows: EntriesBuilder, offsets: array[int]) -> None:
        """`offsets` receives the offset of each file's content in the tar, `rows` the rest."""
        self._rows = rows
        self._offsets = offsets
        self._endings: dict[bytes, tuple[int, int | None]] = {}
        """By the bytes after the checksum field: what they add to the checksum, and the kind; ``None`` if not plain."""
        self._checksums: dict[bytes, int] = {}
        self._sizes: dict[bytes, int] = {}
        self._folders: dict[bytes, int | None] = {}

    def read(  # noqa: PLR0915 - a call or an attribute more for each member costs a second in a large image
        self, cursor: StreamCursor, *, most_members: int, most_name_bytes: int
    ) -> tuple[int, int]:
        """Read the plain members at `cursor`, up to a number of members and a number of bytes of their names.

        Returns how many were read, and the bytes of their names. Leaves the cursor at the header of the next member.
        """
        view, at = cursor.window()
        window_bytes = len(view)
        if at + BLOCK_BYTES > window_bytes:
            return 0, 0
        window_start = cursor.position - at
        rows = self._rows
        names: list[bytes] = []
        add_name, add_folder, add_owner = names.append, rows.folder_of.append, rows.owner_of.append
        add_kind = rows.kinds.append
        add_size, add_offset, digests = rows.sizes.append, self._offsets.append, rows.digests
        endings, checksums, sizes, folders = self._endings, self._checksums, self._sizes, self._folders
        kept_endings = endings_of_kept_names()
        last_bytes = frozenset(ending[-1] for ending in kept_endings)
        unpack, adler32, digest_of = _HEADER.unpack_from, zlib.adler32, xxhash.xxh3_128_digest
        last_ending = last_owner = None
        last_slash, last_folder = -2, b""
        kind: int | None = None
        owner_number: int | None = None
        folder_number: int | None = None
        count = name_bytes = ending_sum = 0
        while at + BLOCK_BYTES <= window_bytes and count < most_members:
            beginning, checksum, ending = unpack(view, at)
            if ending != last_ending:
                ending_sum, kind = endings.get(ending) or self._learn_ending(ending)
                last_ending = ending
            stored_sum = checksums.get(checksum) or self._learn_checksum(checksum)
            if kind is None or stored_sum != (adler32(beginning, 0) & 0xFFFF) + ending_sum:
                break
            end_of_name = beginning.find(0, 0, 100)
            total_name_bytes = name_bytes + end_of_name
            if end_of_name < 1 or total_name_bytes > most_name_bytes:
                break
            if kind == DIRECTORY and beginning[end_of_name - 1] == _SLASH:
                end_of_name -= 1
            slash = beginning.rfind(_SLASH, 0, end_of_name)
            base = beginning[slash + 1 : end_of_name]
            if slash != last_slash or not beginning.startswith(last_folder):
                last_slash, last_folder = slash, beginning[: max(slash, 0)]
                folder_number = folders[last_folder] if last_folder in folders else self._learn_folder(last_folder)
            if folder_number is None or not base or not base.isascii():
                break
            if base[0] == _DOT and (base in _NOT_NAMES or base.startswith(_WHITEOUT)):
                break
            if base[-1] in last_bytes and base.endswith(kept_endings):
                break
            owner = beginning[100:124]
            if owner != last_owner:
                owner_number, last_owner = self._owner_number(owner), owner
            size_field = beginning[124:136]
            size = sizes.get(size_field, -1)
            if size < 0:
                size = self._learn_size(size_field)
            if owner_number is None or size < 0:
                break
            if kind == DIRECTORY:
                size = 0
            content = at + BLOCK_BYTES
            end = content + ((size + _LAST_OF_BLOCK) & ~_LAST_OF_BLOCK)
            if end > window_bytes:
                break
            if kind == FILE:
                digests += digest_of(view[content : content + size])
                add_offset(window_start + content)
            else:
                digests += NO_DIGEST
                add_offset(NO_OFFSET)
            add_name(base)
            add_folder(folder_number)
            add_owner(owner_number)
            add_kind(kind)
            add_size(size)
            at = end
            name_bytes = total_name_bytes
            count += 1
        names.append(b"")  # a slash behind the last name
        rows.names += b"/".join(names)
        cursor.move_in_window(at)
        return count, name_bytes

    def _learn_ending(self, ending: bytes) -> tuple[int, int | None]:
        # A link name or a prefix of the name: not plain.
        is_plain = not ending[_LINK_NAME] and not ending[_PREFIX]
        known = sum(ending) + CHECKSUM_FIELD_SUM, _KINDS.get(ending[0]) if is_plain else None
        if len(self._endings) < _MAX_REMEMBERED:
            self._endings[ending] = known
        return known

    def _learn_checksum(self, field: bytes) -> int:
        number = stored_checksum(field)
        if len(self._checksums) < _MAX_REMEMBERED:
            self._checksums[field] = number
        return number

    def _owner_number(self, fields: bytes) -> int | None:
        """The number of an owner in the columns; ``None`` if a field is not a number."""
        try:
            return self._rows.owner_number(owner_numbers(fields, 0))
        except ImageError:
            return None

    def _learn_folder(self, folder: bytes) -> int | None:
        """The number of a folder in the columns; ``None`` if its files are not plain."""
        if len(self._folders) >= _MAX_REMEMBERED:
            self._folders.clear()  # a tar goes from folder to folder: the next ones are new
        number = self._folders[folder] = self._folder_number(folder) if folder.isascii() else None
        return number

    def _folder_number(self, folder: bytes) -> int | None:
        path = normalised_path(folder)
        if path.count("/") + 1 >= MAX_PATH_COMPONENTS or may_keep_other_names(path):
            return None
        return self._rows.folder_number(path)

    def _learn_size(self, field: bytes) -> int:
        """The number in a header's size field; -1 if it is not one of plain octal digits."""
        digits = field[:-1]
        if not digits.isdigit() or field[-1] not in _AFTER_DIGITS:
            return -1
        try:
            size = int(digits, 8)
        except ValueError:
            return -1
        if len(self._sizes) < _MAX_REMEMBERED:
            self._sizes[field] = size
        return size
