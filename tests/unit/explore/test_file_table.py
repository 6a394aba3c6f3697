"""The tab of files: folders that open, orders, searches and selections."""

from __future__ import annotations

import pytest

from weighbridge.explore.file_table import FileTab
from weighbridge.explore.file_tree import build_file_tree
from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import FileSelection, Tone


@pytest.fixture
def table(one_image: BrowsedImage) -> FileTab:
    return FileTab(one_image, build_file_tree(one_image))


@pytest.fixture
def differences(two_images: BrowsedImage) -> FileTab:
    return FileTab(two_images, build_file_tree(two_images))


def labels(table: FileTab) -> list[str]:
    return [table.row(position).cells[-1].strip() for position in range(len(table))]


def test_closed_tree_shows_root_folder_largest_first(table: FileTab) -> None:
    assert labels(table) == ["▾ /", "▸ opt/", "▸ usr/", "▸ app/", "▸ bin/", "▸ var/"]


def test_open_folder_shows_its_children_and_closing_hides_all_below(table: FileTab) -> None:
    assert table.toggle(1)
    assert table.toggle(2)
    assert labels(table)[1:5] == ["▾ opt/", "▾ tool/", "▸ bin/", "▸ share/"]
    assert table.toggle(1)
    assert labels(table)[1:3] == ["▸ opt/", "▸ usr/"]
    assert table.toggle(1)  # the inner folder is still open
    assert labels(table)[2] == "▾ tool/"


def test_file_cannot_be_opened(table: FileTab) -> None:
    position = table.position_of("/bin/sh")
    assert position is not None
    assert not table.toggle(position)
    assert table.is_open(position) is None
    assert labels(table)[table.parent_position(position)] == "▾ bin/"


def test_position_of_opens_folders_on_way(table: FileTab) -> None:
    position = table.position_of("/opt/tool/bin/tool")
    assert position is not None
    assert labels(table)[position] == "tool"
    assert table.position_of("/nowhere") is None


def test_next_order_sorts_by_waste_then_name(table: FileTab) -> None:
    table.next_order()
    assert labels(table)[1:3] == ["▸ opt/", "▸ var/"]
    table.next_order()
    assert labels(table)[1:4] == ["▸ app/", "▸ bin/", "▸ opt/"]


def test_search_lists_files_by_name_in_any_case(table: FileTab) -> None:
    table.search("LIST")
    assert labels(table) == ["/var/cache/list"]
    table.search("tool")
    assert labels(table) == ["/opt/tool/bin/tool"]


def test_search_with_slash_looks_at_whole_paths(table: FileTab) -> None:
    table.search("/tool/")
    assert labels(table) == ["/opt/tool/bin/tool", "✗ /opt/tool/share/doc.txt"]
    assert table.state.startswith("2 files, 5.0 kB")
    table.search("")
    assert labels(table)[0] == "▾ /"


def test_selection_of_layer_lists_its_files(table: FileTab) -> None:
    table.select(FileSelection(layer=1))
    assert labels(table) == ["/opt/tool/bin/tool", "/var/cache/list"]
    assert "of layer 1" in table.state
    table.search("cache/l")
    assert labels(table) == ["/var/cache/list"]


def test_selection_without_package_lists_all_unowned_files(table: FileTab) -> None:
    table.select(FileSelection(package=-1))
    assert len(table) == 6


def test_select_changed_lists_wasted_files_of_one_image(table: FileTab) -> None:
    table.select_changed()
    assert labels(table) == ["/var/cache/list", "✗ /opt/tool/share/doc.txt"]
    table.select_changed()
    assert labels(table)[0] == "▾ /"


def test_select_changed_lists_differing_files_largest_change_first(differences: FileTab) -> None:
    differences.select_changed()
    assert labels(differences) == [
        "▼ /opt/tool",
        "▲ /app/main",
        "+ /app/new",
        "− /app/old",
        "± /etc/same",
        "± /usr/lib/libc.so",
    ]
    assert differences.row(0).cells[1] == "−800 B"


def test_tones_tell_base_image_waste_and_change(table: FileTab, differences: FileTab) -> None:
    def tone(of: FileTab, path: str) -> Tone:
        position = of.position_of(path)
        assert position is not None
        return of.row(position).tone

    assert tone(table, "/bin/sh") is Tone.BASE_IMAGE
    assert tone(table, "/app/main") is Tone.PLAIN
    assert tone(table, "/opt/tool/share/doc.txt") is Tone.WASTED
    assert tone(differences, "/app/new") is Tone.ADDED
    assert tone(differences, "/app/old") is Tone.REMOVED


def test_hostile_name_is_shown_in_one_line_without_control_characters(table: FileTab) -> None:
    table.search("evil")
    assert labels(table) == ["/app/[bold]evil␛[31m␊name"]
    assert all(line.isprintable() for line in table.detail(0))


def test_detail_names_layer_line_and_mode(table: FileTab) -> None:
    position = table.position_of("/app/main")
    assert position is not None
    assert list(table.detail(position)) == [
        "/app/main",
        "900 B · file, mode 0755, owner 0:0",
        "layer 2 (Dockerfile:3): RUN step 2",
    ]
    assert (table.links(position).layer, table.links(position).line) == (2, 3)
