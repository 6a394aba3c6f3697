"""The tar reader against `tarfile` and GNU tar: what they write, it reads alike; what is damaged, it refuses."""

import contextlib
import io
import subprocess
import tarfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weighbridge.errors import ImageError
from weighbridge.sources.tar import FileCursor, StreamCursor, members

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
TYPES = [tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]


def chunked(content, size=1000):
    return [content[start : start + size] for start in range(0, len(content), size)]


def read(content, *, size=1000, **how):
    """Everything of every member, payload included, through chunks that fit no block."""
    cursor = StreamCursor(chunked(content, size))
    found = []
    for member in members(cursor, **how):
        payload = b"".join(bytes(piece) for piece in cursor.pieces(member.stored_bytes))
        found.append((member, payload))
    return found


def as_tarfile_sees(content):
    with tarfile.open(fileobj=io.BytesIO(content), errors="surrogateescape", encoding="utf-8") as archive:
        return [(m, archive.extractfile(m).read() if m.isreg() else b"") for m in archive]


names = st.text(
    st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), min_size=1, max_size=150
).filter(lambda name: name.strip("/"))


# A regular file whose name ends in a slash: tarfile keeps the slash, as it does for all but directories.
@example(specs=[("0/", tarfile.REGTYPE, "0", b"x", 0, 0)], tar_format=tarfile.GNU_FORMAT, chunk_size=1)
@given(
    st.lists(
        st.tuples(
            names,
            st.sampled_from(TYPES),
            names,
            st.binary(max_size=2000),
            st.integers(0, 0o7777),
            st.integers(0, 2**40),
        ),
        max_size=5,
    ),
    st.sampled_from(FORMATS[1:]),
    st.integers(1, 3000),
)
def test_tar_of_tarfile_is_read_as_by_tarfile(specs, tar_format, chunk_size):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format, encoding="utf-8") as archive:
        for name, kind, link, content, mode, uid in specs:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid = kind, mode, uid
            member.linkname = link if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ""
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    ours, theirs = read(buffer.getvalue(), size=chunk_size), as_tarfile_sees(buffer.getvalue())
    assert len(ours) == len(theirs) == len(specs)
    for (mine, payload), (its, its_payload) in zip(ours, theirs, strict=True):
        assert mine.name.decode().rstrip("/") == its.name.rstrip("/")
        assert mine.link_name.decode().rstrip("/") == its.linkname.rstrip("/")
        assert (bytes([mine.type_flag]), *mine.owner[:2]) == (its.type, its.mode, its.uid)
        assert (mine.size_bytes, payload, mine.data_offset) == (its.size, its_payload, its.offset_data)


@given(st.binary(max_size=4096))
def test_any_bytes_are_read_or_raise_image_error(content):
    with contextlib.suppress(ImageError):
        read(content)


@given(st.data())
def test_damaged_tar_is_read_or_raises_image_error(data):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a" * 120 + "é")
        member.size = 700
        archive.addfile(member, io.BytesIO(b"x" * 700))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImageError):
        read(bytes(content))


@pytest.mark.parametrize("tar_format", ["v7", "ustar", "oldgnu", "gnu", "posix"])
def test_tar_of_gnu_tar_is_read(tmp_path, tar_format):
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder/file").write_bytes(b"content" * 300)
    (tree / "empty").write_bytes(b"")
    (tree / "symlink").symlink_to("folder/file")
    (tree / "hard").hardlink_to(tree / "folder/file")
    if tar_format in ("oldgnu", "gnu", "posix"):
        (tree / ("long" * 50)).write_bytes(b"long name")
        (tree / "long-link").symlink_to("target/" * 30)
    content = subprocess.run(
        ["tar", f"--format={tar_format}", "-C", tree, "--sort=name", "-cf", "-", "."], check=True, capture_output=True
    ).stdout
    ours, theirs = read(content), as_tarfile_sees(content)
    assert [(m.name.decode().rstrip("/"), m.link_name.decode().rstrip("/"), m.size_bytes) for m, _ in ours] == [
        (m.name, m.linkname.rstrip("/"), m.size) for m, _ in theirs
    ]
    assert len(ours) >= 6


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format=gnu"],
        ["--format=posix", "--sparse-version=0.0"],
        ["--format=posix", "--sparse-version=0.1"],
        ["--format=posix", "--sparse-version=1.0"],
    ],
    ids=["gnu", "pax-0.0", "pax-0.1", "pax-1.0"],
)
@pytest.mark.parametrize("holes", [2, 40])
def test_sparse_file_has_its_real_name_and_size(tmp_path, arguments, holes):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for number in range(holes):
            file.seek(number * 1_000_000)
            file.write(b"data" * 2000)
        file.truncate(holes * 1_000_000)
    (tmp_path / "zz-after").write_bytes(b"after")
    content = subprocess.run(
        ["tar", "--sparse", *arguments, "-C", tmp_path, "-cf", "-", "sparse", "zz-after"],
        check=True,
        capture_output=True,
    ).stdout
    assert len(content) < holes * 1_000_000
    (sparse, _), (after, payload) = read(content)
    assert (sparse.name, sparse.size_bytes, sparse.is_sparse) == (b"sparse", holes * 1_000_000, True)
    assert (after.name, payload) == (b"zz-after", b"after")


