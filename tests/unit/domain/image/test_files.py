"""Equal contents are found by size first and by digest only where sizes are equal."""

from __future__ import annotations

import pytest

from weighbridge.domain.image.files import diff_files, equal_contents
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs


class Nowhere:
    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        raise AssertionError(f"{node.path} was read")


def file(path: str, size_bytes: int) -> Entry:
    return Entry(path=path, kind=EntryKind.FILE, size_bytes=size_bytes)


def rootfs(*entries: Entry, contents: dict[str, str], asked: list[str], diff_id: str = "sha256:x") -> Rootfs:
    def hashed(entry: Entry) -> str:
        asked.append(entry.path)
        return contents[entry.path]

    return Rootfs.from_changesets([Changeset(diff_id=diff_id, entries=entries, hash_content=hashed)], Nowhere())


def groups(root: Rootfs, *, minimum_bytes: int = 1) -> list[list[str]]:
    """Each file by the first of its names; the largest files first, each group in the order of the names."""
    files = sorted((-node.size_bytes, min(names), node) for node, names in root.files())
    found = equal_contents(
        ((name, node) for _, name, node in files if node.size_bytes >= minimum_bytes),
        key=lambda one: one[1].size_bytes,
        digest=lambda one: root.digest(one[1]),
    )
    return [[name for name, _ in group] for group in found]


def test_files_below_minimum_are_not_hashed() -> None:
    asked: list[str] = []
    root = rootfs(file("a", 10), file("b", 10), contents={"a": "1", "b": "1"}, asked=asked)
    nodes = [node for node, _ in root.files()]
    assert not list(equal_contents(nodes, key=lambda _: 0, digest=root.digest, is_worth=lambda _: False))
    assert asked == []


def test_equal_files_are_grouped_and_only_equal_sizes_are_hashed() -> None:
    asked: list[str] = []
    root = rootfs(
        file("z", 10),
        file("a", 10),
        file("other", 10),
        file("alone", 11),
        file("large1", 500),
        file("large2", 500),
        Entry(path="name", kind=EntryKind.HARD_LINK, link_target="z"),
        contents={"z": "1", "a": "1", "other": "2", "large1": "3", "large2": "3"},
        asked=asked,
    )
    assert groups(root) == [["/large1", "/large2"], ["/a", "/name"]]
    assert sorted(asked) == ["a", "large1", "large2", "other", "z"]


def test_hard_link_and_small_file_are_no_copies() -> None:
    asked: list[str] = []
    root = rootfs(
        file("a", 10),
        file("b", 10),
        file("c", 99),
        Entry(path="d", kind=EntryKind.HARD_LINK, link_target="c"),
        contents={},
        asked=asked,
    )
    assert groups(root, minimum_bytes=11) == []
    assert asked == []


def test_files_with_unknown_content_are_no_copies() -> None:
    entries = (file("a", 10), file("b", 10))
    root = Rootfs.from_changesets([Changeset(diff_id="sha256:x", entries=entries)], Nowhere())
    assert groups(root) == []


def test_two_sides_are_hashed_only_if_path_and_size_are_equal() -> None:
    asked: list[str] = []
    base = rootfs(
        file("same", 5), file("longer", 5), file("edited", 5), contents={"same": "1", "edited": "2"}, asked=asked
    )
    head = rootfs(
        file("same", 5),
        file("longer", 6),
        file("edited", 5),
        contents={"same": "1", "edited": "3"},
        asked=asked,
        diff_id="sha256:y",
    )
    assert [delta.path for delta in diff_files(base, head)] == ["/longer", "/edited"]
    assert sorted(asked) == ["edited", "edited", "same", "same"]


def test_deltas_are_sequence_with_largest_change_first() -> None:
    base = rootfs(file("gone", 3), file("grown", 5), contents={}, asked=[])
    head = rootfs(file("grown", 9), file("new", 7), contents={}, asked=[], diff_id="sha256:y")
    deltas = diff_files(base, head)
    assert [(delta.path, delta.delta_bytes) for delta in deltas] == [("/new", 7), ("/grown", 4), ("/gone", -3)]
    assert (len(deltas), deltas[-1], deltas[:2]) == (3, list(deltas)[2], tuple(deltas)[:2])
    with pytest.raises(IndexError):
        deltas[3]


def test_file_with_several_names_is_one_delta_of_its_first_sorted_name() -> None:
    link = Entry(path="a", kind=EntryKind.HARD_LINK, link_target="z")
    base = rootfs(contents={}, asked=[])
    head = rootfs(file("z", 4), link, contents={}, asked=[], diff_id="sha256:y")
    (delta,) = diff_files(base, head)
    assert (delta.path, delta.head and delta.head.path, delta.head and delta.head.stored_path) == ("/a", "/a", "z")


def test_file_whose_first_name_is_in_folder_of_links_only_is_one_delta() -> None:
    links = [Entry(path=path, kind=EntryKind.HARD_LINK, link_target="z/file") for path in ("a/one", "b/two")]
    base = rootfs(contents={}, asked=[])
    head = rootfs(file("z/file", 4), *links, contents={}, asked=[], diff_id="sha256:y")
    assert [(one.path, one.delta_bytes) for one in diff_files(base, head)] == [("/a/one", 4)]


def test_empty_files_of_different_layers_are_equal() -> None:
    asked: list[str] = []
    base = rootfs(file("empty", 0), file("a", 1), contents={"a": "1"}, asked=asked)
    head = rootfs(file("empty", 0), file("a", 1), contents={"a": "1"}, asked=asked, diff_id="sha256:y")
    assert list(diff_files(base, head)) == []
    assert asked == ["a", "a"]


def test_unchanged_files_of_shared_lowest_layers_are_equal() -> None:
    shared = Changeset(diff_id="sha256:shared", entries=[file("d/a", 1), file("d/b", 2), file("e/c", 3)])

    def side(diff_id: str, *entries: Entry) -> Rootfs:
        return Rootfs.from_changesets([shared, Changeset(diff_id=diff_id, entries=entries)], Nowhere())

    link = Entry(path="a", kind=EntryKind.HARD_LINK, link_target="e/c")
    base, head = side("sha256:x", file("d/new", 5)), side("sha256:y", file("d/a", 9), link)
    deltas = {
        (one.path, one.base and one.base.size_bytes, one.head and one.head.size_bytes, one.link)
        for one in diff_files(base, head)
    }
    assert deltas == {("/d/a", 1, 9, None), ("/d/new", 5, None, None), ("/e/c", 3, None, "/e/c"), ("/a", None, 3, None)}
    assert not diff_files(base, side("sha256:z", file("d/new", 5)))
