from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.report.html.treemap import Rectangle, squarify

AREA = Rectangle(x=10, y=20, width=520, height=300)
SIZES = st.lists(st.integers(min_value=0, max_value=10**12), max_size=60).map(lambda sizes: sorted(sizes, reverse=True))


@given(SIZES)
def test_areas_are_as_the_values(sizes):
    total = sum(sizes)
    for size, placed in zip(sizes, squarify(sizes, AREA), strict=True):
        expected = size / total * AREA.width * AREA.height if total else 0
        assert abs(placed.width * placed.height - expected) < 1e-3


@given(SIZES)
def test_every_rectangle_is_inside_the_area(sizes):
    for placed in squarify(sizes, AREA):
        assert AREA.x - 1e-6 <= placed.x <= placed.x + placed.width <= AREA.x + AREA.width + 1e-6
        assert AREA.y - 1e-6 <= placed.y <= placed.y + placed.height <= AREA.y + AREA.height + 1e-6


@given(st.lists(st.integers(min_value=1, max_value=10**6), max_size=20))
def test_no_two_rectangles_overlap(sizes):
    placed = squarify(sizes, AREA)
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert across < 1e-6 or down < 1e-6


def test_equal_values_become_squares_where_they_can():
    for placed in squarify([1] * 16, Rectangle(x=0, y=0, width=400, height=400)):
        assert abs(placed.width - 100) < 1e-6 > abs(placed.height - 100)


def test_the_example_of_the_paper_is_laid_out_as_there():
    placed = squarify([6, 6, 4, 3, 2, 2, 1], Rectangle(x=0, y=0, width=6, height=4))
    assert [(round(each.width, 2), round(each.height, 2)) for each in placed[:4]] == [
        (3, 2),
        (3, 2),
        (1.71, 2.33),
        (1.29, 2.33),
    ]


def test_nothing_has_no_extent():
    assert all(placed.width * placed.height == 0 for placed in squarify([0, 0], AREA))
    assert squarify([], AREA) == []


def test_a_hundred_thousand_values_are_no_matter():
    sizes = sorted(range(1, 100_001), reverse=True)
    placed = squarify(sizes, AREA)
    assert all(one.width > 0 for one in placed)
    assert all(one.width * one.height >= other.width * other.height - 1e-6 for one, other in pairwise(placed))
