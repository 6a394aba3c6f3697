"""Compressed streams: recognised by their bytes, read to the end or refused."""

import bz2
import gzip
import lzma
import os
import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import ImageError
from weighbridge.sources.compression import CompressedSize, Compression, decompressed, sniff, sniffed

CONTENT = os.urandom(3_000) + b"a" * 3_000_000 + os.urandom(3_000)
ZSTD = zstandard.ZstdCompressor().compress


def unpack(content, size=1000):
    compression, chunks = sniffed(content[start : start + size] for start in range(0, len(content), size))
    return compression, b"".join(bytes(chunk) for chunk in decompressed(compression, chunks))


@pytest.mark.parametrize(
    ("compress", "compression"),
    [
        (bytes, Compression.NONE),
        (gzip.compress, Compression.GZIP),
        (ZSTD, Compression.ZSTD),
        (lzma.compress, Compression.XZ),
        (bz2.compress, Compression.BZIP2),
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 10_000_000])
def test_content_is_unchanged_after_decompression(compress, compression, size):
    content = CONTENT if size > 1 else CONTENT[:5000]
    assert unpack(compress(content), size) == (compression, content)


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.integers(1, 50),
    st.sampled_from([gzip.compress, ZSTD, lzma.compress, bz2.compress]),
)
def test_several_members_or_frames_are_one_content(parts, size, compress):
    assert unpack(b"".join(compress(part) for part in parts), size)[1] == b"".join(parts)


def test_zeros_after_gzip_stream_are_padding():
    assert unpack(gzip.compress(CONTENT) + bytes(1024))[1] == CONTENT


def test_zstd_stream_may_begin_with_skippable_frame():
    # zstd:chunked and pzstd write such.
    skippable = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    assert unpack(skippable + ZSTD(CONTENT)) == (Compression.ZSTD, CONTENT)


@pytest.mark.parametrize("compress", [lzma.compress, bz2.compress])
def test_xz_and_bzip2_cut_or_damaged_are_refused(compress):
    content = compress(CONTENT)
    for cut in (10, len(content) // 2, len(content) - 1):
        with pytest.raises(ImageError, match="is truncated"):
            unpack(content[:cut])
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    with pytest.raises(ImageError, match=r"damaged|truncated"):
        unpack(bytes(damaged))
    assert unpack(content + bytes(512))[1] == CONTENT


def test_truncated_gzip_stream_is_refused():
    content = gzip.compress(CONTENT)
    for cut in (10, len(content) // 2, len(content) - 1):
        with pytest.raises(ImageError, match="is truncated"):
            unpack(content[:cut])


def test_truncated_zstd_stream_is_refused():
    # The library does not say that a frame was cut; the layer's digest and size do.
    content = ZSTD(CONTENT)
    for cut in (10, len(content) // 2, len(content) - 5):
        assert len(unpack(content[:cut])[1]) < len(CONTENT)


@pytest.mark.parametrize("compress", [gzip.compress, ZSTD])
def test_damaged_stream_is_refused_or_gives_other_bytes(compress):
    content = bytearray(compress(CONTENT))
    content[len(content) // 2] ^= 0xFF
    try:
        assert unpack(bytes(content))[1] != CONTENT
    except ImageError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either outcome is right


def test_data_after_gzip_stream_is_refused():
    for garbage in (b"garbage", b"garbage" * 20):
        with pytest.raises(ImageError, match=r"damaged|truncated"):
            unpack(gzip.compress(CONTENT) + garbage)


def test_short_blob_is_not_compressed():
    assert sniff(b"") is sniff(b"\x1f") is Compression.NONE


def compressed_size(content: bytes, *, piece_bytes: int) -> int:
    size = CompressedSize()
    for start in range(0, len(content), piece_bytes):
        size.feed(content[start : start + piece_bytes])
    return size.finish()


def gzip_bytes(content: bytes) -> int:
    return len(gzip.compress(content, compresslevel=6))


def test_estimate_of_small_stream_is_size_of_gzip():
    assert compressed_size(b"", piece_bytes=1) == gzip_bytes(b"")
    assert compressed_size(CONTENT[: 2 << 20], piece_bytes=70_000) == gzip_bytes(CONTENT[: 2 << 20])


def test_estimate_of_large_mixed_stream_is_within_two_percent_of_gzip():
    words = [b"%d %x\n" % (number, number * number) for number in range(100_000)]
    parts = [b"".join(words), random.Random(1).randbytes(750_000), bytes(500_000), b"".join(reversed(words))]
    content = b"".join(parts)
    assert compressed_size(content, piece_bytes=1 << 20) == pytest.approx(gzip_bytes(content), rel=0.02)


def test_estimate_does_not_depend_on_pieces():
    content = b"".join(b"%d\n" % number for number in range(300_000))
    sizes = {compressed_size(content, piece_bytes=piece_bytes) for piece_bytes in (1 << 20, 1 << 16, 12_345)}
    assert max(sizes) - min(sizes) < 0.001 * max(sizes)


@pytest.mark.parametrize(
    ("compress", "limit"),
    [
        (gzip.compress, "FREE_UNPACKED_BYTES"),
        (ZSTD, "FREE_UNPACKED_BYTES"),
        (bz2.compress, "FREE_UNPACKED_SLOWLY_BYTES"),
        (lzma.compress, "FREE_UNPACKED_SLOWLY_BYTES"),
    ],
)
def test_blob_with_extreme_ratio_is_refused(monkeypatch, compress, limit):
    monkeypatch.setattr(f"weighbridge.sources.compression.{limit}", 1 << 30 >> 8)
    with pytest.raises(ImageError, match="unpacks to more than"):
        unpack(compress(bytes(8 << 20)))
    assert unpack(compress(bytes(3 << 20)))[1] == bytes(3 << 20)


def test_large_blob_at_real_ratio_is_read_whole(monkeypatch):
    monkeypatch.setattr("weighbridge.sources.compression.FREE_UNPACKED_BYTES", 1 << 20)
    content = os.urandom(20_000) * 200
    assert unpack(gzip.compress(content))[1] == content


def test_many_members_without_content_are_refused_before_end_is_read():
    with pytest.raises(ImageError, match="members for 0 bytes"):
        unpack(gzip.compress(b"") * 200_000 + b"not gzip", 1 << 20)


def test_many_small_members_are_one_content():
    parts = [b"%0600d" % number for number in range(30_000)]
    assert unpack(b"".join(gzip.compress(part, 1) for part in parts), 1 << 20)[1] == b"".join(parts)
