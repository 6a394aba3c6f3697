"""The cache folder: nothing that happens to it may make an answer wrong, only slower."""

import multiprocessing
import os
import signal

import pytest

from weighbridge.errors import UsageError
from weighbridge.sources.changeset import index_layer
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_cache import FORMAT_VERSION, LayerCache


@pytest.fixture
def layer(tar, member):
    names = [f"folder/file-{number}" for number in range(500)] + ["caf\udce9"]
    members = [member(name, content=name.encode("utf-8", "surrogateescape")) for name in names]
    members.append(member("etc/passwd", content=b"root"))
    members.append(member("a", kind=b"2", link="caf\udce9"))
    return index_layer([tar(members)], expected_diff_id=None)


def files(cache_folder):
    return sorted(path for path in cache_folder.rglob("*") if path.is_file())


def test_layer_cached_is_restored_unchanged(cache, layer):
    cache.put_layer(layer)
    found = cache.layer(layer.diff_id)
    assert found.changeset == layer.changeset
    assert (found.data_offsets, found.tar_bytes) == (layer.data_offsets, layer.tar_bytes)
    assert cache.kept_files(layer.diff_id) == {"etc/passwd": b"root"}


def test_unknown_layer_is_none(cache, digest):
    assert cache.layer(digest(b"x")) is None
    assert cache.kept_files(digest(b"x")) == {}
    assert cache.compressed_estimate(digest(b"x"), "zstd -1") is None
    assert cache.document("x") is None
    assert cache.parts(digest(b"x"), "a") == {}


def test_sizes_documents_and_parts_come_back(cache, digest):
    cache.put_compressed_estimate(digest(b"x"), "zstd -1", 12345)
    cache.put_document("key", b"{}")
    cache.put_parts(digest(b"x"), "bin/caf\udce9", {4096: b"later", 0: b"first"})
    assert cache.compressed_estimate(digest(b"x"), "zstd -1") == 12345
    assert cache.compressed_estimate(digest(b"x"), "gzip -6") is None
    assert cache.document("key") == b"{}"
    assert cache.parts(digest(b"x"), "bin/caf\udce9") == {0: b"first", 4096: b"later"}


def test_damaged_file_is_ignored_and_can_be_written_again(cache, layer, tmp_path):
    cache.put_layer(layer)
    index = max(files(tmp_path / "cache"), key=lambda path: path.stat().st_size)
    whole = index.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 60)):
        index.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        assert cache.layer(layer.diff_id) is None
        index.write_bytes(whole[:position])
        assert cache.layer(layer.diff_id) is None
    cache.put_layer(layer)
    assert cache.layer(layer.diff_id).changeset == layer.changeset


def test_file_of_other_layer_is_ignored(cache, layer, tmp_path, tar, member):
    other = index_layer([tar([member("other")])], expected_diff_id=None)
    cache.put_layer(layer)
    places = {path for path in files(tmp_path / "cache") if "index" in path.parts}
    cache.put_layer(other)
    (place,) = {path for path in files(tmp_path / "cache") if "index" in path.parts} - places
    place.write_bytes(next(iter(places)).read_bytes())
    assert cache.layer(other.diff_id) is None


def test_another_version_is_ignored(cache, layer, tmp_path):
    cache.put_layer(layer)
    for path in files(tmp_path / "cache"):
        path.write_bytes(
            path.read_bytes().replace(b"weighbridge-cache\x00%d" % FORMAT_VERSION, b"weighbridge-cache\x003")
        )
    assert cache.layer(layer.diff_id) is None


def test_frame_unpacking_over_limit_is_ignored(cache, monkeypatch):
    cache.put_document("bomb", bytes(3_000_000))
    monkeypatch.setattr("weighbridge.sources.layer_cache._MAX_FRAME_BYTES", 1_000_000)
    assert cache.document("bomb") is None


def test_folder_over_limit_drops_least_recently_used(tmp_path):
    cache = LayerCache(tmp_path, max_bytes=25_000)
    for number in range(10):
        cache.put_document(f"document {number}", os.urandom(5_000))
    for number, path in enumerate(sorted(files(tmp_path), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    assert cache.document("document 0") is not None  # used now, so it stays
    cache.trim()
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 25_000
    kept = [number for number in range(10) if cache.document(f"document {number}") is not None]
    assert kept == [0, 7, 8, 9]


def test_folder_not_creatable_is_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        LayerCache(tmp_path / "file" / "cache")


def test_full_disk_disables_only_cache(cache, layer, monkeypatch):
    def no_space(*arguments, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", no_space)
    cache.put_layer(layer)
    assert cache.layer(layer.diff_id) is None


def _write_for_ever(folder, content, has_written):
    cache = LayerCache(folder)
    layer = index_layer([content], expected_diff_id=None)
    while True:
        cache.put_layer(layer)
        cache.put_document("key", b"document" * 50_000)
        has_written.set()


def test_concurrent_and_killed_writers_leave_whole_files(tmp_path, tar, member):
    content = tar([member(f"folder/file-{number}", content=b"x" * number) for number in range(500)])
    expected = index_layer([content], expected_diff_id=None)
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        has_written = context.Event()
        arguments = (tmp_path, content, has_written)
        writers = [context.Process(target=_write_for_ever, args=arguments) for _ in range(2)]
        for writer in writers:
            writer.start()
        cache = LayerCache(tmp_path)
        assert has_written.wait(60)
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
        assert cache.layer(expected.diff_id).changeset == expected.changeset
        assert cache.document("key") == b"document" * 50_000


def test_pipe_as_cached_file_is_removed_without_waiting(cache, layer, tmp_path):
    cache.put_layer(layer)
    for path in files(tmp_path):
        path.unlink()
        os.mkfifo(path)
    assert cache.layer(layer.diff_id) is None
    assert cache.kept_files(layer.diff_id) == {}
    cache.put_layer(layer)
    assert cache.layer(layer.diff_id).changeset == layer.changeset


@pytest.mark.parametrize("frames", [[], [b""], [b"\xc1"], [b"x" * 9], [b"\x90"], [b"\x94\xa0\x00\x00\xc3", b"123"]])
@pytest.mark.parametrize("kind", ["index", "kept", "digest", "part", "size"])
def test_frame_of_another_kind_is_ignored(cache, frames, kind):
    for key in ("x", "x x"):
        cache._write(kind, key, iter(frames))
    assert cache.layer("x") is None
    assert not cache.kept_files("x")
    assert not cache.digests("x")
    assert not cache.parts("x", "x")
    assert cache.compressed_estimate("x", "x") is None


def test_cache_on_full_disk_changes_no_size(cache, tar, member, monkeypatch):
    known_layers = KnownLayers(cache)
    monkeypatch.setattr("tempfile.mkstemp", fail_without_space)
    content = tar([member("a", content=b"a" * 50_000)])
    blob = known_layers.read_blob([content], blob_bytes=None, blob_digest=None, diff_id=None, estimate_sizes=True)
    assert known_layers.compressed_estimate(blob.diff_id) > 0


def fail_without_space(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
