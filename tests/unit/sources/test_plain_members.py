"""Plain members, read in runs: the same layer, or the same error, as reading member by member."""

import io
import json
import tarfile
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import ImageError
from weighbridge.sources import changeset, plain_members
from weighbridge.sources.changeset import ChangesetBuilder, index_layer
from weighbridge.sources.kept_files import endings_of_kept_names, is_kept, may_keep_other_names
from weighbridge.sources.tar import StreamCursor, members

_RECORDS = json.loads((Path(__file__).parents[2] / "data/tar_layers/overlay2.json").read_text())

_PARTS = st.sampled_from(
    [
        "a",
        "b",
        "lib",
        "etc",
        "usr",
        ".",
        "..",
        "",
        ".wh.a",
        ".wh..wh..opq",
        ".wh..wh.x",
        ".hidden",
        "passwd",
        "é",
        "RECORD",
    ]
)
_NAMES = st.lists(_PARTS, min_size=1, max_size=5).map("/".join) | st.just("d/" * 256 + "f") | st.just("n" * 120)
_KINDS = st.sampled_from(
    [tarfile.REGTYPE] * 4
    + [tarfile.DIRTYPE] * 2
    + [tarfile.AREGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CONTTYPE]
)
_FIELDS = st.sampled_from(
    [slice(100, 108), slice(108, 116), slice(124, 136), slice(148, 156), slice(257, 265), slice(345, 350)]
)
_VALUES = st.sampled_from([b"\x80", b"\xff", b"8", b" ", b"\0", b"7", b"_", b"-", b"x"])


@st.composite
def _headers(draw):
    member = tarfile.TarInfo(draw(_NAMES))
    member.type, member.mode, member.uid = (
        draw(_KINDS),
        draw(st.sampled_from([0o644, 0o4755])),
        draw(st.sampled_from([0, 7])),
    )
    member.linkname = "a" if member.type in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    content = draw(st.binary(max_size=40)) * draw(st.sampled_from([1, 1, 30]))
    member.size = len(content) if member.isreg() else 0
    content = content[: member.size]
    how = draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT]))
    try:
        header = bytearray(member.tobuf(how))
    except ValueError:  # a name that does not fit into this format
        header = bytearray(member.tobuf(tarfile.PAX_FORMAT))
    if draw(st.integers(0, 5)) == 0:
        field = draw(_FIELDS)
        at = draw(st.integers(field.start, field.stop - 1))
        header[at : at + 1] = draw(_VALUES)
        if draw(st.booleans()):
            header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:512]))
    return bytes(header) + content + bytes(-len(content) % 512)


def _outcome(read):
    try:
        layer = read()
    except ImageError as error:
        return str(error)
    return list(layer.changeset.entries), list(layer.data_offsets), layer.kept, layer.tar_bytes


def _member_by_member(tar):
    cursor = StreamCursor([tar])
    builder = ChangesetBuilder()
    for member in members(cursor):
        builder.add(member, cursor)
    cursor.drain()
    return builder.finish(diff_id="sha256:" + "0" * 64, tar_bytes=cursor.position)


def _in_runs(tar, chunk_bytes):
    return index_layer(
        [tar[start : start + chunk_bytes] for start in range(0, len(tar), chunk_bytes)], expected_diff_id=None
    )


@given(st.lists(_headers(), max_size=8), st.sampled_from([511, 1024, 4096, 1 << 20]), st.integers(0, 600))
def test_odd_members_read_in_runs_equal_members_read_singly(parts, chunk_bytes, missing):
    tar = b"".join(parts) + bytes(1024)
    tar = tar[: len(tar) - missing] if missing > 500 else tar
    assert _outcome(lambda: _in_runs(tar, chunk_bytes)) == _outcome(lambda: _member_by_member(tar))


@pytest.mark.parametrize("record", _RECORDS, ids=[record["case"] for record in _RECORDS])
def test_layer_of_engine_read_in_runs_equals_layer_read_singly(record):
    tar = zlib.decompress(b64decode(record["layer"]))
    assert _outcome(lambda: _in_runs(tar, 1 << 20)) == _outcome(lambda: _member_by_member(tar))


def test_plain_members_of_chunk_are_read_without_member_objects(monkeypatch):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(100):
            member = tarfile.TarInfo(f"d/{number}")
            member.type = tarfile.REGTYPE if number % 10 else tarfile.DIRTYPE
            archive.addfile(member)
    monkeypatch.setattr(ChangesetBuilder, "add", None)
    assert len(_in_runs(buffer.getvalue(), 1 << 20).changeset.entries) == 100


@pytest.mark.parametrize(("limit", "most"), [("MAX_ENTRIES", 99), ("MAX_NAMES_BYTES", 300)])
def test_limit_of_layer_exceeded_by_plain_members_is_refused(monkeypatch, tar, member, limit, most):
    monkeypatch.setattr(changeset, limit, most)
    with pytest.raises(ImageError, match="limit of"):
        _in_runs(tar([member(f"d/{number:02}") for number in range(100)]), 1 << 20)


def test_directory_whose_size_is_not_a_number_is_refused(tar, member):
    layer = bytearray(tar([member("d", kind=tarfile.DIRTYPE)]))
    layer[124:135] = b"00000000008"
    layer[148:156] = b"%06o\0 " % (sum(layer[:148]) + 256 + sum(layer[156:512]))
    with pytest.raises(ImageError, match="not an octal number"):
        _in_runs(bytes(layer), 1 << 20)


def test_more_kinds_of_headers_than_are_remembered_are_read_all(monkeypatch, tar, member):
    monkeypatch.setattr(plain_members, "_MAX_REMEMBERED", 1)
    layer = tar([member(f"{number}", kind=tarfile.REGTYPE if number % 2 else tarfile.DIRTYPE) for number in range(9)])
    assert _outcome(lambda: _in_runs(layer, 1 << 20)) == _outcome(lambda: _member_by_member(layer))


@given(
    st.lists(
        st.sampled_from(["etc", "usr", "lib", "apk", "db", "ld.so.conf.d", "x", "os-release", "RECORD"]), min_size=1
    )
)
def test_folder_without_other_kept_names_keeps_only_the_kept_names(parts):
    path = "/".join(parts)
    folder, _, name = path.rpartition("/")
    if is_kept(path, 1):
        assert may_keep_other_names(folder) or name.encode().endswith(endings_of_kept_names())
