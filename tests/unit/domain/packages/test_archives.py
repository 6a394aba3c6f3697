"""Members of an archive in the image: of tar in its three formats and four compressions, and of zip."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from weighbridge.domain.packages.archives import list_archive

LONG = f"{'folder/' * 30}{'n' * 60}.txt"


def tar(format_: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar with a directory, files with a short and a long name, and links."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format_) as archive:
        for name, kind, content in (
            ("./a", tarfile.DIRTYPE, b""),
            ("./a/b.txt", tarfile.REGTYPE, b"12345"),
            ("a/link", tarfile.SYMTYPE, b""),
            ("a/hard", tarfile.LNKTYPE, b""),
            (LONG if format_ != tarfile.USTAR_FORMAT else f"{'p' * 150}/{'n' * 90}", tarfile.REGTYPE, b"x" * 600),
            ("a/é", tarfile.REGTYPE, b""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), "a/b.txt"
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def members(data: bytes) -> list[tuple[str, int]]:
    return [
        (one.path, one.size_bytes)
        for one in list_archive(lambda offset, length: data[offset : offset + length], len(data))
    ]


MEMBERS = [("a/b.txt", 5), (LONG, 600), ("a/é", 0)]


@pytest.mark.parametrize(
    ("format_", "long_name"),
    [
        pytest.param(tarfile.GNU_FORMAT, LONG, id="gnu"),
        pytest.param(tarfile.PAX_FORMAT, LONG, id="pax"),
        pytest.param(tarfile.USTAR_FORMAT, f"{'p' * 150}/{'n' * 90}", id="ustar prefix"),
    ],
)
def test_tar_of_each_format_lists_its_regular_files(format_, long_name):
    assert members(tar(format_)) == [("a/b.txt", 5), (long_name, 600), ("a/é", 0)]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_tar_lists_its_regular_files(compress):
    assert members(compress(tar())) == MEMBERS


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"text" * 1000, id="text"),
        pytest.param(b"\x28\xb5\x2f\xfd" + b"z" * 600, id="zstd"),
        pytest.param(b"\x1f\x8b" + b"z" * 600, id="damaged gzip"),
        pytest.param(b"\xfd7zXZ\x00" + b"z" * 600, id="damaged xz"),
        pytest.param(b"PK\x03\x04" + b"z" * 600, id="damaged zip"),
        pytest.param(gzip.compress(b"text" * 1000), id="compressed text"),
    ],
)
def test_file_of_another_kind_lists_nothing(data):
    assert members(data) == []


def test_cut_tar_lists_members_with_complete_header():
    data = tar()
    start = data.index(b"./a/b.txt")
    assert members(data[: start + 511]) == []
    assert members(data[: start + 512]) == [("a/b.txt", 5)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(b"\x80" + (9 << 30).to_bytes(11, "big"), [("big", 9 << 30)], id="base 256"),
        pytest.param(b"00000000012 ", [("big", 10)], id="octal"),
        pytest.param(bytes(12), [("big", 0)], id="empty"),
        pytest.param(b"0000000009\0\0", [], id="no octal digit"),
        pytest.param(b"\xff" * 12, [], id="negative"),
    ],
)
def test_size_of_tar_member_is_read_as_octal_or_base_256(size, expected):
    header = bytearray(512)
    header[0:3], header[124:136], header[156:157], header[257:263] = b"big", size, b"0", b"ustar\0"
    assert members(bytes(header)) == expected


def zipped(flag: bool) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/", b"")
        archive.writestr("a/b.txt", b"12345" * 100)
        archive.writestr("a/é", b"")
    # Most programs write UTF-8 without the flag for it (bit 11) in the entry and in the directory.
    return stream.getvalue() if flag else stream.getvalue().replace(b"\x14\0\0\x08", b"\x14\0\0\0")


@pytest.mark.parametrize("flag", [True, False])
def test_zip_lists_its_regular_files_with_utf8_names(flag):
    data = zipped(flag)
    assert bool(zipfile.ZipFile(io.BytesIO(data)).infolist()[2].flag_bits & 0x800) is flag
    assert members(data) == [("a/b.txt", 500), ("a/é", 0)]


@pytest.mark.parametrize("data", [tar(), zipped(True)], ids=["tar", "zip"])
def test_archive_over_limit_lists_first_members(data, monkeypatch):
    monkeypatch.setattr("weighbridge.domain.packages.archives.MAX_MEMBERS", 1)
    assert members(data) == [("a/b.txt", 5 if data[:2] != b"PK" else 500)]
