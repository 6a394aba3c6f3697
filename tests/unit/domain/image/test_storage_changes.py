"""Growth that comes from how the same content is stored."""

from __future__ import annotations

from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.files import diff_files
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.image.storage_changes import StorageCause, StorageChange, compression_change, link_changes


class Nowhere:
    def read(self, node: object, *, offset: int, length: int) -> bytes:
        raise AssertionError("nothing is read")


def root(diff_id: str, *entries: Entry) -> Rootfs:
    return Rootfs.from_changesets([Changeset(diff_id=diff_id, entries=entries)], Nowhere())


def file(path: str, size: int = 10, digest: str = "x") -> Entry:
    return Entry(path=path, kind=EntryKind.FILE, size_bytes=size, content_digest=digest)


def link(path: str, target: str) -> Entry:
    return Entry(path=path, kind=EntryKind.HARD_LINK, link_target=target)


def layer(diff_id: str, compression: str | None, download_bytes: int = 10) -> WeighedLayer:
    return WeighedLayer(
        diff_id=diff_id,
        instruction=None,
        line=None,
        unpacked_bytes=100,
        download_bytes=download_bytes,
        from_base_image=False,
        compression=compression,
    )


LINKED = root("sha256:1", file("a"), link("b", "a"), link("c", "a"))
COPIED = root("sha256:2", file("a"), file("b"), file("c"))


def test_links_lost_and_gained_are_listed() -> None:
    assert link_changes(LINKED, COPIED) == (
        StorageChange(cause=StorageCause.LINKS_LOST, delta_bytes=20, count=2, example="/b"),
    )
    assert link_changes(COPIED, LINKED) == (
        StorageChange(cause=StorageCause.LINKS_GAINED, delta_bytes=-20, count=2, example="/b"),
    )


def test_links_replaced_by_other_content_are_not_lost() -> None:
    assert link_changes(LINKED, root("sha256:3", file("a"), file("b", digest="y"), file("c", 11))) == ()
    assert link_changes(LINKED, root("sha256:4", file("a"), link("b", "a"), link("c", "a"))) == ()


def test_links_of_empty_files_are_no_change() -> None:
    linked, copied = root("sha256:5", file("a", 0), link("b", "a")), root("sha256:6", file("a", 0), file("b", 0))
    assert link_changes(linked, copied) == ()


def test_former_link_is_listed_under_name_of_its_file() -> None:
    deltas = {delta.path: delta for delta in diff_files(LINKED, COPIED)}
    assert {path: (delta.base, delta.link, delta.delta_bytes) for path, delta in deltas.items()} == {
        "/b": (None, "/a", 10),
        "/c": (None, "/a", 10),
    }
    back = diff_files(COPIED, LINKED)
    assert [(delta.path, delta.head, delta.link) for delta in back] == [("/b", None, "/a"), ("/c", None, "/a")]


def test_compression_lost_counts_bytes_of_equal_layers() -> None:
    base = [layer("1", "gzip", 10), layer("2", "gzip", 20)]
    assert compression_change(base, [layer("1", "none", 100), layer("3", "none", 50)]) == StorageChange(
        cause=StorageCause.COMPRESSION_LOST, delta_bytes=90, count=2, example="gzip → none"
    )


def test_compression_changed_is_named() -> None:
    found = compression_change([layer("1", "gzip", 10)], [layer("1", "zstd", 7)])
    assert found == StorageChange(
        cause=StorageCause.COMPRESSION_CHANGED, delta_bytes=-3, count=1, example="gzip → zstd"
    )


def test_compression_same_or_unknown_is_no_change() -> None:
    assert compression_change([layer("1", "gzip")], [layer("1", "gzip"), layer("2", "gzip")]) is None
    assert compression_change([layer("1", None)], [layer("1", "none")]) is None
    assert compression_change([], [layer("1", "none")]) is None
    assert compression_change([layer("1", "gzip"), layer("2", "none")], [layer("3", "none")]) is None