def test_large_number_in_base_256_is_read():
    member = tarfile.TarInfo("huge")
    member.size = 1 << 40
    header = member.tobuf(tarfile.GNU_FORMAT)
    cursor = StreamCursor([header])
    assert next(members(cursor)).size_bytes == 1 << 40


def test_file_cursor_skips_payloads_and_finds_same(tmp_path, tar, member):
    content = tar([member("a", content=b"1" * 100_000), member("b", content=b"2" * 5), member("c" * 200)])
    path = tmp_path / "t.tar"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        cursor = FileCursor(file)
        found = []
        for item in members(cursor):
            taken = cursor.take(3) if item.name == b"b" else b""
            found.append((item, taken))
    assert [m for m, _ in found] == [m for m, _ in read(content)]
    assert found[1][1] == b"222"


def with_checksum(header):
    header = bytearray(header)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def header_of(**fields):
    member = tarfile.TarInfo("name")
    for key, value in fields.items():
        setattr(member, key, value)
    return bytearray(member.tobuf(tarfile.USTAR_FORMAT))


def test_wrong_checksum_is_refused_with_its_place():
    header = header_of()
    header[0] ^= 1
    with pytest.raises(ImageError, match="header at byte 512 has a wrong checksum"):
        read(bytes(header_of()) + bytes(header))


def test_checksum_of_signed_characters_is_accepted():
    header = header_of()
    header[0] = 0xE9
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(byte - 256 if byte > 127 else byte for byte in header)
    assert read(bytes(header) + bytes(1024))[0][0].name == b"\xe9ame"


@pytest.mark.parametrize("cut", [100, 512 + 1, 512 + 600])
def test_truncated_tar_is_refused(tar, member, cut):
    with pytest.raises(ImageError, match="truncated"):
        read(tar([member("a", content=b"x" * 1000)])[:cut])


def test_tar_without_end_is_refused_if_end_is_required(tar, member):
    content = tar([member("a", content=b"x" * 512)])[:1024]
    assert len(read(content)) == 1
    with pytest.raises(ImageError, match="truncated"):
        read(content, end_marker_required=True)


def test_tar_without_last_padding_is_read_if_no_end_is_required(tar, member):
    content = tar([member("a", content=b"x" * 10)])[: 512 + 10]
    assert read(content)[0][1] == b"x" * 10
    with pytest.raises(ImageError, match="truncated"):
        read(content, end_marker_required=True)


def test_size_not_number_is_refused():
    header = header_of()
    header[124:136] = b"zzzzzzzzzzz\0"
    with pytest.raises(ImageError, match="not an octal number"):
        read(with_checksum(header))


def test_negative_size_is_refused():
    header = header_of()
    header[124:136] = b"\xff" * 12
    with pytest.raises(ImageError, match="out of range"):
        read(with_checksum(header))


def test_extension_header_over_limit_is_refused():
    header = header_of(type=tarfile.XHDTYPE, size=2 << 20)
    with pytest.raises(ImageError, match="more than the limit of 1048576"):
        read(bytes(header))


@pytest.mark.parametrize(
    "record", [b"x", b"99 path=a\n", b"0 path=a\n", b"10 path=a\nx", b"7 path\n", b"-1 path=a\n", b"9" * 30 + b" p=1\n"]
)
def test_malformed_pax_record_is_refused(record):
    header = header_of(type=tarfile.XHDTYPE, size=len(record))
    with pytest.raises(ImageError, match="pax record"):
        read(bytes(header) + record.ljust(512, b"\0") + bytes(header_of()) + bytes(1024))


def test_nul_in_pax_path_is_refused():
    record = b"12 path=a\0b\n"
    header = header_of(type=tarfile.XHDTYPE, size=len(record))
    with pytest.raises(ImageError, match="NUL"):
        read(bytes(header) + record.ljust(512, b"\0") + bytes(header_of()) + bytes(1024))


def test_unknown_member_type_is_refused():
    with pytest.raises(ImageError, match="unknown type V"):
        read(bytes(header_of(type=b"V")) + bytes(1024))


def test_endless_sparse_map_is_refused(monkeypatch):
    monkeypatch.setattr("weighbridge.sources.tar.MAX_SPARSE_HEADER_BLOCKS", 10)
    header = header_of(type=tarfile.GNUTYPE_SPARSE)
    header[257:265] = b"ustar  \0"
    header[482] = 1
    with pytest.raises(ImageError, match="sparse map"):
        read(with_checksum(header) + (b"\1" * 512) * 20)


def test_link_with_size_has_no_payload():
    # Old tars repeat the file's size in the headers of its links.
    header = header_of(type=tarfile.LNKTYPE, linkname="x", size=4096)
    found = read(bytes(header) + bytes(header_of()) + bytes(1024))
    assert [(m.name, m.size_bytes) for m, _ in found] == [(b"name", 0), (b"name", 0)]


def test_global_pax_header_has_no_effect():
    # git archive writes one; engines read layers with Go, where it is a member of its own.
    record = b"10 path=b\n"
    header = header_of(type=tarfile.XGLTYPE, size=len(record))
    found = read(bytes(header) + record.ljust(512, b"\0") + bytes(header_of()) + bytes(1024))
    assert [m.name for m, _ in found] == [b"name"]
