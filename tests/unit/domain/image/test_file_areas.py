"""Columns of areas are the areas, and sort as their paths do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.file_areas import FileArea, FileAreas

PATHS = st.lists(st.text(st.sampled_from("a!0"), min_size=1, max_size=2), min_size=1, max_size=4).map("/".join)
SIZES = st.integers(0, 3)
AREAS = st.lists(st.builds(FileArea, PATHS, SIZES, SIZES, SIZES, SIZES, SIZES, SIZES, st.booleans(), st.integers(1, 2)))


def path_order(area: FileArea) -> list[str]:
    return [*area.path.split("/"), ""] if area.files > 1 else area.path.split("/")


@given(AREAS)
def test_areas_as_columns_are_same_areas(areas: list[FileArea]) -> None:
    columns = FileAreas.of(areas)
    assert list(columns) == areas
    assert columns == areas
    assert [columns.path(row) for row in range(len(areas))] == [area.path for area in areas]
    assert list(columns.taken(range(0, len(areas), 2))) == areas[::2]
    assert columns[1:3] == areas[1:3]


@given(AREAS)
def test_areas_in_order_of_paths_have_content_of_folder_together(areas: list[FileArea]) -> None:
    columns = FileAreas.of(areas)
    assert [columns[row] for row in columns.in_order_of_paths(range(len(areas)))] == sorted(areas, key=path_order)


@pytest.mark.parametrize("area", [FileArea("a", 1 << 63), FileArea("a", files=-1), FileArea("a", layer=1 << 31)])
def test_number_that_no_image_has_raises_overflow_error(area: FileArea) -> None:
    with pytest.raises(OverflowError):
        FileAreas.of([area])
