"""The tabs of layers, packages, waste, findings and the Dockerfile."""

from __future__ import annotations

from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import FileSelection, ListTable, Tab, Tone
from weighbridge.explore.tables import make_tables


def cells(table: ListTable) -> list[tuple[str, ...]]:
    return [table.row(position).cells for position in range(len(table))]


def test_layers_have_size_waste_line_and_instruction(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.LAYERS]
    assert cells(table) == [
        ("0", "2.1 kB", "50 B", "", "  RUN step 0"),
        ("1", "5.4 kB", "300 B", "2", "  RUN step 1"),
        ("2", "910 B", "", "3", "  RUN step 2"),
    ]
    assert table.row(0).tone is Tone.BASE_IMAGE
    assert table.links(1).files == FileSelection(layer=1)


def test_layers_sorted_by_size_are_still_found_by_index(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.LAYERS]
    table.next_order()
    assert [row[0] for row in cells(table)] == ["1", "0", "2"]
    assert table.position_of(2) == 2
    assert table.position_of(7) is None


def test_layers_of_two_images_are_aligned(two_images: BrowsedImage) -> None:
    table = make_tables(two_images)[Tab.LAYERS]
    assert cells(table) == [("0", "968 B", "−480 B", "", "", "▼ RUN step 0")]


def test_search_of_layers_reads_instructions(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.LAYERS]
    table.search("STEP 2")
    assert [row[0] for row in cells(table)] == ["2"]
    assert table.state == "1 of 3 layers · sorted by position · containing “STEP 2”"


def test_waste_names_both_layers(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.WASTE]
    assert cells(table) == [
        ("300 B", "1", "2", "removed", "/opt/tool/share/doc.txt"),
        ("50 B", "0", "1", "written again", "/var/cache/list"),
    ]
    assert table.links(0).line == 3
    assert "hidden by layer 2 (Dockerfile:3)" in table.detail(0)[2]


def test_files_without_package_are_one_row_of_packages(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.PACKAGES]
    assert cells(table) == [("8.1 kB", "other", "  (not in any package)")]
    assert table.links(0).files == FileSelection(package=-1)


def test_findings_open_with_start_prediction(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.FINDINGS]
    kind, text = table.row(0).cells
    assert kind in {"✓ starts", "✗ starts", "? starts"}
    assert "/app/main" in text
    assert table.detail(0)


def test_dockerfile_lines_have_bytes_of_their_layers(one_image: BrowsedImage) -> None:
    table = make_tables(one_image)[Tab.DOCKERFILE]
    assert cells(table) == [
        ("1", "", "FROM debian:bookworm"),
        ("2", "5.4 kB", "RUN make-tool"),
        ("3", "910 B", "COPY app /app"),
    ]
    assert table.position_of(3) == 2
    assert table.links(1).files == FileSelection(layer=1)


def test_unknown_dockerfile_has_no_tab(two_images: BrowsedImage) -> None:
    assert Tab.DOCKERFILE not in make_tables(two_images)
