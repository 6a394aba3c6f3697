"""The package headers in rpm's older databases: Berkeley DB (rpm up to 4.15, RHEL up to 8), and ndb (SUSE's).

Sources: Berkeley DB's ``dbinc/db_page.h`` (the pages of a hash database) and rpm's ``lib/backend/ndb/rpmpkg.c``. Both
files are hostile: every offset is checked against the file's length, and no page is read twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_BDB_MAGIC = 0x061561
_PAGE_HEADER_BYTES = 26
_HASH_PAGES = frozenset({2, 13})
"""``P_HASH_UNSORTED`` and ``P_HASH``."""
_OVERFLOW_PAGE = 7
_ON_PAGE, _OFF_PAGE = 1, 3
"""``H_KEYDATA``: the item is on this page; ``H_OFFPAGE``: it is on a chain of overflow pages."""

_KEY_BYTES = 8
"""Minimum size of a package: the key 0 stores the number of the next package."""

_NDB_MAGIC, _SLOT_MAGIC, _BLOB_MAGIC = b"RpmP", b"Slot", b"BlbS"
_NDB_PAGE_BYTES, _SLOT_BYTES, _BLOCK_BYTES, _NDB_HEADER_BYTES = 4096, 16, 16, 32


def bdb_headers(content: bytes) -> Iterator[bytes]:
    """The values of a Berkeley DB hash database. Raises ValueError if it is damaged or of another kind."""
    yield from _HashDatabase(content).values()


class _HashDatabase:
    def __init__(self, content: bytes) -> None:
        self._content = content
        order = next((order for order in "<>" if content[12:16] == struct.pack(f"{order}I", _BDB_MAGIC)), None)
        if order is None or len(content) < 512:
            raise ValueError("it is not a hash database")
        self._order = order
        (self._page_bytes,) = struct.unpack_from(f"{order}I", content, 20)
        if not 512 <= self._page_bytes <= 65536 or self._page_bytes & (self._page_bytes - 1):
            raise ValueError("its page size is invalid")
        self._pages = len(content) // self._page_bytes
        self._unread = set(range(1, self._pages))

    def values(self) -> Iterator[bytes]:
        for number in range(1, self._pages):
            page = self._page(number)
            if page[25] not in _HASH_PAGES:
                continue
            (entries,) = struct.unpack_from(f"{self._order}H", page, 20)
            if _PAGE_HEADER_BYTES + 2 * entries > len(page):
                raise ValueError("a page holds more items than fit")
            offsets = struct.unpack_from(f"{self._order}{entries}H", page, _PAGE_HEADER_BYTES)
            # Items come in pairs, key and value, from the page's end downwards.
            for index in range(1, entries, 2):
                value = self._item(page, offsets[index], offsets[index - 1])
                if len(value) > _KEY_BYTES:
                    yield value

    def _page(self, number: int) -> bytes:
        return self._content[number * self._page_bytes : (number + 1) * self._page_bytes]

    def _item(self, page: bytes, start: int, end: int) -> bytes:
        if not _PAGE_HEADER_BYTES <= start < end <= len(page):
            raise ValueError("an item is not within its page")
        if page[start] == _ON_PAGE:
            return page[start + 1 : end]
        if page[start] != _OFF_PAGE or end - start < 12:
            raise ValueError("an item is of an unsupported kind")
        number, total_bytes = struct.unpack_from(f"{self._order}II", page, start + 4)
        parts = []
        missing = total_bytes
        while missing > 0:
            if number not in self._unread:
                raise ValueError("its overflow pages are not a chain")
            self._unread.discard(number)
            overflow = self._page(number)
            (number,) = struct.unpack_from(f"{self._order}I", overflow, 16)
            (used,) = struct.unpack_from(f"{self._order}H", overflow, 22)
            if overflow[25] != _OVERFLOW_PAGE or not 0 < used <= len(page) - _PAGE_HEADER_BYTES:
                raise ValueError("its overflow pages are not a chain")
            parts.append(overflow[_PAGE_HEADER_BYTES : _PAGE_HEADER_BYTES + used])
            missing -= used
        return b"".join(parts)[:total_bytes]


def ndb_headers(content: bytes) -> Iterator[bytes]:
    """The packages of an ndb database. Raises ValueError if it is damaged or of another kind."""
    magic, version, _generation, pages = struct.unpack_from("<4sIII", content.ljust(16, b"\0"))
    if magic != _NDB_MAGIC or version != 0:
        raise ValueError("it is not an ndb database of a supported version")
    end = pages * _NDB_PAGE_BYTES
    if not pages or end > len(content):
        raise ValueError("it is cut short")
    for start in range(_NDB_HEADER_BYTES, end, _SLOT_BYTES):
        slot_magic, index, block, blocks = struct.unpack_from("<4sIII", content, start)
        if slot_magic != _SLOT_MAGIC:
            raise ValueError("a slot is damaged")
        if not block:
            continue
        at = block * _BLOCK_BYTES
        blob = content[at : at + blocks * _BLOCK_BYTES]
        if at < end or len(blob) < max(_BLOCK_BYTES, blocks * _BLOCK_BYTES):
            raise ValueError("a package is not within the file")
        blob_magic, blob_index, _time, length = struct.unpack_from("<4sIII", blob)
        if (blob_magic, blob_index) != (_BLOB_MAGIC, index) or length > len(blob) - _BLOCK_BYTES:
            raise ValueError("a package is damaged")
        yield blob[_BLOCK_BYTES : _BLOCK_BYTES + length]
