"""The final root filesystem: layers applied, paths resolved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_time import assert_linear

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node, Rootfs
from weighbridge.errors import ImageError


def _node(rootfs: Rootfs, path: str, **options: object) -> Node:
    found = rootfs.lookup(path, **options)  # type: ignore[arg-type]
    assert isinstance(found, Node), found
    return found


def _failure(rootfs: Rootfs, path: str, **options: object) -> LookupFailure:
    found = rootfs.lookup(path, **options)  # type: ignore[arg-type]
    assert isinstance(found, LookupFailure), found
    return found


def test_upper_file_hides_lower_file(images):
    rootfs = images.rootfs({"a": b"lower"}, {"a": b"upper"})
    assert rootfs.read(_node(rootfs, "/a"), limit_bytes=100) == b"upper"


def test_whiteout_removes_files_of_lower_layers(images):
    rootfs = images.rootfs({"etc/a": b"1", "etc/b": b"2"}, {"etc/a": None})
    assert _failure(rootfs, "/etc/a").reason is LookupReason.NOT_FOUND
    assert rootfs.exists("/etc/b")


def test_whiteout_of_directory_removes_its_content(images):
    rootfs = images.rootfs({"d/e/f": b"1", "d2/f": b"2"}, {"d": None})
    assert _failure(rootfs, "/d/e/f").at == "/d"
    assert rootfs.exists("/d2/f")


def test_whiteout_keeps_files_of_its_own_layer_in_any_order(images):
    for layer in ({"d": None, "d/new": b"x"}, {"d/new": b"x", "d": None}):
        rootfs = images.rootfs({"d/old": b"1"}, layer)
        assert rootfs.exists("/d/new")
        assert not rootfs.exists("/d/old")


def test_opaque_directory_hides_lower_entries_only(images):
    for layer in ({"d/*": None, "d/new": b"x"}, {"d/new": b"x", "d/*": None}):
        rootfs = images.rootfs({"d/old": b"1", "d/sub/x": b"2"}, layer)
        assert [child.path for child in rootfs.children(_node(rootfs, "/d"))] == ["/d/new"]


def test_whiteout_of_missing_file_has_no_effect(images):
    assert images.rootfs({"x": None, "y/*": None}, {"a": b""}).exists("/a")


def test_file_replaces_directory_and_directory_file(images):
    rootfs = images.rootfs({"a/x": b"1", "b": b"2"}, {"a": b"file", "b/": images.File(mode=0o700), "b/y": b"3"})
    assert _node(rootfs, "/a").is_file
    assert _failure(rootfs, "/a/x").reason is LookupReason.NOT_A_DIRECTORY
    assert _node(rootfs, "/b").mode == 0o700
    assert rootfs.exists("/b/y")


def test_directory_over_directory_changes_mode_and_keeps_files(images):
    rootfs = images.rootfs({"d/": images.File(mode=0o755), "d/x": b""}, {"d/": images.File(mode=0o700, uid=7)})
    assert (_node(rootfs, "/d").mode, _node(rootfs, "/d").uid) == (0o700, 7)
    assert rootfs.exists("/d/x")


def test_parents_missing_in_tar_are_implied(images):
    node = _node(images.rootfs({"a/b/c": b""}), "/a/b")
    assert (node.kind, node.mode) == (EntryKind.DIRECTORY, 0o755)


def test_hard_link_to_file_of_lower_layer_has_bytes(images):
    rootfs = images.rootfs(
        {"bin/busybox": b"ELF"}, {"bin/sh": images.File(content=b"bin/busybox", kind=EntryKind.HARD_LINK)}
    )
    link, file = _node(rootfs, "/bin/sh"), _node(rootfs, "/bin/busybox")
    assert (link.path, link.stored_path, link.diff_id) == ("/bin/sh", "bin/busybox", file.diff_id)
    assert rootfs.read(link, limit_bytes=9) == b"ELF"


def test_hard_link_keeps_file_replaced_by_later_layer(images):
    link = images.File(content=b"a", kind=EntryKind.HARD_LINK)
    rootfs = images.rootfs({"a": b"old", "b": link}, {"a": b"new"})
    assert rootfs.read(_node(rootfs, "/b"), limit_bytes=9) == b"old"


def test_files_are_listed_once_with_remaining_names(images):
    link = images.File
    rootfs = images.rootfs(
        {
            "a": b"1",
            "b": link(content=b"a", kind=EntryKind.HARD_LINK),
            "d/c": link(content=b"a", kind=EntryKind.HARD_LINK),
            "lone": b"2",
            "twice": link(content=b"lone", kind=EntryKind.HARD_LINK),
        },
        {"b": None, "twice": None},
        {"a": b"3"},
    )
    listed = [(node.path, node.stored_path, names) for node, names in rootfs.files()]
    assert sorted(listed) == [("/a", "a", ("/a",)), ("/d/c", "a", ("/d/c",)), ("/lone", "lone", ("/lone",))]

    rootfs = images.rootfs({"x/a": b"1", "y": images.File(content=b"x/a", kind=EntryKind.HARD_LINK)})
    ((node, names),) = rootfs.files()
    met = [one.path for one in rootfs.nodes() if one.is_file]
    assert (node.path, names) == (met[0], tuple(met))
    assert sorted(names) == ["/x/a", "/y"]


def test_symlinks_absolute_relative_and_chained_stay_inside_root(images):
    rootfs = images.rootfs(
        {"usr/bin/tool": b"x", "bin": "usr/bin", "abs": "/bin/tool", "rel": "usr/../abs", "up": "../../../bin/tool"}
    )
    for path in ("/bin/tool", "/abs", "/rel", "/up", "/../usr/./bin//tool"):
        assert _node(rootfs, path).path == "/usr/bin/tool"


def test_symlink_in_last_component_is_not_followed_on_request(images):
    rootfs = images.rootfs({"l": "/nowhere"})
    assert _node(rootfs, "/l", follow=False).entry.link_target == "/nowhere"
    assert _failure(rootfs, "/l").at == "/nowhere"


def test_link_loop_ends_after_forty_links(images):
    links = {f"l{n}": f"l{n + 1}" for n in range(45)}
    rootfs = images.rootfs({**links, "l45": b"end", "self": "self"})
    assert _failure(rootfs, "/self").reason is LookupReason.TOO_MANY_SYMLINKS
    assert _failure(rootfs, "/l0").reason is LookupReason.TOO_MANY_SYMLINKS
    assert _node(rootfs, "/l5").path == "/l45"


def test_endlessly_growing_symlink_is_refused_in_bounded_time(images):
    rootfs = images.rootfs({"a": "a/" + "b/" * 2000})
    assert isinstance(rootfs.lookup("/a"), LookupFailure)


def test_missing_path_component_is_named(images):
    rootfs = images.rootfs({"a/b": b""})
    assert _failure(rootfs, "/a/x/y").at == "/a/x"
    assert _failure(rootfs, "/a/b/c").reason is LookupReason.NOT_A_DIRECTORY
    assert _failure(rootfs, "/a/b/").reason is LookupReason.NOT_A_DIRECTORY
    assert _failure(rootfs, "").reason is LookupReason.NOT_FOUND


def test_path_mounted_by_runtime_is_unknown(images):
    rootfs = images.rootfs({"exe": "/proc/self/exe"})
    assert _failure(rootfs, "/exe").at_run_time
    assert not _failure(rootfs, "/nothing").at_run_time


def test_relative_paths_start_at_working_directory(images):
    rootfs = images.rootfs({"app/run": b"", "lib": b""})
    assert _node(rootfs, "run", cwd="/app").path == "/app/run"
    assert _node(rootfs, "../lib", cwd="/app").path == "/lib"


def test_directory_without_search_permission_stops_lookup(images):
    rootfs = images.rootfs({"root/": images.File(mode=0o700), "root/x": b""})
    failure = _failure(rootfs, "/root/x", may_search=lambda entry: bool(entry.mode & 1))
    assert (failure.reason, failure.at) == (LookupReason.PERMISSION_DENIED, "/root")


def test_small_reads_of_one_file_load_content_once(images):
    rootfs = images.rootfs({"f": bytes(range(256)) * 1000})
    node = _node(rootfs, "/f")
    assert b"".join(rootfs.read_at(node, at, 16) for at in range(0, 65536, 16)) == (bytes(range(256)) * 1000)[:65536]
    assert images.contents.reads == 1


def test_reads_past_end_are_short(images):
    rootfs = images.rootfs({"f": b"abc"})
    node = _node(rootfs, "/f")
    assert rootfs.read_at(node, 2, 100) == b"c"
    assert rootfs.read_at(node, 3, 1) == b""
    assert rootfs.read_at(node, -1, 5) == b""


def test_symlink_without_target_leads_nowhere(images):
    rootfs = images.rootfs({"a": "", "b": "a"})
    for path in ("/a", "/b"):
        assert _failure(rootfs, path).reason is LookupReason.NOT_FOUND


def test_large_read_has_same_bytes_as_small_ones(images):
    data = bytes(range(256)) * 1000
    rootfs = images.rootfs({"f": data})
    node = _node(rootfs, "/f")
    assert rootfs.read_at(node, 10, 5) == data[10:15]
    assert rootfs.read_at(node, 100, 65_436) == data[100:65_536]
    assert rootfs.read_at(node, 100, 65_437) == data[100:65_537]
    assert images.contents.reads == 2


def test_pieces_over_limit_are_read_again(images, monkeypatch):
    monkeypatch.setattr("weighbridge.domain.image.rootfs._CACHE_BYTES", 2_000)
    rootfs = images.rootfs({name: name.encode() * 1_000 for name in "abc"})
    for name in ("a", "b", "a", "c", "a", "b"):
        assert rootfs.read_at(_node(rootfs, f"/{name}"), 0, 1) == name.encode()
    assert images.contents.reads == 4  # "b" was the piece without a use for the longest time.


def test_nodes_of_layer_are_its_visible_files_only(images):
    rootfs = images.rootfs({"a": b"1", "b": b"1"}, {"b": b"2", "c/d": b"3"})
    upper = _node(rootfs, "/b").diff_id
    assert [node.path for node in rootfs.nodes_of({upper})] == ["/b", "/c", "/c/d"]
    assert list(rootfs.nodes_of(())) == []


def test_directories_that_no_layer_names_over_limit_are_an_error(images, monkeypatch):
    monkeypatch.setattr("weighbridge.domain.image.tree.MAX_IMPLIED_DIRECTORIES", 2)
    assert images.rootfs({"a/b/c": b""}).exists("/a/b/c")
    with pytest.raises(ImageError, match="in more than 2 directories that no layer names"):
        images.rootfs({"a/b/c/d": b""})


def test_many_entries_are_applied_in_linear_time():
    def apply(count):
        entries = [Entry(path=f"d{n % 997}/e{n % 31}/f{n}", kind=EntryKind.FILE) for n in range(count)]
        entries.sort(key=lambda entry: entry.path)
        rootfs = Rootfs.from_changesets([Changeset(diff_id="sha256:0", entries=entries)], None)  # type: ignore[arg-type]
        assert rootfs.exists("/d0/e0/f0")

    assert_linear(apply, largest=24_000)


_NAMES = st.sampled_from(["a", "b", "c"])
_PATHS = st.lists(_NAMES | st.just(".."), min_size=1, max_size=4).map("/".join)


@given(
    files=st.lists(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), max_size=5),
    links=st.lists(st.tuples(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), _PATHS), max_size=6),
    wanted=st.lists(_NAMES, min_size=1, max_size=5).map("/".join),
)
def test_lookups_agree_with_kernel(tmp_path_factory, files, links, wanted):
    # ".." above the temporary directory would leave it; inside, deep enough, both see the same tree.
    base = tmp_path_factory.mktemp("tree")
    deep = "/".join(["r"] * 9)
    (base / deep).mkdir(parents=True)
    entries = [Entry(path=deep, kind=EntryKind.DIRECTORY)]
    for path, target in [*((name, None) for name in files), *links]:
        real = base / deep / path
        try:
            real.parent.mkdir(parents=True, exist_ok=True)
            if os.path.realpath(real.parent) != str(real.parent):
                continue
            real.symlink_to(target) if target else real.touch(exist_ok=False)
        except OSError:
            continue
        kind = EntryKind.SYMLINK if target else EntryKind.FILE
        entries.append(Entry(path=f"{deep}/{path}", kind=kind, link_target=target))
    rootfs = Rootfs.from_changesets([Changeset(diff_id="sha256:0", entries=entries)], None)  # type: ignore[arg-type]
    # Directories that the loop above made and then did not use exist on disk only.
    for directory, _, _ in os.walk(base):
        relative = str(Path(directory).relative_to(base))
        entries.append(Entry(path="" if relative == "." else relative, kind=EntryKind.DIRECTORY))
    rootfs = Rootfs.from_changesets([Changeset(diff_id="sha256:0", entries=entries)], None)  # type: ignore[arg-type]
    found = rootfs.lookup(f"/{deep}/{wanted}")
    try:
        os.stat(base / deep / wanted)  # noqa: PTH116
        expected = os.path.realpath(base / deep / wanted, strict=True)
    except OSError as error:
        expected = os.strerror(error.errno).lower()
    actual = str(base) + found.path.rstrip("/") if isinstance(found, Node) else str(found.reason)
    assert actual == expected


@pytest.mark.parametrize("path", ["/" + "x" * 5000, "/" + "y" * 300])
def test_names_longer_than_kernel_limit_are_refused(images, path):
    assert _failure(images.rootfs({"a": b""}), path).reason is LookupReason.NAME_TOO_LONG
