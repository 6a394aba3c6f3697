"""From a tar to a changeset: entries, whiteouts, digests; names that lead out of a layer stay in it."""

import tarfile

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.layer import EntryKind
from weighbridge.errors import ImageError
from weighbridge.sources.changeset import NO_OFFSET, ChunkWorker, index_layer, normalised_path


def index(content, **how):
    chunks = [content[start : start + 700] for start in range(0, len(content), 700)]
    return index_layer(chunks, **{"expected_diff_id": None, **how})


def entries(content):
    return [(entry.path, entry.kind) for entry in index(content).changeset.entries]


def test_every_kind_of_entry_keeps_its_place_and_its_attributes(tar, member):
    content = tar(
        [
            member("./", kind=tarfile.DIRTYPE, mode=0o755),
            member("./bin/sh", content=b"#!", mode=0o4755, uid=1, gid=2),
            member("bin/ash", kind=tarfile.LNKTYPE, link="./bin/sh"),
            member("/sh", kind=tarfile.SYMTYPE, link="../bin/sh"),
            member("fifo", kind=tarfile.FIFOTYPE),
            member("dev/null", kind=tarfile.CHRTYPE),
            member("dev/sda", kind=tarfile.BLKTYPE),
        ]
    )
    layer = index(content)
    found = layer.changeset.entries
    assert [(entry.path, entry.kind) for entry in found] == [
        ("", EntryKind.DIRECTORY),
        ("bin/sh", EntryKind.FILE),
        ("bin/ash", EntryKind.HARD_LINK),
        ("sh", EntryKind.SYMLINK),
        ("fifo", EntryKind.FIFO),
        ("dev/null", EntryKind.CHARACTER_DEVICE),
        ("dev/sda", EntryKind.BLOCK_DEVICE),
    ]
    shell = found[1]
    assert (shell.size_bytes, shell.mode, shell.uid, shell.gid) == (2, 0o4755, 1, 2)
    assert shell.content_digest == f"xxh3:{xxhash.xxh3_128(b'#!').hexdigest()}"
    assert (found[2].link_target, found[3].link_target) == ("bin/sh", "../bin/sh")
    assert content[layer.data_offsets[1] :][:2] == b"#!"
    assert layer.data_offsets[2] == NO_OFFSET
    assert layer.tar_bytes == len(content)


def test_file_capabilities_are_read_from_pax_header_and_bounded(tar, member):
    value = bytes.fromhex("0100000200200000000000000000000000000000")
    content = tar(
        [
            member("a", content=b"1", capabilities=value),
            member("b", content=b"1", capabilities=b"x" * 200),
            member("c", content=b"1"),
            member("d", kind=tarfile.DIRTYPE, capabilities=value),
        ]
    )
    assert [entry.capabilities for entry in index(content).changeset.entries] == [value, b"x" * 32, None, None]


def test_hard_link_is_counted_once(tar, member):
    layer = index(tar([member("a", content=b"12345"), member("b", kind=tarfile.LNKTYPE, link="a")]))
    assert layer.changeset.unpacked_bytes == 5


def test_whiteouts_of_any_type_are_recognised_by_name(tar, member):
    content = tar(
        [
            member("etc/.wh.passwd"),
            member("usr/.wh..wh..opq"),
            member(".wh.gone", kind=tarfile.LNKTYPE, link="x"),
            member(".wh..wh.plnk", kind=tarfile.DIRTYPE),
            member("a.wh.b/not.wh.one", content=b"1"),
        ]
    )
    assert entries(content) == [
        ("etc/passwd", EntryKind.WHITEOUT),
        ("usr", EntryKind.OPAQUE),
        ("gone", EntryKind.WHITEOUT),
        ("a.wh.b/not.wh.one", EntryKind.FILE),
    ]


@pytest.mark.parametrize("name", [".wh.", "a/.wh..", "a/.wh..."])
def test_whiteout_without_name_is_refused(tar, member, name):
    with pytest.raises(ImageError, match="without a name"):
        entries(tar([member(name)]))


@pytest.mark.parametrize(
    ("name", "path"), [("../etc/passwd", "etc/passwd"), ("a/../../b", "b"), ("/../x", "x"), ("../.wh.y", "y")]
)
def test_name_above_root_is_below_root(tar, member, name, path):
    """As docker 20.10, docker 26.1 (containerd) and umoci unpack it."""
    ((found, _),) = entries(tar([member(name)]))
    assert found == path


def test_link_target_above_root_is_below_root(tar, member):
    layer = index(tar([member("a", content=b"1"), member("b", kind=tarfile.LNKTYPE, link="../../a")]))
    assert [entry.link_target for entry in layer.changeset.entries] == [None, "a"]


