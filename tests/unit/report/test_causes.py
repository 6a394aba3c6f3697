"""The words about causes, and their place in comment, terminal, HTML and annotations."""

from __future__ import annotations

import io
from dataclasses import replace

from report_builders import image_report, report_of
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
    delta = Delta(unpacked_bytes=sum(one.bytes for one in causes))
    return image_report(status=status, delta=delta, causes=causes)


def report(*causes: CauseRow) -> Report:
    small = (CauseRow(bytes=1, kind="file", what=f"f{n}", because="new") for n in range(4))
    return report_of(image(*causes, *small), base=Revision(ref="main"), head=Revision(ref="topic"))


def test_cause_text_names_bytes_place_and_parts() -> None:
    assert cause_text(PANDAS) == (
        "+64.6 MB pandas (requirements.txt:4; new, 2.2.3; brings numpy +35.1 MB, p0 +1.0 kB, p1 +1.0 kB and 5 more)"
    )
    assert brings_text(FILE) == ""
    assert "not by this change" in cause_text(GONE)


def test_shown_causes_of_growth_are_growing_ones() -> None:
    shown = shown_causes(image(PANDAS, GONE, FILE))
    assert shown is not None
    assert shown.verb == "grew"
    assert shown.first == (PANDAS, FILE)
    assert shown.others == (GONE,)


def test_shown_causes_of_new_image_are_none() -> None:
    assert shown_causes(image(PANDAS, status=Status.ADDED)) is None


def test_cause_below_one_percent_and_ten_kilobytes_is_not_shown() -> None:
    mode = CauseRow(bytes=13, kind="duplication", what="run.sh", because="copied again to change the mode")
    small, gone = replace(FILE, bytes=700_000), replace(GONE, bytes=-9_999)
    explained = shown_causes(image(PANDAS, small, mode, gone))
    assert explained is not None
    assert (explained.first, explained.others) == ((PANDAS, small), ())


def test_only_cause_is_shown_however_small() -> None:
    mode = CauseRow(bytes=13, kind="duplication", what="run.sh", because="copied again to change the mode")
    explained = shown_causes(image(mode))
    assert explained is not None
    assert explained.first == (mode,)


def test_small_causes_of_small_change_are_shown() -> None:
    causes = tuple(CauseRow(bytes=size, kind="file", what=f"f{size}", because="new") for size in (900, 100, 8))
    explained = shown_causes(image(*causes))
    assert explained is not None
    assert explained.first == causes[:2]


def test_comment_names_single_further_cause_and_counts_several() -> None:
    one = render_markdown(report(PANDAS, FILE, GONE))
    assert " · `debian:12` −5.0\u00a0MB (`Dockerfile:1`, another image, not by this change)\n" in one
    three = [replace(FILE, what=f"g{n}", path=f"g{n}") for n in range(3)]
    assert " · 2 more causes −2.0\u00a0MB\n" in render_markdown(report(PANDAS, *three, GONE))


def test_headline_and_line_name_causes() -> None:
    comment = render_markdown(report(PANDAS, FILE, GONE))
    headline = comment.splitlines()[1]
    assert "`pandas` (`requirements.txt:4`)" in headline
    line = next(line for line in comment.splitlines() if line.startswith("**`api`** grew: "))
    assert line.count(" · ") == 2
    assert "<b>" not in line.replace("`assets/<b>.mp4`", "")


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
