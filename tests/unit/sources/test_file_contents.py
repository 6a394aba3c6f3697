"""Parts of files are read from the cache once, and from the image if the cache does not have them."""

from __future__ import annotations

from pathlib import Path

from weighbridge.domain.image.layer import Entry, EntryKind
from weighbridge.domain.image.rootfs import Node
from weighbridge.sources.file_contents import WHOLE_FILE_BYTES, ImageContents
from weighbridge.sources.layer_cache import LayerCache

CONTENT = bytes(range(256)) * (WHOLE_FILE_BYTES // 128)
NODE = Node(
    path="/x",
    entry=Entry(path="x", kind=EntryKind.FILE, size_bytes=len(CONTENT)),
    diff_id="sha256:a",
    stored_path="x",
)


class Files:
    """An image with one file; records what is read."""

    def __init__(self) -> None:
        self.reads: list[tuple[int, int]] = []

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        del node
        self.reads.append((offset, length))
        return CONTENT[offset : offset + length]

    def close(self) -> None:
        pass


class CountingCache(LayerCache):
    """A cache that counts how often it unpacks the parts of a file."""

    lookups = 0

    def parts(self, diff_id: str, path: str) -> dict[int, bytes]:
        self.lookups += 1
        return super().parts(diff_id, path)


def test_file_read_in_small_pieces_is_unpacked_once(tmp_path: Path) -> None:
    first, files = ImageContents(Files, LayerCache(tmp_path)), Files()
    first.read(NODE, offset=0, length=200_000)
    cache = CountingCache(tmp_path)
    contents = ImageContents(lambda: files, cache)
    pieces = [contents.read(NODE, offset=offset, length=1000) for offset in range(0, 190_000, 1000)]
    assert b"".join(pieces) == CONTENT[:190_000]
    assert (cache.lookups, files.reads) == (1, [])


def test_new_part_of_file_is_known_to_this_and_later_readers(tmp_path: Path) -> None:
    files = Files()
    contents = ImageContents(lambda: files, LayerCache(tmp_path))
    for _ in range(2):
        assert contents.read(NODE, offset=5, length=10) == CONTENT[5:15]
        assert contents.read(NODE, offset=1_000_000, length=10) == CONTENT[1_000_000:1_000_010]
    assert len(files.reads) == 2
    later = Files()
    again = ImageContents(lambda: later, LayerCache(tmp_path))
    assert again.read(NODE, offset=1_000_000, length=10) == CONTENT[1_000_000:1_000_010]
    assert later.reads == []
