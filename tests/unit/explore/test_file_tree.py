"""The tree of files: sums of folders, hidden copies, and what differs between two images."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.explore.file_tree import NONE, ROOT, FileColumns, NodeChange, build_file_tree
from weighbridge.explore.subject import BrowsedImage, make_subject


def sizes(tree: FileColumns, path: str) -> tuple[int, int, int]:
    node = tree.index[path]
    return tree.head_bytes[node], tree.wasted_bytes[node], tree.files[node]


def test_folder_sizes_are_sums_of_everything_below(one_image: BrowsedImage) -> None:
    tree = build_file_tree(one_image)
    assert sizes(tree, "/opt/tool") == (5000, 300, 1)
    assert sizes(tree, "/app") == (910, 0, 2)
    assert sizes(tree, "") == (100 + 2000 + 70 + 5000 + 910, 350, 6)


def test_root_and_waste_add_up_to_image(one_image: BrowsedImage) -> None:
    tree = build_file_tree(one_image)
    assert tree.head_bytes[ROOT] + tree.wasted_bytes[ROOT] == one_image.head.image.unpacked_bytes


def test_removed_file_is_hidden_copy_of_its_layer(one_image: BrowsedImage) -> None:
    tree = build_file_tree(one_image)
    node = tree.index["/opt/tool/share/doc.txt"]
    assert (tree.change(node), tree.layers[node]) == (NodeChange.HIDDEN, 1)


def test_rewritten_file_belongs_to_later_layer(one_image: BrowsedImage) -> None:
    tree = build_file_tree(one_image)
    node = tree.index["/var/cache/list"]
    assert (tree.change(node), tree.layers[node], tree.wasted_bytes[node]) == (NodeChange.SAME, 1, 50)


def test_two_images_have_every_kind_of_change(two_images: BrowsedImage) -> None:
    tree = build_file_tree(two_images)
    changes = {path: tree.change(node) for path, node in tree.index.items()}
    assert changes == {
        "": NodeChange.SHRUNK,
        "/app": NodeChange.GROWN,
        "/app/main": NodeChange.GROWN,
        "/app/new": NodeChange.ADDED,
        "/app/old": NodeChange.REMOVED,
        "/opt": NodeChange.SHRUNK,
        "/opt/tool": NodeChange.SHRUNK,
        "/usr": NodeChange.CHANGED,
        "/usr/lib": NodeChange.CHANGED,
        "/usr/lib/libc.so": NodeChange.CHANGED,
        "/etc": NodeChange.CHANGED,
        "/etc/same": NodeChange.CHANGED,
    }
    assert tree.delta_bytes(ROOT) == (300 + 60 - 40) - 800


def test_equal_images_have_no_change(make_image: Callable[..., WeighedImage]) -> None:
    layer = {"a/b": 5, "c": 6}
    tree = build_file_tree(make_subject("same", make_image(layer), base=make_image(layer)))
    assert {tree.change(node) for node in range(len(tree))} == {NodeChange.SAME}


def test_file_replaced_by_folder_keeps_both_sizes(make_image: Callable[..., WeighedImage]) -> None:
    tree = build_file_tree(make_subject("x", make_image({"a/b": 5}), base=make_image({"a": 7}, digest="c")))
    node = tree.index["/a"]
    assert (tree.base_bytes[node], tree.head_bytes[node], tree.delta_bytes(node)) == (7, 5, -2)


def test_deep_folders_need_no_recursion(make_image: Callable[..., WeighedImage]) -> None:
    tree = build_file_tree(make_subject("deep", make_image({"/".join(["d"] * 1500): 3})))
    assert (len(tree), tree.head_bytes[ROOT], tree.packages[1500]) == (1501, 3, NONE)
