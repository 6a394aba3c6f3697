"""Which tips become suggested changes, and on which lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_builders import image_report, report_of, tip_report

from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.tips.patch import Sources, patched
from weighbridge.domain.tips.tip import Basis, TipChange
from weighbridge.github.tip_suggestions import LineChange, single_change, suggestions_of

HEADER = "--- a/api/Dockerfile\n+++ b/api/Dockerfile\n"
APT = ("RUN apt-get update", "RUN apt-get install -y curl")
REPLACE = HEADER + "@@ -1,4 +1,3 @@\n FROM debian\n-" + "\n-".join(APT) + "\n+RUN both\n CMD x\n"
INSERT = HEADER + "@@ -3,2 +3,3 @@\n FROM debian\n+ENV A=1\n RUN a\n"
INSERT_FIRST = HEADER + "@@ -1,1 +1,2 @@\n+# syntax=docker/dockerfile:1\n FROM debian\n"
TIP = tip_report(
    explanation="`apt` lists <stay> in the layer.", patch=REPLACE, before_bytes=12_000_000, after_bytes=10_000_000
)
IMAGE = image_report(dockerfile="api/Dockerfile", context="api", platform=None)


def _report(*tips):
    return report_of(replace(IMAGE, tips=tips))


@pytest.mark.parametrize(
    ("patch", "start", "old", "new"),
    [
        (REPLACE, 2, APT, ("RUN both",)),
        (INSERT, 3, ("FROM debian",), ("FROM debian", "ENV A=1")),
        (INSERT_FIRST, 1, ("FROM debian",), ("# syntax=docker/dockerfile:1", "FROM debian")),
        (HEADER + "@@ -7 +6,0 @@\n-RUN a\n\\ No newline at end of file", 7, ("RUN a",), ()),
        (HEADER + "@@ -1,3 +1,3 @@\n-a\n+b\n c\n-d\n+e", 1, ("a", "c", "d"), ("b", "c", "e")),
    ],
    ids=["replace", "insert", "insert first", "remove", "two places in one hunk"],
)
def test_one_run_of_lines_is_change(patch, start, old, new):
    assert single_change(patch) == LineChange(path="api/Dockerfile", start_line=start, old=old, new=new)


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "no diff at all",
        HEADER,
        HEADER + "@@ -1,1 +1,1 @@\n a\n",
        REPLACE + "@@ -9 +8 @@\n-x\n+y\n",
        REPLACE + "--- a/.dockerignore\n+++ b/.dockerignore\n",
        "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        HEADER + "@@ -0,0 +1 @@\n+a\n",
        REPLACE.replace("RUN both", "RUN both\r"),
    ],
    ids=["empty", "prose", "no hunk", "no change", "two hunks", "two files", "removed", "new file", "line ends"],
)
def test_patch_with_several_runs_gives_no_change(patch):
    assert single_change(patch) is None


def test_rebuilt_tip_is_suggested_with_measurement():
    (suggestion,) = suggestions_of(_report(TIP))
    assert (suggestion.path, suggestion.start_line, suggestion.end_line) == ("api/Dockerfile", 2, 3)
    assert suggestion.replacement == "RUN both"
    assert suggestion.explanation.startswith("💡 **−2.0\u00a0MB** for `api`: `apt` lists &#60;stay&#62; in the layer.")
    assert "12.0\u00a0MB → 10.0\u00a0MB (`package-cache`)" in suggestion.explanation


@pytest.mark.parametrize(
    "changes",
    [
        {"patch": None},
        {"basis": Basis.COMPUTED},
        {"saved_bytes": None},
        {"saved_bytes": 0},
        {"saved_bytes": -5},
        {"patch": REPLACE.replace("api/Dockerfile", "other/Dockerfile")},
    ],
)
def test_unmeasured_tip_is_not_suggested(changes):
    assert suggestions_of(_report(replace(TIP, **changes))) == ()


def test_largest_saving_is_first_and_platforms_share_suggestions():
    larger = replace(TIP, patch=INSERT.replace("@@ -3,2 +3,3", "@@ -7,2 +7,3"), saved_bytes=9_000_000)
    report = _report(TIP, larger)
    found = suggestions_of(replace(report, images=report.images * 2))
    assert [suggestion.replacement for suggestion in found] == ["FROM debian\nENV A=1", "RUN both"]


def test_of_suggestions_for_same_lines_only_largest_is_made():
    report = _report(TIP, replace(TIP, patch=INSERT, saved_bytes=9_000_000))
    assert [suggestion.replacement for suggestion in suggestions_of(report)] == ["FROM debian\nENV A=1"]


def test_patch_of_tip_becomes_suggestion_for_replaced_lines():
    text = 'FROM gcc\nCOPY a.c .\nRUN gcc a.c\n# kept\nCMD ["./a.out"]\n'
    start = text.index("RUN gcc a.c")
    edits = (
        Edit(start=len("FROM gcc"), end=len("FROM gcc"), replacement=" AS build"),
        Edit(
            start=start,
            end=start + len("RUN gcc a.c"),
            replacement="RUN gcc a.c\nFROM scratch\nCOPY --from=build a .",
        ),
    )
    sources = Sources(dockerfile="api/Dockerfile", text=text, ignore_file="api/.dockerignore", ignore_text=None)
    files = patched(sources, [TipChange(edits=edits)])
    (suggestion,) = suggestions_of(_report(replace(TIP, patch=files.diff)))
    assert (suggestion.start_line, suggestion.end_line) == (1, 3)
    assert suggestion.replaced == ("FROM gcc", "COPY a.c .", "RUN gcc a.c")
    lines = text.splitlines()
    lines[0:3] = suggestion.replacement.split("\n")
    assert "\n".join(lines) + "\n" == files.text
    with_ignored = patched(sources, [TipChange(edits=edits, ignore_lines=("build/",))])
    assert suggestions_of(_report(replace(TIP, patch=with_ignored.diff))) == ()