@pytest.mark.parametrize("name", ["", ".", "./", "..", "a/.."])
def test_file_without_name_is_skipped(tar, member, name):
    """Docker 20.10 and 26.1 load such a layer; the file is not in the container."""
    layer = index(tar([member(name, content=b"12345"), member("b", content=b"1")]))
    assert [entry.path for entry in layer.changeset.entries] == ["b"]
    assert layer.changeset.unpacked_bytes == 1
    assert len(layer.data_offsets) == 1


def test_name_over_path_limit_is_refused(tar, member):
    with pytest.raises(ImageError, match="longer than 4095 bytes"):
        entries(tar([member("a/" * 3000 + "b")]))


def test_entries_over_limit_are_refused(tar, member, monkeypatch):
    monkeypatch.setattr("weighbridge.sources.changeset.MAX_ENTRIES", 3)
    with pytest.raises(ImageError, match="more entries than the limit of 3"):
        entries(tar([member(str(number)) for number in range(5)]))


def test_names_not_utf_8_are_kept(tar, member):
    assert entries(tar([member("caf\udce9")], tar_format=tarfile.GNU_FORMAT)) == [("caf\udce9", EntryKind.FILE)]


@given(st.lists(st.sampled_from(["a", "b.c", ".d", ".", "..", "", "x" * 5]), max_size=6))
def test_path_normalised_equals_file_system_path(parts):
    name = "/".join(parts)
    expected = []
    for part in parts:
        if part == "..":
            expected = expected[:-1]
        elif part not in ("", "."):
            expected.append(part)
    assert normalised_path(name.encode()) == "/".join(expected)


def test_diff_id_includes_padding(tar, member, digest):
    content = tar([member("a")]) + bytes(4096)
    assert index(content).diff_id == digest(content)


def test_layer_with_another_digest_is_refused(tar, member, digest):
    with pytest.raises(ImageError, match="damaged or replaced"):
        index(tar([member("a")]), expected_diff_id=digest(b"something else"))


def test_layer_of_no_bytes_has_no_entries(digest):
    layer = index_layer([], expected_diff_id=digest(b""))
    assert (layer.changeset.entries, layer.tar_bytes) == ((), 0)


def test_exception_in_worker_thread_reaches_caller():
    def tap(chunk):
        raise ImageError("from the other thread")

    with pytest.raises(ImageError, match="from the other thread"), ChunkWorker(tap) as worker:
        assert list(worker.passing([b"1"] * 50)) == [b"1"] * 50


def test_exception_of_reader_is_not_hidden_by_worker():
    def tap(chunk):
        raise ImageError("from the other thread")

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ChunkWorker(tap) as worker:
        any(fail() for _chunk in worker.passing([b"1"] * 50))


def test_only_package_databases_and_users_are_kept(tar, member):
    kept = [
        "etc/passwd",
        "etc/os-release",
        "etc/ld.so.conf.d/x.conf",
        "var/lib/dpkg/status",
        "var/lib/dpkg/info/libc6:amd64.list",
        "lib/apk/db/installed",
        "usr/lib/python3/dist-packages/six-1.16.dist-info/METADATA",
        "app/node_modules/@a/b/package.json",
    ]
    not_kept = ["etc/shadow", "app/passwd", "app/package.json", "var/lib/dpkg/info/x.postinst", "usr/bin/x"]
    layer = index(tar([member(name, content=name.encode()) for name in kept + not_kept]))
    assert layer.kept == {name: name.encode() for name in kept}


def test_kept_files_are_bounded(tar, member, monkeypatch):
    monkeypatch.setattr("weighbridge.sources.changeset.MAX_KEPT_LAYER_BYTES", 10)
    layer = index(tar([member("etc/passwd", content=b"1" * 8), member("etc/group", content=b"2" * 8)]))
    assert list(layer.kept) == ["etc/passwd"]


@pytest.mark.parametrize(
    ("bound", "most", "names", "message"),
    [
        ("MAX_ENTRIES", 3, ["a", "b", "c", "d"], "more entries than the limit of 3"),
        ("MAX_ENTRIES", 3, ["a", ".wh.b", ".wh..wh.c", "d"], "more entries than the limit of 3"),
        ("MAX_WHITEOUTS", 2, [".wh.a", "d/.wh..wh..opq", ".wh.b"], "more whiteouts than the limit of 2"),
        ("MAX_NAMES_BYTES", 1 << 20, [f"{n}/" + "é" * 2_000 for n in range(66)], "the names in the layer need more"),
        ("MAX_PATH_COMPONENTS", 256, ["d/" * 256 + "f"], "more than 256 directories: 'd/d/"),
    ],
)
def test_layer_over_bound_is_refused_in_one_line(tar, member, monkeypatch, bound, most, names, message):
    content = tar([member(name) for name in names])
    monkeypatch.setattr(f"weighbridge.sources.changeset.{bound}", most)
    with pytest.raises(ImageError, match=message) as caught:
        index(content)
    assert len(str(caught.value)) < 200
    index(tar([member(name) for name in names[:-1]]))
