"""Tar extension headers (pax, GNU long names, GNU sparse files) as Go's ``archive/tar`` applies them.

Every engine reads layers with that package, so it defines names and sizes: ``Reader.next``, ``mergePAX`` and
``readGNUSparsePAXHeaders`` in ``archive/tar/reader.go``. ``tests/data/tar_layers`` holds the results of two engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weighbridge.errors import ImageError

_NUMBER = re.compile(rb"[+-]?[0-9]{1,100}")
_SPARSE = b"GNU.sparse."
_CAPABILITIES = b"SCHILY.xattr.security.capability"
_EXPLICIT_VERSIONS = {(b"0", b"0"), (b"0", b"1"), (b"1", b"0")}


@dataclass(frozen=True, kw_only=True, slots=True)
class SparseFile:
    """The pax headers of a sparse file; `name` and `size_bytes` are ``None`` if absent.

    `pieces` are (offset, length) of the stored data, ``None`` if the map precedes the data (format 1.0).
    """

    name: bytes | None
    size_bytes: int | None
    pieces: tuple[tuple[int, int], ...] | None


class Extensions:
    """The extension headers that apply to the next member."""

    __slots__ = ("_long_link", "_long_name", "_pax", "_position")

    def __init__(self) -> None:
        self._pax: Mapping[bytes, bytes] = {}
        self._long_name = b""
        self._long_link = b""
        self._position = 0

    def apply(self, type_flag: int, record: bytes, position: int) -> None:
        """Add the extension header at byte `position`. A second pax header replaces the first one."""
        self._position = position
        if type_flag == ord("L"):
            self._long_name = record.split(b"\0", 1)[0]
        elif type_flag == ord("K"):
            self._long_link = record.split(b"\0", 1)[0]
        else:
            self._pax = parse_pax(record, position)

    @property
    def name(self) -> bytes | None:
        """The member's name; GNU's long name overrides pax in any order."""
        return self._long_name or self._text(b"path")

    @property
    def link_name(self) -> bytes | None:
        """The target of a link."""
        return self._long_link or self._text(b"linkpath")

    @property
    def capabilities(self) -> bytes | None:
        """The value of the attribute ``security.capability``, under the one key that engines apply."""
        return self._pax.get(_CAPABILITIES)

    def number(self, key: bytes) -> int | None:
        """A number of the pax header; ``None`` if absent or empty. Raises ImageError if it is not a number."""
        value = self._pax.get(key)
        return _decimal(value, self._position) if value else None

    def sparse_file(self) -> SparseFile | None:
        """The sparse file that the pax header describes; ``None`` without a known version and a map."""
        version = (self._pax.get(_SPARSE + b"major", b""), self._pax.get(_SPARSE + b"minor", b""))
        if version not in _EXPLICIT_VERSIONS and (any(version) or not self._pax.get(_SPARSE + b"map")):
            return None
        size_bytes = self.number(_SPARSE + b"size")
        return SparseFile(
            name=self._text(_SPARSE + b"name"),
            size_bytes=self.number(_SPARSE + b"realsize") if size_bytes is None else size_bytes,
            pieces=None if version == (b"1", b"0") else self._sparse_pieces(),
        )

    def _sparse_pieces(self) -> tuple[tuple[int, int], ...]:
        numbers = [_decimal(one, self._position) for one in self._pax.get(_SPARSE + b"map", b"").split(b",") if one]
        if len(numbers) != 2 * _decimal(self._pax.get(_SPARSE + b"numblocks", b""), self._position):
            raise _malformed_map(self._position)
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))

    def _text(self, key: bytes) -> bytes | None:
        value = self._pax.get(key) or None
        if value is not None and b"\0" in value:
            raise ImageError(f"the tar is malformed: the name in the header at byte {self._position} holds a NUL")
        return value


def require_whole_map(sparse: SparseFile, size_bytes: int, stored_bytes: int, position: int) -> None:
    """Raises ImageError if the pieces are out of order, exceed the file, or do not add up to the stored bytes."""
    if sparse.pieces is None:
        return
    end = 0
    for offset, length in sparse.pieces:
        if offset < end or offset + length > size_bytes:
            raise _malformed_map(position)
        end = offset + length
    if sum(length for _, length in sparse.pieces) != stored_bytes:
        raise _malformed_map(position)


def parse_pax(record: bytes, position: int) -> dict[bytes, bytes]:
    """The values of a pax header by key; the last record of a key wins. Raises ImageError if a record is malformed.

    The pairs of the sparse format 0.0 become the map of 0.1.
    """
    values: dict[bytes, bytes] = {}
    pieces: list[bytes] = []
    for key, value in pax_records(record, position):
        if key in (_SPARSE + b"offset", _SPARSE + b"numbytes"):
            expected = b"numbytes" if len(pieces) % 2 else b"offset"
            if not key.endswith(expected) or b"," in value:
                raise _malformed_map(position)
            pieces.append(value)
        else:
            values[key] = value
    if pieces:
        values[_SPARSE + b"map"] = b",".join(pieces)
    return values


def pax_records(record: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    """The records (``length key=value`` and a newline) of a pax header. Raises `ImageError` if one is malformed."""
    at = 0
    while at < len(record):
        space = record.find(b" ", at, at + 20)
        digits = record[at:space] if space > 0 else b""
        if not digits.isdigit():
            raise _malformed_pax(position)
        end = at + int(digits)
        equals = record.find(b"=", space + 1, end)
        if end > len(record) or equals < 0 or end <= equals or record[end - 1] != ord("\n"):
            raise _malformed_pax(position)
        yield record[space + 1 : equals], record[equals + 1 : end - 1]
        at = end


def number_in_range(number: int, position: int) -> int:
    """`number`, if it is in the range of file sizes and owner IDs. Raises ImageError otherwise."""
    if not 0 <= number < 1 << 63:
        raise ImageError(f"the tar is malformed: a number in the header at byte {position} is out of range ({number})")
    return number


def _decimal(value: bytes, position: int) -> int:
    if not _NUMBER.fullmatch(value):
        raise ImageError(f"the tar is malformed: {value[:40]!r} in the pax header at byte {position} is not a number")
    return number_in_range(int(value), position)


def _malformed_pax(position: int) -> ImageError:
    return ImageError(f"the tar is malformed: a pax record before byte {position + 512} is not `length key=value`")


def _malformed_map(position: int) -> ImageError:
    return ImageError(f"the tar is malformed: the sparse map before byte {position + 512} does not fit its file")
