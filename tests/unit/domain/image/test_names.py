"""The text of many names answers as the list of these names does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.names import Names

NAME = st.text(st.sampled_from("ab.é\udce9"), max_size=3)
NAMES = st.lists(NAME, max_size=8)


@given(NAMES)
def test_names_as_text_are_same_names(names):
    text = Names.of(names)
    assert list(text) == names
    assert [text[row] for row in range(len(text))] == names
    assert [text[start:end] for start in range(9) for end in range(9)] == [
        names[start:end] for start in range(9) for end in range(9)
    ]
    assert Names(text.text) == text != Names.of([*names, "a"])


@pytest.mark.parametrize("part_bytes", [1, 2, 3, 100])
def test_names_start_where_they_do_whatever_part_of_text_is_split_at_once(part_bytes, monkeypatch):
    monkeypatch.setattr("weighbridge.domain.image.names._PART_BYTES", part_bytes)
    assert list(Names(b"/a//bcd/e/").starts) == [1, 3, 4, 8, 10]


@given(NAMES, NAME)
def test_search_for_name_finds_its_rows(names, name):
    text = Names.of(names)
    assert list(text.rows_of(name)) == [row for row, one in enumerate(names) if one == name]
    for start in range(len(names) + 1):
        for end in range(start, len(names) + 1):
            assert text.has(name, start, end) == (name in names[start:end])
            assert text.part(start, end).decode("utf-8", "surrogateescape") == "".join(
                f"{one}/" for one in names[start:end]
            )


@given(NAMES, st.lists(st.sampled_from(["a", ".a/", "/.a", "é", "/b", "\udce9/"]), max_size=3), st.sets(NAME))
def test_search_for_texts_finds_rows_with_one_of_them(names, texts, wanted):
    expected = [row for row, one in enumerate(names) if one in wanted or any(text in f"/{one}/" for text in texts)]
    assert list(Names.of(names).rows_with(texts, wanted)) == expected


@pytest.mark.parametrize("name", ["a/b", "\ud800"])
def test_name_that_no_file_can_have_is_not_found(name):
    names = Names.of(["a", "b"])
    assert not names.has(name, 0, 2)
    assert list(names.rows_of(name)) == list(names.rows_with((), {name})) == []


@pytest.mark.parametrize("text", [b"", b"a/", b"/a"])
def test_text_without_slash_at_both_ends_is_refused(text):
    with pytest.raises(ValueError, match="slash"):
        Names(text)
