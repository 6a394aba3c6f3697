"""A directory of runs answers as a dict of its items does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image import directory as module
from weighbridge.domain.image.directory import Directory, Item, Run
from weighbridge.domain.image.names import Names

NAMES = Names.of("abcde")
CHANGES = st.lists(
    st.tuples(st.sampled_from(["file", "folder", "remove", "clear"]), st.integers(0, 4), st.integers(10, 99)),
    max_size=12,
)


@given(st.integers(0, 5), CHANGES)
@pytest.mark.parametrize("most_searches", [0, 3, 50])
def test_changed_directory_has_items_of_dict_with_same_changes(most_searches: int, end: int, changes: list) -> None:
    directory = Directory(0, 0)
    directory.runs = (Run(NAMES, 0, end, 10),) if end else ()
    expected: dict[str, Item] = dict(zip("abcde"[:end], range(10, 15), strict=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_SEARCHES", most_searches)
        for what, row, number in changes:
            name = NAMES[row]
            folder = Directory(number, 0)
            if what == "file":
                assert directory.put_file(NAMES, row, number) == expected.get(name)
                expected[name] = number
            elif what == "folder":
                assert directory.put_folder(name, folder) == expected.pop(name, None)
                expected[name] = folder
            elif what == "remove":
                assert directory.remove(name) == expected.pop(name, None)
            else:
                assert dict(directory.clear()) == expected
                expected.clear()
            assert directory.is_empty == (not expected)
            assert [directory.get(one) for one in "abcdef"] == [expected.get(one) for one in "abcdef"]
        files = [(name, item) for name, item in expected.items() if isinstance(item, int)]
        folders = [(name, item) for name, item in expected.items() if isinstance(item, Directory)]
        assert dict(directory.items()) == expected
        assert list(directory.folders.items()) == folders
        assert sorted(directory.files()) == sorted(files)


def test_file_replaced_in_run_keeps_its_place_and_makes_no_dict() -> None:
    directory = Directory(0, 0)
    directory.runs = (Run(NAMES, 0, 5, 10),)
    assert directory.put_file(NAMES, 2, 99) == 12
    assert list(directory.files()) == [("a", 10), ("b", 11), ("c", 99), ("d", 13), ("e", 14)]
    assert directory.by_name is None


def test_files_put_in_order_of_rows_are_one_run() -> None:
    directory = Directory(0, 0)
    for row in range(5):
        directory.put_file(NAMES, row, row + 7)
    assert directory.runs == (Run(NAMES, 0, 5, 7),)


def test_directory_with_many_runs_or_searches_gets_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    searched, runs = Directory(0, 0), Directory(0, 0)
    names = Names.of(map(str, range(2000)))
    searched.runs = (Run(names, 0, 2000, 0),)
    runs.runs = tuple(Run(names, row, row + 1, 5) for row in range(20))
    assert (searched.get("1999"), searched.get("x")) == (1999, None)
    assert (runs.get("19"), runs.get("x")) == (24, None)
    assert [one.by_name is not None and not one.runs for one in (searched, runs)] == [False, True]
    assert [searched.get(str(name)) for name in range(100)] == list(range(100))
    assert searched.by_name is not None
    assert searched.runs == ()
    long = Directory(0, 0)
    long.runs = (Run(names, 0, 2000, 0),)
    monkeypatch.setattr(module, "_MOST_SEARCHED_BYTES", 5_000)
    assert long.get("7") == 7
    assert long.by_name is not None
