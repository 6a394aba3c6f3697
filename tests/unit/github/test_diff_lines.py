"""Which lines can be commented on."""

from __future__ import annotations

import pytest

from weighbridge.github.diff_lines import NewSide, lines_match, new_sides
from weighbridge.github.plain_text import cut_bytes, printable_line

PATCH = "@@ -1,3 +1,4 @@ FROM x\n a\n+b\n c\n d\n@@ -10 +11 @@\n-x\n+y\n@@ -20,2 +21,0 @@\n-gone\n-gone"


def test_new_side_of_each_hunk_has_lines_with_numbers():
    assert new_sides(PATCH) == (
        NewSide(start_line=1, lines=("a", "b", "c", "d")),
        NewSide(start_line=11, lines=("y",)),
    )


@pytest.mark.parametrize("patch", ["", "Binary files differ", "@@ nonsense @@", "+@@ -1 +1 @@"])
def test_patch_without_hunks_has_none(patch):
    assert new_sides(patch) == ()


@pytest.mark.parametrize(
    ("start", "lines", "there"),
    [
        (1, ("a", "b", "c", "d"), True),
        (2, ("b",), True),
        (4, ("d", "e"), False),
        (4, ("d", "y"), False),
        (11, ("y",), True),
        (11, ("x",), False),
        (1, ("b",), False),
        (0, ("d",), False),
        (2, (), False),
    ],
)
def test_lines_must_match_and_be_in_one_hunk(start, lines, there):
    assert lines_match(new_sides(PATCH), start, lines) is there


def test_one_line_is_bounded_and_printable():
    assert printable_line("a\nb\tc\x00\u202e") == "a b c??"
    assert printable_line("x" * 500) == "x" * 399 + "…"


def test_cut_text_ends_at_line_and_within_its_bytes():
    assert cut_bytes("short", 5, note="!") == "short"
    assert cut_bytes("one\ntwo\nthree\n", 10, note="…") == "one\n…"
    assert cut_bytes("ééé", 4, note="!") == "é!"
