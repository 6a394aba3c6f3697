"""A change is explained by its cause, by files that moved, by folders, and by copies for metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest

from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.scale import GateInput
from weighbridge.domain.gate.settings import FailOn, Limits
from weighbridge.domain.gate.verdict import judge
from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.attribution import (
    Cause,
    FolderDelta,
    MetadataCopies,
    SourceChange,
    find_causes,
    metadata_copies,
    pair_moved,
    roll_up,
)
from weighbridge.domain.image.files import FileDeltas, diff_files
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.image.tree import FileTree
from weighbridge.domain.image.waste import find_waste

# --- the cause ----------------------------------------------------------------------------------------------------


def layer(name: str, size_bytes: int, *, base_image: bool = False) -> WeighedLayer:
    return WeighedLayer(
        diff_id=f"sha256:{name}",
        instruction=name,
        line=None,
        unpacked_bytes=size_bytes,
        download_bytes=None,
        from_base_image=base_image,
    )


EDITED = SourceChange(edited=True, same_base_image=True)
UNTOUCHED = SourceChange(edited=False, same_base_image=True)
OTHER_FROM = SourceChange(edited=True, same_base_image=False)
DEBIAN, NEWER = layer("debian", 100, base_image=True), layer("newer", 130, base_image=True)


def test_changed_instruction_is_own_change() -> None:
    assert find_causes([DEBIAN, layer("a", 5)], [DEBIAN, layer("b", 9)], EDITED) == (Cause.OWN_CHANGE,)


def test_edited_from_is_own_change() -> None:
    assert find_causes([DEBIAN], [NEWER], OTHER_FROM) == (Cause.OWN_CHANGE,)


@pytest.mark.parametrize(
    ("edited", "causes"),
    [(False, (Cause.BASE_IMAGE_MOVED,)), (True, (Cause.OWN_CHANGE, Cause.BASE_IMAGE_MOVED))],
)
def test_moved_image_of_another_stage_is_moved_base_image(edited: bool, causes: tuple[Cause, ...]) -> None:
    source = SourceChange(edited=edited, same_base_image=True, other_image_moved=True)
    assert find_causes([DEBIAN, layer("a", 5)], [DEBIAN, layer("b", 9)], source) == causes


def test_other_layers_with_same_from_are_moved_base_image() -> None:
    assert find_causes([DEBIAN, layer("a", 5)], [NEWER, layer("b", 5)], UNTOUCHED) == (Cause.BASE_IMAGE_MOVED,)


def test_unchanged_repository_with_other_content_is_drift() -> None:
    assert find_causes([DEBIAN, layer("a", 5)], [DEBIAN, layer("b", 9)], UNTOUCHED) == (Cause.DRIFT,)


def test_moved_base_image_with_other_own_bytes_is_also_drift() -> None:
    causes = find_causes([DEBIAN, layer("a", 5)], [NEWER, layer("b", 6)], UNTOUCHED)
    assert causes == (Cause.BASE_IMAGE_MOVED, Cause.DRIFT)


@pytest.mark.parametrize(
    ("own_bytes", "causes"),
    [
        (10, (Cause.BASE_IMAGE_MOVED, Cause.OWN_CHANGE)),
        (500, (Cause.OWN_CHANGE, Cause.BASE_IMAGE_MOVED)),
    ],
)
def test_cause_with_more_bytes_comes_first(own_bytes: int, causes: tuple[Cause, ...]) -> None:
    assert find_causes([DEBIAN], [NEWER, layer("a", own_bytes)], EDITED) == causes


def test_same_layers_need_no_cause() -> None:
    assert find_causes([DEBIAN], [DEBIAN], EDITED) == ()


@pytest.mark.parametrize(("noise_bytes", "cause"), [(4, Cause.NOISE), (3, Cause.OWN_CHANGE), (None, Cause.OWN_CHANGE)])
@pytest.mark.parametrize(("before", "after"), [(5, 9), (9, 5)])
def test_change_within_noise_is_noise(before: int, after: int, noise_bytes: int | None, cause: Cause) -> None:
    assert find_causes([layer("a", before)], [layer("b", after)], EDITED, noise_bytes=noise_bytes) == (cause,)


def test_change_of_zero_bytes_is_not_noise() -> None:
    assert find_causes([layer("a", 5)], [layer("b", 5)], EDITED, noise_bytes=9) == (Cause.OWN_CHANGE,)


# --- noise and the gate -------------------------------------------------------------------------------------------


def broken(base_bytes: int, head_bytes: int, noise_bytes: int, limits: Limits) -> list[str]:
    scale = GateInput(name="api", base_bytes=base_bytes, head_bytes=head_bytes, limits=limits, noise_bytes=noise_bytes)
    return [breach.rule.value for breach in judge([scale], fail_on=FailOn.NEVER)]


def test_only_growth_over_noise_exceeds_limit() -> None:
    limits = Limits(max_increase=parse_limit("+10B"))
    assert broken(1000, 1050, 50, limits) == []
    assert broken(1000, 1051, 50, limits) == ["max-increase"]
    assert broken(1000, 1050, 0, limits) == ["max-increase"]


def test_noise_does_not_excuse_max_size() -> None:
    assert broken(1000, 1050, 500, Limits(max_size=parse_size_limit("1049B"))) == ["max-size"]


# --- moved files --------------------------------------------------------------------------------------------------


class Nowhere:
    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        raise AssertionError(f"{node.path} was read")


File = tuple[str, int, str | None]
"""Path, size in bytes, and digest of a file."""


def root(diff_id: str, files: Iterable[File], hash_content: Callable[[Entry], str | None] | None = None) -> Rootfs:
    entries = [
        Entry(path=path[1:], kind=EntryKind.FILE, size_bytes=size_bytes, content_digest=digest)
        for path, size_bytes, digest in files
    ]
    changeset = Changeset(diff_id=diff_id, entries=entries, hash_content=hash_content)
    return Rootfs.from_changesets([changeset], Nowhere())


def differing(base: Iterable[File], head: Iterable[File]) -> FileDeltas:
    return diff_files(root("sha256:base", base), root("sha256:head", head))


def gone(path: str, size_bytes: int = 10, digest: str | None = "d") -> File:
    return path, size_bytes, digest


came = gone


def moves(base: Iterable[File], head: Iterable[File]) -> list[tuple[str | None, str | None, int]]:
    return [
        (delta.base.path if delta.base else None, delta.head.path if delta.head else None, delta.delta_bytes)
        for delta in pair_moved(differing(base, head))
    ]


def test_moved_file_is_one_delta_of_no_bytes() -> None:
    assert moves([gone("/srv/blob")], [came("/opt/data")]) == [("/srv/blob", "/opt/data", 0)]


@pytest.mark.parametrize(
    ("size_bytes", "digest"), [(11, "d"), (10, "other"), (10, None)], ids=["size", "content", "not hashed"]
)
def test_file_with_unknown_content_has_not_moved(size_bytes: int, digest: str | None) -> None:
    assert len(moves([gone("/a")], [came("/b", size_bytes, digest)])) == 2


def test_empty_files_have_not_moved() -> None:
    assert len(moves([gone("/a", 0)], [came("/b", 0)])) == 2


def test_files_without_digests_on_both_sides_have_not_moved() -> None:
    assert len(moves([gone("/a", 10, None)], [came("/b", 10, None)])) == 2


def test_equal_files_are_paired_by_name() -> None:
    found = moves([gone("/old/x"), gone("/old/y")], [came("/new/a"), came("/new/y"), came("/new/z")])
    assert found == [(None, "/new/z", 10), ("/old/x", "/new/a", 0), ("/old/y", "/new/y", 0)]


def test_changed_file_is_kept_as_change() -> None:
    assert moves([("/a", 5, "d"), ("/b", 8, "f")], [("/a", 8, "e")]) == [("/b", None, -8), ("/a", "/a", 3)]


def test_file_in_directory_that_became_symlink_has_moved() -> None:
    entry = Entry(path="usr/lib/x", kind=EntryKind.FILE, size_bytes=7, content_digest="d")
    link = Entry(path="lib", kind=EntryKind.SYMLINK, link_target="usr/lib")
    head = Rootfs.from_changesets([Changeset(diff_id="sha256:head", entries=(entry, link))], Nowhere())
    (delta,) = pair_moved(diff_files(root("sha256:base", [("/lib/x", 7, "d")]), head))
    assert (delta.path, delta.base and delta.base.path, delta.link) == ("/usr/lib/x", "/lib/x", None)


def test_content_is_read_only_for_sizes_on_both_sides() -> None:
    asked: list[str] = []

    def hashed(entry: Entry) -> str:
        asked.append(entry.path)
        return "the same"

    base = root("sha256:base", [gone("/a", 7, None), gone("/b", 8, None), gone("/e", 0, None)], hashed)
    head = root("sha256:head", [came("/c", 8, None), came("/d", 9, None)], hashed)
    paired = pair_moved(diff_files(base, head))
    assert sorted(asked) == ["b", "c"]
    assert [delta.path for delta in paired] == ["/d", "/a", "/c", "/e"]


# --- folders ------------------------------------------------------------------------------------------------------


def folders(sizes: Mapping[str, int]) -> list[tuple[str, int, int]]:
    removed = [(path, -size, None) for path, size in sizes.items() if size < 0]
    added = [(path, size, None) for path, size in sizes.items() if size > 0]
    return [(one.path, one.delta_bytes, one.files) for one in roll_up(differing(removed, added))]


def test_deepest_folder_with_most_change_is_listed() -> None:
    found = folders({"/usr/lib/x/a": 500, "/usr/lib/x/b": 400, "/usr/share/doc/c": 20, "/etc/d": 1})
    assert found == [("/usr/lib/x", 900, 2)]


def test_two_folders_with_most_change_are_both_listed() -> None:
    assert folders({"/opt/a/x": 500, "/srv/b/y": -450, "/etc/z": 5}) == [("/opt/a", 500, 1), ("/srv/b", -450, 1)]


def test_folder_with_many_small_changes_is_listed() -> None:
    assert folders({f"/usr/share/{number}/f": 10 for number in range(50)}) == [("/usr/share", 500, 50)]


def test_file_at_root_is_in_root_folder() -> None:
    assert folders({"/app": 100}) == [("/", 100, 1)]


def test_moved_file_leaves_one_folder_and_enters_another() -> None:
    moved = pair_moved(differing([("/srv/x", 70, "d")], [("/opt/x", 70, "d")]))
    assert roll_up(moved) == (
        FolderDelta(path="/opt", delta_bytes=70, files=1),
        FolderDelta(path="/srv", delta_bytes=-70, files=1),
    )


def test_deep_paths_are_counted_at_bounded_depth() -> None:
    ((path, delta_bytes, files),) = folders({"/d" * 2000 + f"/{name}": 5 for name in "ab"})
    assert (path.count("/"), delta_bytes, files) == (31, 10, 2)


def test_no_change_gives_no_folder() -> None:
    assert roll_up(differing([], [])) == ()


# --- copies for metadata ------------------------------------------------------------------------------------------


def test_copies_for_metadata_are_counted_for_their_layer() -> None:
    def file(path: str, size: int, digest: str, mode: int = 0o644) -> Entry:
        return Entry(path=path, kind=EntryKind.FILE, size_bytes=size, content_digest=digest, mode=mode)

    changesets = [
        Changeset(diff_id="sha256:0", entries=(file("a", 100, "x"), file("b", 50, "y"), file("c", 7, "z"))),
        Changeset(diff_id="sha256:1", entries=(file("a", 100, "x", 0o755), file("b", 50, "y", 0o755))),
        Changeset(diff_id="sha256:2", entries=(file("c", 9, "other"),)),
    ]
    tree = FileTree.from_changesets(changesets)
    assert metadata_copies(find_waste(tree)) == {1: MetadataCopies(files=2, size_bytes=150)}
    assert metadata_copies(find_waste(tree, base_image_layers=2)) == {1: MetadataCopies(files=2, size_bytes=150)}
