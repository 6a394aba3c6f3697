"""Which lines can be commented on."""

from __future__ import annotations

import pytest

from weighbridge.github.diff_lines import commentable_lines, in_one_hunk
from weighbridge.github.text import cut_bytes, one_line

PATCH = "@@ -1,3 +1,4 @@ FROM x\n a\n+b\n c\n d\n@@ -10 +11 @@\n-x\n+y\n@@ -20,2 +21,0 @@\n-gone\n-gone"


def test_lines_of_each_hunk_s_new_side_can_be_commented_on():
    assert commentable_lines(PATCH) == (range(1, 5), range(11, 12))


@pytest.mark.parametrize("patch", ["", "Binary files differ", "@@ nonsense @@", "+@@ -1 +1 @@"])
def test_patch_without_hunks_has_none(patch):
    assert commentable_lines(patch) == ()


@pytest.mark.parametrize(
    ("start", "end", "fits"), [(1, 4, True), (2, 2, True), (4, 5, False), (4, 11, False), (11, 11, True), (4, 2, False)]
)
def test_comment_must_lie_in_one_hunk(start, end, fits):
    assert in_one_hunk(commentable_lines(PATCH), start, end) is fits


def test_one_line_is_bounded_and_printable():
    assert one_line("a\nb\tc\x00\u202e") == "a b c??"
    assert one_line("x" * 500) == "x" * 399 + "…"


def test_cut_text_ends_at_a_line_and_within_its_bytes():
    assert cut_bytes("short", 5, note="!") == "short"
    assert cut_bytes("one\ntwo\nthree\n", 10, note="…") == "one\n…"
    assert cut_bytes("ééé", 4, note="!") == "é!"
