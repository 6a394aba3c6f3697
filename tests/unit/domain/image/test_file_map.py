"""File maps: every byte has a place, small files are put together by folder, and packing keeps everything."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import ZeroContents
from images import weigh_files as weigh

from weighbridge.domain.image.file_map import NONE, FileArea, FileMap, map_files
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.packed_file_map import pack, unpack
from weighbridge.domain.image.weighed import compare, weigh_image

NAMES = st.text(st.characters(codec=None, exclude_characters="/\0"), min_size=1, max_size=6)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
ORIGIN = LayerOrigin(instruction=None, text="RUN x", line=1, from_base_image=False)
SIZES = st.integers(min_value=0, max_value=10**12)


def by_path(file_map: FileMap) -> dict[str, FileArea]:
    return {area.path: area for area in file_map.areas}


def test_areas_add_up_to_unpacked_bytes_of_each_side() -> None:
    base = weigh({"a/x": 10, "a/y": 20}, {"a/x": 12})
    head = weigh({"a/x": 10, "a/y": 20}, {"a/y": None, "b/z": 5})
    areas = map_files(base, head).areas
    assert sum(area.base_bytes + area.base_hidden_bytes for area in areas) == base.image.unpacked_bytes == 42
    assert sum(area.head_bytes + area.head_hidden_bytes for area in areas) == head.image.unpacked_bytes == 35


def test_file_has_layer_of_head_and_hidden_bytes_of_lower_layers() -> None:
    areas = by_path(map_files(None, weigh({"x": 10, "gone": 4}, {"x": 12, "gone": None})))
    assert areas["x"] == FileArea("x", head_bytes=12, head_hidden_bytes=10, layer=1)
    assert areas["gone"] == FileArea("gone", head_hidden_bytes=4, layer=0)


def test_folder_of_hard_links_to_another_folder_has_no_area() -> None:
    entries = [
        Entry(path="a/x", kind=EntryKind.FILE, size_bytes=5, content_digest="d"),
        Entry(path="b/y", kind=EntryKind.HARD_LINK, link_target="a/x"),
    ]
    image = weigh({})
    layer = replace(image.image.layers[0], changeset=Changeset(diff_id="sha256:same0", entries=entries))
    linked = weigh_image(replace(image.image, layers=(layer,)), [ORIGIN], ZeroContents())
    assert [(folder, end - start) for folder, start, end in linked.rootfs.table.ranges()] == [("/b", 1), ("/a", 0)]
    assert [(area.path, area.head_bytes) for area in map_files(None, linked).areas] == [("a/x", 5)]


def test_file_of_same_size_with_other_content_differs() -> None:
    base, head = weigh({"x": 5, "y": 5}, digest="a"), weigh({"x": 5}, digest="b")
    areas = by_path(map_files(base, head, compare(base, head).files))
    assert areas["x"] == FileArea("x", 5, 5, layer=0, differs=True)
    assert (areas["y"].base_bytes, areas["y"].head_bytes) == (5, 0)


def test_small_files_are_grouped_by_folder_with_equal_sums() -> None:
    files = {f"d{number % 3}/f{number}": 10 + number for number in range(100)}
    whole = map_files(None, weigh(files))
    small = whole.within(20)
    assert len(small.areas) <= 20
    assert sum(area.head_bytes for area in small.areas) == sum(files.values())
    assert sum(area.files for area in small.areas) == 100
    assert by_path(small)["d0/f99"].head_bytes == 109


def test_packed_map_is_in_order_of_folders() -> None:
    columns = json.loads(zlib.decompress(pack(map_files(None, weigh({"b/a!/x": 1, "b/a/x": 2, "b/c": 3, "a": 4})))))
    assert columns["names"] == "a/b/a/x/a!/x/c"
    assert columns["depths"] == [1, 1, 2, 3, 2, 3, 2]
    assert columns["head"] == [4, NONE, NONE, 2, NONE, 1, 3]


@given(st.dictionaries(PATHS, st.tuples(SIZES, SIZES, SIZES, st.booleans()), max_size=12))
def test_map_packed_and_unpacked_is_equal(files: dict[str, tuple[int, int, int, bool]]) -> None:
    areas = [FileArea(path, a, b, c, 0, 1, NONE, differs) for path, (a, b, c, differs) in files.items()]
    whole = FileMap(areas=tuple(areas), packages=()).within(1_000)
    folders = {area.path.rpartition("/")[0] for area in areas}
    if not folders & {area.path for area in areas}:  # no path is a file and a folder
        assert unpack(pack(whole)) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        zlib.compress(b"[]"),
        zlib.compress(b'{"names": 1}'),
        zlib.compress(b'{"names":"a","depths":[1,2],"head":[1]}'),
        zlib.compress(b"[" * 100_000),
        pack(FileMap(areas=(FileArea("a", 1),), packages=()))[:-5],
    ],
)
def test_map_invalid_returns_none(data: bytes) -> None:
    assert unpack(data) is None


def test_map_unpacking_over_limit_returns_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.image.packed_file_map.MAXIMUM_PACKED_BYTES", 1_000)
    assert unpack(zlib.compress(b" " * 2_000)) is None


def test_map_over_limit_keeps_largest_files_and_merges_others_by_kept_folder() -> None:
    files: dict[str, int | None] = {f"{'ab'[number % 2]}/f{number:02}": 1 + number for number in range(40)}
    small = map_files(None, weigh({**files, "c/x": 1, "c/y": 2}), maximum_nodes=12).areas
    assert [area.path for area in small] == ["", "a", "a/f34", "a/f36", "a/f38", "b", "b/f35", "b/f37", "b/f39"]
    assert small[0] == FileArea("", head_bytes=3, layer=0, files=2)
    assert sum(area.head_bytes for area in small) == sum(range(1, 41)) + 3


def test_folder_of_hard_links_in_map_over_limit_has_no_area() -> None:
    entries = [
        *(Entry(path=f"a/{n}", kind=EntryKind.FILE, size_bytes=5 + n, content_digest="d") for n in range(20)),
        Entry(path="b/y", kind=EntryKind.HARD_LINK, link_target="a/1"),
        Entry(path="a/x", kind=EntryKind.HARD_LINK, link_target="a/2"),
    ]
    image = weigh({})
    layer = replace(image.image.layers[0], changeset=Changeset(diff_id="sha256:same0", entries=entries))
    linked = weigh_image(replace(image.image, layers=(layer,)), [ORIGIN], ZeroContents())
    areas = map_files(None, linked, maximum_nodes=8).areas
    assert sum(area.files for area in areas) == 20
    assert {"b", "b/y"}.isdisjoint(area.path for area in areas)
