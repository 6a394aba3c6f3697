"""The columns of a layer equal its entries."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.entries import Entries
from weighbridge.domain.image.entry import Entry, EntryKind
from weighbridge.domain.image.names import Names

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4)
PATHS = st.one_of(
    st.just(""), st.lists(NAMES | st.sampled_from(["a", "b", "caf\udce9"]), min_size=1, max_size=3).map("/".join)
)
DIGESTS = st.none() | st.sampled_from(["xxh3:" + "0f" * 16, "xxh3:" + "00" * 16, "xxh3:" + "0F" * 16, "sha256:1", ""])
ENTRIES = st.builds(
    Entry,
    path=PATHS,
    kind=st.sampled_from(EntryKind),
    size_bytes=st.integers(0, (1 << 63) - 1),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, (1 << 63) - 1),
    gid=st.integers(0, 3),
    link_target=st.none() | PATHS,
    content_digest=DIGESTS,
)


@given(st.lists(ENTRIES))
def test_entries_as_columns_are_same_entries(entries):
    columns = Entries.of(entries)
    assert list(columns) == entries
    assert columns == tuple(entries)
    assert [columns[row] for row in range(len(columns))] == entries
    assert columns[1:3] == tuple(entries[1:3])
    assert columns.is_sound()


@given(st.lists(ENTRIES))
def test_has_repeats_with_two_entries_of_path_is_true(entries):
    assert Entries.of(entries).has_repeats() == (len({entry.path for entry in entries}) < len(entries))


@given(st.lists(ENTRIES), PATHS)
def test_rows_at_path_are_in_order(entries, path):
    expected = [row for row, entry in enumerate(entries) if entry.path == path]
    assert list(Entries.of(entries).rows_at(path)) == expected


def test_row_past_end_raises_index_error():
    columns = Entries.of([Entry(path="a", kind=EntryKind.FILE)])
    assert columns[-1].path == "a"
    for row in (1, -2):
        with pytest.raises(IndexError):
            columns[row]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("names", Names()),
        ("sizes", array("q")),
        ("folder_of", array("I", [7])),
        ("owner_of", array("I", [1])),
        ("kinds", b"\xff"),
        ("links", {1: "b"}),
        ("digests", b"short"),
    ],
)
def test_columns_of_different_length_are_not_sound(column, value):
    columns = Entries.of([Entry(path="a", kind=EntryKind.FILE)])
    setattr(columns, column, value)
    assert not columns.is_sound()


def test_entries_equal_no_other_kind_of_value():
    entries = [Entry(path="a", kind=EntryKind.FILE)]
    columns = Entries.of(entries)
    assert columns == entries
    assert columns != [*entries, *entries]
    assert columns != 3
