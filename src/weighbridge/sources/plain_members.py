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
        add_name, shared_names = rows.names.append, rows.shared_names
        add_folder, add_owner, add_kind = rows.folder_of.append, rows.owner_of.append, rows.kinds.append
        add_size, add_offset, digests = rows.sizes.append, self._offsets.append, rows.digests
        endings, checksums = self._endings, self._checksums
        kept_endings = endings_of_kept_names()
        unpack, adler32, digest_of = _HEADER.unpack_from, zlib.adler32, xxhash.xxh3_128_digest
        last_ending = last_owner = last_folder = None
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
            name = beginning[:100].partition(b"\0")[0]
            total_name_bytes = name_bytes + len(name)
            if total_name_bytes > most_name_bytes or not name.isascii():
                break
            if kind == DIRECTORY:
                name = name.removesuffix(b"/")
            folder, _, base = name.rpartition(b"/")
            if folder != last_folder:
                folder_number, last_folder = self._folder_number(folder), folder
            if folder_number is None or base in _NOT_NAMES or base.startswith(_WHITEOUT):
                break
            if base.endswith(kept_endings):
                break
            owner = beginning[100:124]
            if owner != last_owner:
                owner_number, last_owner = self._owner_number(owner), owner
            digits = beginning[124:135]
            if owner_number is None or not digits.isdigit() or beginning[135] not in _AFTER_DIGITS:
                break
            try:
                size = int(digits, 8)
            except ValueError:
                break
            if kind == DIRECTORY:
                size = 0
            content = at + BLOCK_BYTES
            end = content + size + (-size % BLOCK_BYTES)
            if end > window_bytes:
                break
            if kind == FILE:
                digests += digest_of(view[content : content + size])
                add_offset(window_start + content)
            else:
                digests += NO_DIGEST
                add_offset(NO_OFFSET)
            decoded = base.decode()
            add_name(shared_names.get(decoded) or rows.shared_name(decoded))
            add_folder(folder_number)
            add_owner(owner_number)
            add_kind(kind)
            add_size(size)
            at = end
            name_bytes = total_name_bytes
            count += 1
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

    def _folder_number(self, folder: bytes) -> int | None:
        """The number of a folder in the columns; ``None`` if its files are not plain."""
        path = normalised_path(folder)
        if path.count("/") + 1 >= MAX_PATH_COMPONENTS or may_keep_other_names(path):
            return None
        return self._rows.folder_number(path)
