"""Hidden copies are counted once each, by who hid them and how."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.efficiency import dive_efficiency
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.tree import FileTree
from weighbridge.domain.image.waste import Hiding, Waste, find_waste


def file(path: str, size: int, digest: str | None = None) -> Entry:
    return Entry(path=path, kind=EntryKind.FILE, size_bytes=size, content_digest=digest)


def entry(path: str, kind: EntryKind, target: str | None = None) -> Entry:
    return Entry(path=path, kind=kind, link_target=target)


def image(*layers: list[Entry]) -> list[Changeset]:
    return [Changeset(diff_id=f"sha256:{i}", entries=tuple(entries)) for i, entries in enumerate(layers)]


def waste_of(changesets: list[Changeset], *, base_image_layers: int = 0) -> Waste:
    return find_waste(FileTree.from_changesets(changesets), base_image_layers=base_image_layers)


def test_three_copies_of_file_waste_two_of_them() -> None:
    waste = waste_of(image([file("a", 10)], [file("a", 20)], [file("a", 30)]))
    assert [(copy.layer, copy.size_bytes, copy.hidden_by, copy.how) for copy in waste.own] == [
        (1, 20, 2, Hiding.REWRITTEN),
        (0, 10, 1, Hiding.REWRITTEN),
    ]
    assert waste.wasted_bytes == 30


def test_only_removed_file_is_waste() -> None:
    waste = waste_of(image([file("a", 10), file("b", 5)], [entry("a", EntryKind.WHITEOUT)]))
    assert [(copy.path, copy.how) for copy in waste.own] == [("a", Hiding.REMOVED)]


@pytest.mark.parametrize("cover", [entry("d", EntryKind.WHITEOUT), entry("d", EntryKind.OPAQUE), file("d", 1)])
def test_directory_covered_by_file_hides_its_files(cover: Entry) -> None:
    assert [copy.path for copy in waste_of(image([file("d/e/f", 10), file("other", 5)], [cover])).own] == ["d/e/f"]


def test_opaque_root_hides_everything_below() -> None:
    assert waste_of(image([file("a", 10)], [entry("", EntryKind.OPAQUE), file("b", 1)])).wasted_bytes == 10


def test_directory_over_directory_hides_nothing() -> None:
    assert waste_of(image([file("d/f", 10)], [entry("d", EntryKind.DIRECTORY)])).wasted_bytes == 0


def test_same_content_is_distinguished_from_other_content() -> None:
    waste = waste_of(image([file("a", 10, "x"), file("b", 10, "x")], [file("a", 10, "x"), file("b", 10, "y")]))
    assert {copy.path: copy.how for copy in waste.own} == {"a": Hiding.METADATA_ONLY, "b": Hiding.REWRITTEN}


@pytest.mark.parametrize(("lower", "upper"), [(None, None), ("x", None), (None, "x")])
def test_copy_of_same_size_with_unknown_content_is_rewritten(lower: str | None, upper: str | None) -> None:
    (copy,) = waste_of(image([file("a", 10, lower)], [file("a", 10, upper)])).own
    assert copy.how is Hiding.REWRITTEN


def test_waste_is_listed_largest_first_and_by_path_then_layer() -> None:
    layers = image(*([file("b", 5), file("a", 5), file("c", 9)] for _ in range(2)), [file(one, 1) for one in "abc"])
    waste = waste_of(layers, base_image_layers=2)
    assert [(copy.path, copy.layer, copy.hidden_by) for copy in waste.own] == [("c", 1, 2), ("a", 1, 2), ("b", 1, 2)]
    assert [(copy.path, copy.layer, copy.hidden_by) for copy in waste.inherited] == [
        ("c", 0, 1),
        ("a", 0, 1),
        ("b", 0, 1),
    ]


def test_content_is_compared_only_for_equal_sizes():
    asked = []

    def hashed(entry):
        asked.append(entry.path)
        return "the same"

    lower, upper = image([file("a", 10), file("b", 10), file("c", 3)], [file("a", 10), file("b", 11)])
    lazy = [dataclasses.replace(changeset, hash_content=hashed) for changeset in (lower, upper)]
    assert {copy.path: copy.how for copy in waste_of(lazy).own} == {"a": Hiding.METADATA_ONLY, "b": Hiding.REWRITTEN}
    assert asked == ["a", "a"]


def test_copies_hidden_in_base_image_are_inherited() -> None:
    waste = waste_of(
        image([file("a", 10), file("b", 7)], [file("a", 11)], [entry("b", EntryKind.WHITEOUT)]), base_image_layers=2
    )
    assert (waste.own_bytes, waste.inherited_bytes, waste.wasted_bytes) == (7, 10, 17)


def test_file_with_visible_hard_link_is_not_waste() -> None:
    layers = image(
        [file("a", 10), entry("b", EntryKind.HARD_LINK, "a")],
        [entry("a", EntryKind.WHITEOUT)],
    )
    assert waste_of(layers).wasted_bytes == 0


def test_file_with_all_hard_links_hidden_is_waste_once() -> None:
    layers = image(
        [file("d/a", 10), entry("d/b", EntryKind.HARD_LINK, "d/a")],
        [entry("d", EntryKind.WHITEOUT)],
    )
    assert waste_of(layers).wasted_bytes == 10


def test_waste_hard_linked_pair_rewritten_counts_file_once() -> None:
    pair = [file("a", 10, "old"), entry("b", EntryKind.HARD_LINK, "a")]
    waste = waste_of(image(pair, [file("a", 10, "new"), entry("b", EntryKind.HARD_LINK, "a")]))
    assert [(copy.path, copy.size_bytes, copy.how) for copy in waste.own] == [("a", 10, Hiding.REWRITTEN)]


def test_waste_two_of_three_names_rewritten_is_zero() -> None:
    names = [file("a", 10), entry("b", EntryKind.HARD_LINK, "a"), entry("c", EntryKind.HARD_LINK, "b")]
    assert waste_of(image(names, [file("a", 1), file("b", 2)])).wasted_bytes == 0


def test_waste_names_removed_in_different_layers_blames_last() -> None:
    pair = [file("a", 10), entry("b", EntryKind.HARD_LINK, "a")]
    waste = waste_of(image(pair, [entry("a", EntryKind.WHITEOUT)], [entry("b", EntryKind.WHITEOUT)]))
    assert [(copy.hidden_by, copy.how) for copy in waste.own] == [(2, Hiding.REMOVED)]


def test_waste_link_of_upper_layer_keeps_lower_file_visible() -> None:
    layers = image([file("a", 10)], [entry("b", EntryKind.HARD_LINK, "a")], [entry("a", EntryKind.WHITEOUT)])
    assert waste_of(layers).wasted_bytes == 0
    layers += image([entry("b", EntryKind.WHITEOUT)])
    assert waste_of(layers).wasted_bytes == 10


def test_waste_file_replaced_by_implied_directory_is_counted() -> None:
    waste = waste_of(image([file("app", 10)], [file("app/bin", 3)]))
    assert [(copy.path, copy.how) for copy in waste.own] == [("app", Hiding.REMOVED)]


def test_waste_whiteout_next_to_new_file_is_rewrite() -> None:
    waste = waste_of(image([file("a", 10)], [entry("a", EntryKind.WHITEOUT), file("a", 3)]))
    assert [copy.how for copy in waste.own] == [Hiding.REWRITTEN]


def test_dive_score_of_single_or_no_layer_is_one() -> None:
    assert dive_efficiency(image([file("a", 10)])) == 1.0
    assert dive_efficiency([]) == 1.0


def test_dives_score_divides_least_size_by_all_sizes() -> None:
    assert dive_efficiency(image([file("a", 10), file("b", 10)], [file("a", 30)])) == pytest.approx(20 / 50)


def test_dive_score_counts_removed_file_once_and_directory_twice() -> None:
    removed_file = image([file("a", 10), file("b", 10)], [entry("a", EntryKind.WHITEOUT)])
    assert dive_efficiency(removed_file) == pytest.approx(10 / 20)
    removed_directory = image([file("d/a", 10), file("b", 10)], [entry("d", EntryKind.WHITEOUT)])
    assert dive_efficiency(removed_directory) == pytest.approx(1.0)


_NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
_ENTRIES = st.one_of(
    st.builds(file, _NAMES, st.integers(0, 9)),
    st.builds(entry, _NAMES, st.sampled_from([EntryKind.DIRECTORY, EntryKind.WHITEOUT, EntryKind.OPAQUE])),
)


@given(st.lists(st.lists(_ENTRIES, max_size=6), max_size=4))
def test_dive_efficiency_equals_plain_tree_walk(layers):
    """dive keeps a tree of each layer and one of all below; a tree here is a dictionary of names, sizes and trees."""
    below: dict = {}
    sizes: dict[str, list[int]] = {}
    for changeset in image(*layers):
        tree: dict = {}
        for one in changeset.entries:
            if one.kind is not EntryKind.OPAQUE:
                _at(tree, one.path).update({_SIZE: one.size_bytes, _GONE: one.kind is EntryKind.WHITEOUT})
        for path, leaf in _leaves(tree):
            found = _found(below, path) if leaf[_GONE] else None
            removed = found[_SIZE] + _sum_below(found) if found and _children(found) else 0
            sizes.setdefault(path, []).append(removed if leaf[_GONE] else leaf[_SIZE])
        for one in changeset.entries:
            if one.kind is EntryKind.WHITEOUT:
                head, _, name = one.path.rpartition("/")
                (_found(below, head) or {}).pop(name, None)
            elif one.kind is not EntryKind.OPAQUE:
                _at(below, one.path).update({_SIZE: one.size_bytes})
    total = sum(map(sum, sizes.values()))
    expected = sum(map(min, sizes.values())) / total if total else 1.0
    assert dive_efficiency(image(*layers)) == pytest.approx(expected)


_SIZE, _GONE = 0, 1  # no name is a number


def _children(tree):
    return {name: below for name, below in tree.items() if isinstance(name, str)}


def _at(tree, path):
    for name in path.split("/"):
        tree = tree.setdefault(name, {_SIZE: 0, _GONE: False})
    return tree


def _found(tree, path):
    for name in path.split("/") if path else ():
        tree = tree.get(name) if tree is not None else None
    return tree


def _leaves(tree, path=""):
    for name, below in _children(tree).items():
        place = f"{path}/{name}" if path else name
        yield from _leaves(below, place) if _children(below) else [(place, below)]


def _sum_below(tree):
    return sum(below[_SIZE] + _sum_below(below) for below in _children(tree).values())
