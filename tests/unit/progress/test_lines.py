"""Each message on stderr is one line of bounded length without control characters."""

from __future__ import annotations

import io

import pytest

from weighbridge.errors import DefectError, ImageError, MachineError, contain_defects
from weighbridge.progress.lines import Lines, Silent
from weighbridge.progress.text import ERROR_LINE_CHARACTERS, error_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nerror: all is well\n::error::x", "a error: all is well ::error::x"),
        ("\x1b[31mred\x1b[0m \u202eleft", "red left"),
        ("\udcff", "\\udcff"),
    ],
)
def test_error_line_of_hostile_text_is_one_line_without_controls(text, line):
    assert error_line(ImageError(text)) == line


def test_error_line_with_credentials_of_remote_masks_them():
    text = (
        "git fetch failed: cannot read https://user:tok3n@host/r. registry.example: Authorization: Bearer abc is wrong"
    )
    line = error_line(ImageError(text))
    assert (
        line == "git fetch failed: cannot read https://***@host/r. registry.example: Authorization: Bearer *** is wrong"
    )


def test_error_line_of_long_text_keeps_beginning_and_end():
    line = error_line(ImageError("begin " + "x" * 200_000 + " end"))
    assert len(line) == ERROR_LINE_CHARACTERS
    assert line.startswith("begin x")
    assert line.endswith("x end")


@pytest.mark.parametrize("progress", [Silent, Lines])
def test_warning_with_line_ends_is_one_line(progress):
    stream = io.StringIO()
    progress(stream=stream).warn("a\n::error::x")
    assert stream.getvalue() == "warning: a ::error::x\n"


@pytest.mark.parametrize(
    ("raised", "contained"),
    [
        (OSError(28, "No space left on device", "r.json"), MachineError),
        (OSError(2, "No such file or directory", "r.json"), DefectError),
        (MemoryError(), DefectError),
        (ImageError("damaged"), ImageError),
        (BrokenPipeError(), BrokenPipeError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_contained_exception_becomes_expected_error(raised, contained):
    with pytest.raises(contained), contain_defects():
        raise raised


def test_build_ended_has_its_number_and_the_total_once_that_is_known():
    stream = io.StringIO()
    lines = Lines(stream)
    lines.build_ended("api base", seconds=1, failed=False)
    lines.expect_builds(3)
    for side in ("api head", "web base", "web head"):
        lines.build_ended(side, seconds=1, failed=False)
    assert stream.getvalue().splitlines() == [
        "  [api base] built in 1.0 s",
        "  [api head] built in 1.0 s (2 of 3)",
        "  [web base] built in 1.0 s (3 of 3)",
        "  [web head] built in 1.0 s (4 of 4)",
    ]
