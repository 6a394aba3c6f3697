"""The words about causes, and their place in comment, terminal, HTML and annotations."""

from __future__ import annotations

import io

from rich.console import Console

from weighbridge.github.annotation import annotations_of
from weighbridge.report.markdown.comment import render_markdown
from weighbridge.report.model import (
    CausePart,
    CauseRow,
    Delta,
    ImageReport,
    Report,
    Revision,
    Status,
    Verdict,
    WritingProgram,
)
from weighbridge.report.terminal import render_table
from weighbridge.report.view.causes import brings_text, cause_text, shown_causes

PANDAS = CauseRow(
    bytes=64_600_000,
    kind="dependency",
    what="pandas",
    because="new, 2.2.3",
    path="requirements.txt",
    line=4,
    brings=(CausePart(what="numpy", bytes=35_100_000), *(CausePart(what=f"p{n}", bytes=1000) for n in range(4))),
    brings_omitted=3,
)
FILE = CauseRow(bytes=3_000_000, kind="file", what="assets/<b>.mp4", because="new", path="assets/<b>.mp4")
GONE = CauseRow(bytes=-5_000_000, kind="drift", what="debian:12", because="another image", path="Dockerfile", line=1)


def image(*causes: CauseRow, status: Status = Status.CHANGED) -> ImageReport:
    return ImageReport(
        name="api",
        dockerfile="Dockerfile",
        context=".",
        target=None,
        platform="linux/amd64",
        status=status,
        delta=Delta(unpacked_bytes=sum(one.bytes for one in causes)),
        causes=causes,
    )


def report(*causes: CauseRow) -> Report:
    return Report(
        tool=WritingProgram(name="weighbridge", version="1"),
        base=Revision(ref="main"),
        head=Revision(ref="topic"),
        verdict=Verdict(passed=True),
        images=(image(*causes, *(CauseRow(bytes=1, kind="file", what=f"f{n}", because="new") for n in range(4))),),
    )


def test_cause_text_names_bytes_place_and_parts() -> None:
    assert cause_text(PANDAS) == (
        "+64.6 MB pandas (requirements.txt:4; new, 2.2.3; brings numpy +35.1 MB, p0 +1.0 kB, p1 +1.0 kB and 5 more)"
    )
    assert brings_text(FILE) == ""
    assert "not by this change" in cause_text(GONE)


def test_shown_causes_of_growth_are_growing_ones() -> None:
    told = shown_causes(image(PANDAS, GONE, FILE))
    assert told is not None
    assert told.verb == "grew"
    assert told.first == (PANDAS, FILE)
    assert told.others == (GONE,)


def test_shown_causes_of_new_image_are_none() -> None:
    assert shown_causes(image(PANDAS, status=Status.ADDED)) is None


def test_comment_names_three_causes_and_folds_rest() -> None:
    comment = render_markdown(report(PANDAS, FILE, GONE))
    headline = comment.splitlines()[1]
    assert "`pandas` (`requirements.txt:4`)" in headline
    line = next(line for line in comment.splitlines() if line.startswith("**`api`** grew: "))
    assert line.count(" · ") == 3
    assert "<b>" not in line.replace("`assets/<b>.mp4`", "")
    assert line.endswith(" · 4 more causes −5.0\u00a0MB")


def test_terminal_names_causes() -> None:
    out = io.StringIO()
    render_table(report(PANDAS, FILE), Console(file=out, width=200))
    assert "+64.6 MB pandas (requirements.txt:4; new, 2.2.3" in out.getvalue()


def test_annotation_of_cause_is_on_line_of_its_file() -> None:
    found = [(one.path, one.start_line, one.title) for one in annotations_of(report(PANDAS, FILE, GONE))]
    assert found == [("requirements.txt", 4, "api: what grew"), ("assets/<b>.mp4", 1, "api: what grew")]


def test_comment_shows_instruction_as_code() -> None:
    cause = CauseRow(
        bytes=9, kind="instruction", what="/x", because="RUN head -c 9 >x && a_b_c*", path="Dockerfile", line=3
    )
    assert "(`Dockerfile:3`, `RUN head -c 9 >x && a_b_c*`)" in render_markdown(report(cause))
