"""The table of files has each file once, whatever layers and hard links made of the tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.entry import Entry, EntryKind
from weighbridge.domain.image.file_table import FileTable
from weighbridge.domain.image.layer import Changeset
from weighbridge.domain.image.tree import Directory, FileTree

PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
KINDS = [EntryKind.FILE, EntryKind.HARD_LINK, EntryKind.DIRECTORY, EntryKind.SYMLINK, EntryKind.WHITEOUT]
ENTRIES = st.builds(Entry, path=PATHS, kind=st.sampled_from(KINDS), size_bytes=st.integers(0, 9), link_target=PATHS)


@given(st.lists(st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry.path), max_size=4))
def test_table_of_any_tree_has_each_file_once_with_all_names(layers):
    tree = FileTree.from_changesets(
        [Changeset(diff_id=f"sha256:{number}", entries=layer) for number, layer in enumerate(layers)]
    )
    names: dict[int, list[str]] = {}
    for path, item in tree.walk():
        if not isinstance(item, Directory) and tree.entry(item, path).kind is EntryKind.FILE:
            names.setdefault(item, []).append(path)
    table = FileTable(tree)
    numbers = range(len(table))
    assert list(table.files) == list(names)
    assert [[table.path(number), *table.other_paths(number)] for number in numbers] == list(names.values())
    assert list(table.layers) == [tree.layer_of(file) for file in table.files]
    by_path = {f"{folder}/{name}": number for folder, of in table.by_folder() for name, number in of.items()}
    assert by_path == {path: number for number, paths in enumerate(names.values()) for path in paths}
    for folder, of_folder in table.by_folder():
        expected = table.names_in(folder)
        assert dict(of_folder.items()) == expected
        assert set(of_folder.values()) == set(expected.values())
        assert all(name in of_folder and of_folder[name] == number for name, number in expected.items())
        assert "no such name" not in of_folder
        assert of_folder.get("no such name") is None
    assert table.names_in("/nowhere") == {}


def test_link_in_folder_without_files_of_its_own_is_found_by_its_name():
    files = [Entry(path="a/data", kind=EntryKind.FILE, size_bytes=1)]
    links = [Entry(path=path, kind=EntryKind.HARD_LINK, link_target="a/data") for path in ("only/x.jar", "only/x.txt")]
    table = FileTable(FileTree.from_changesets([Changeset(diff_id="sha256:0", entries=[*files, *links])]))
    assert {folder: dict(of.items()) for folder, of in table.by_folder() if of} == {
        "/a": {"data": 0},
        "/only": {"x.jar": 0, "x.txt": 0},
    }
    assert list(table.named(lambda name: name.endswith(".jar"), [".jar/"])) == [("/only/x.jar", 0)]


@given(st.lists(st.lists(ENTRIES, max_size=12, unique_by=lambda entry: entry.path), max_size=4))
def test_tree_of_runs_equals_tree_of_single_rows(layers):
    def tree(*, by_row):
        changesets = [Changeset(diff_id=f"sha256:{number}", entries=layer) for number, layer in enumerate(layers)]
        for changeset in changesets:
            changeset.columns._has_repeats = by_row  # a layer with repeated paths is added row by row
        return FileTree.from_changesets(changesets)

    runs, rows = tree(by_row=False), tree(by_row=True)
    one, other = (
        [(path, (item.entry, item.layer) if isinstance(item, Directory) else item) for path, item in each.walk()]
        for each in (runs, rows)
    )
    assert one == other
    assert runs.hidden == rows.hidden


def test_large_files_are_found_by_size_in_each_folder():
    sizes = {"a/x": 5, "a/y": 1, "b/z": 3, "c/w": 9}
    entries = [Entry(path=path, kind=EntryKind.FILE, size_bytes=size) for path, size in sizes.items()]
    table = FileTable(FileTree.from_changesets([Changeset(diff_id="sha256:0", entries=entries)]))
    assert {table.path(number) for number in table.at_least(5)} == {"/a/x", "/c/w"}
    assert sorted(table.largest) == [3, 5, 9]
