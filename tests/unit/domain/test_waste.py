"""Hidden copies are counted once each, by who hid them and how."""

from __future__ import annotations

import dataclasses

import pytest

from weighbridge.domain.layer import Changeset, Entry, EntryKind
from weighbridge.domain.waste import Hiding, dive_efficiency, find_waste


def file(path: str, size: int, digest: str | None = None) -> Entry:
    return Entry(path=path, kind=EntryKind.FILE, size_bytes=size, content_digest=digest)


def entry(path: str, kind: EntryKind, target: str | None = None) -> Entry:
    return Entry(path=path, kind=kind, link_target=target)


def image(*layers: list[Entry]) -> list[Changeset]:
    return [Changeset(diff_id=f"sha256:{i}", entries=tuple(entries)) for i, entries in enumerate(layers)]


def test_three_copies_of_a_file_waste_two_of_them() -> None:
    waste = find_waste(image([file("a", 10)], [file("a", 20)], [file("a", 30)]))
    assert [(copy.layer, copy.size_bytes, copy.hidden_by, copy.how) for copy in waste.own] == [
        (1, 20, 2, Hiding.REWRITTEN),
        (0, 10, 1, Hiding.REWRITTEN),
    ]
    assert waste.wasted_bytes == 30


def test_a_removed_file_is_waste_and_one_that_stays_is_not() -> None:
    waste = find_waste(image([file("a", 10), file("b", 5)], [entry("a", EntryKind.WHITEOUT)]))
    assert [(copy.path, copy.how) for copy in waste.own] == [("a", Hiding.REMOVED)]


@pytest.mark.parametrize("cover", [entry("d", EntryKind.WHITEOUT), entry("d", EntryKind.OPAQUE), file("d", 1)])
def test_a_covered_directory_hides_what_is_in_it(cover: Entry) -> None:
    assert [copy.path for copy in find_waste(image([file("d/e/f", 10), file("other", 5)], [cover])).own] == ["d/e/f"]


def test_an_opaque_root_hides_everything_below() -> None:
    assert find_waste(image([file("a", 10)], [entry("", EntryKind.OPAQUE), file("b", 1)])).wasted_bytes == 10


def test_a_directory_over_a_directory_hides_nothing() -> None:
    assert find_waste(image([file("d/f", 10)], [entry("d", EntryKind.DIRECTORY)])).wasted_bytes == 0


def test_the_same_content_again_is_told_apart_from_other_content() -> None:
    waste = find_waste(image([file("a", 10, "x"), file("b", 10, "x")], [file("a", 10, "x"), file("b", 10, "y")]))
    assert {copy.path: copy.how for copy in waste.own} == {"a": Hiding.METADATA_ONLY, "b": Hiding.REWRITTEN}


def test_only_a_copy_of_the_same_size_is_asked_for_its_content():
    asked = []

    def hashed(entry):
        asked.append(entry.path)
        return "the same"

    lower, upper = image([file("a", 10), file("b", 10), file("c", 3)], [file("a", 10), file("b", 11)])
    lazy = [dataclasses.replace(changeset, hash_content=hashed) for changeset in (lower, upper)]
    assert {copy.path: copy.how for copy in find_waste(lazy).own} == {"a": Hiding.METADATA_ONLY, "b": Hiding.REWRITTEN}
    assert asked == ["a", "a"]


def test_what_the_base_image_hid_itself_is_kept_apart() -> None:
    waste = find_waste(
        image([file("a", 10), file("b", 7)], [file("a", 11)], [entry("b", EntryKind.WHITEOUT)]), base_image_layers=2
    )
    assert (waste.own_bytes, waste.inherited_bytes) == (7, 10)


def test_a_file_that_a_visible_hard_link_shares_is_no_waste() -> None:
    layers = image(
        [file("a", 10), entry("b", EntryKind.HARD_LINK, "a")],
        [entry("a", EntryKind.WHITEOUT)],
    )
    assert find_waste(layers).wasted_bytes == 0


def test_a_file_whose_hard_links_are_all_hidden_is_waste_once() -> None:
    layers = image(
        [file("d/a", 10), entry("d/b", EntryKind.HARD_LINK, "d/a")],
        [entry("d", EntryKind.WHITEOUT)],
    )
    assert find_waste(layers).wasted_bytes == 10


def test_dives_score_of_a_single_layer_is_one_and_of_nothing_too() -> None:
    assert dive_efficiency(image([file("a", 10)])) == 1.0
    assert dive_efficiency([]) == 1.0


def test_dives_score_divides_the_least_size_by_all_sizes() -> None:
    assert dive_efficiency(image([file("a", 10), file("b", 10)], [file("a", 30)])) == pytest.approx(20 / 50)


def test_dives_score_counts_a_removed_file_in_full_and_a_removed_directory_twice() -> None:
    removed_file = image([file("a", 10), file("b", 10)], [entry("a", EntryKind.WHITEOUT)])
    assert dive_efficiency(removed_file) == pytest.approx(10 / 20)
    removed_directory = image([file("d/a", 10), file("b", 10)], [entry("d", EntryKind.WHITEOUT)])
    assert dive_efficiency(removed_directory) == pytest.approx(1.0)
