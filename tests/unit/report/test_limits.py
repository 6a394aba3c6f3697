"""Limits as rows with bytes and percent, soft limits, budgets, and the threshold of the comment."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from report_builders import image_report, report_of
from rich.console import Console

from weighbridge.report.html.image import image_details
from weighbridge.report.markdown import render_markdown
from weighbridge.report.merge import merge_reports
from weighbridge.report.model import (
    BudgetRow,
    BudgetShare,
    Delta,
    LimitRow,
    Part,
    Reason,
    Report,
    Revision,
    TextDiff,
    Verdict,
)
from weighbridge.report.terminal import render_table
from weighbridge.report.view.limits import is_small, limit_line
from weighbridge.report.view.reason import verdict_sentence

GROWTH = LimitRow(
    rule="max-dependency-increase",
    limit="+5MB",
    outcome="failed",
    message="dependencies grew by 6000000 bytes; the limit is +5MB",
    actual_bytes=6_000_000,
    percent=12.3,
)
LAYERS = LimitRow(
    rule="max-layers",
    limit="20 layers",
    outcome="warned",
    message="has 21 layers; the limit is 20",
    soft=True,
    actual_count=21,
    percent=105.0,
)
UNKNOWN = LimitRow(
    rule="max-download-size",
    limit="1GB",
    outcome="not checked",
    message="max-download-size 1GB was not checked: the download size is unknown",
)
SOFT = Reason(image="api", rule="max-increase", limit="+5%", actual_bytes=6_000_000, message="grew by 6000000 bytes")
IMAGE = image_report(delta=Delta(unpacked_bytes=6_000_000), limits=(GROWTH, LAYERS, UNKNOWN))
REPORT = report_of(
    IMAGE, base=Revision(ref="main"), head=Revision(ref="topic"), verdict=Verdict(passed=True, warnings=(SOFT,))
)


def budget(image: str, grown_bytes: int) -> BudgetRow:
    return BudgetRow(
        name="all",
        rule="max-increase",
        limit="+8MB",
        outcome="passed",
        message="",
        shares=(BudgetShare(image=image, base_bytes=10, head_bytes=10 + grown_bytes, grown_bytes=grown_bytes),),
        actual_bytes=grown_bytes,
    )


def comment(report: Report) -> str:
    """The comment without escapes and no-break spaces."""
    return render_markdown(report).replace("\u00a0", " ").replace("&#43;", "+")


def test_limit_row_has_bytes_and_percent_in_comment_and_lines():
    said = comment(REPORT)
    assert "| growth by dependencies | +5MB | +6.0 MB (+12 %) | ❌ failed |" in said
    assert "| layers (soft) | 20 layers | 21 (105 % of the limit) | ⚠️ over the soft limit |" in said
    assert "| download | 1GB | not known | ⚠️ not checked: the download size is unknown |" in said
    assert limit_line(GROWTH).replace("\u00a0", " ") == (
        "Limit on growth by dependencies: +6.0 MB (+12 %), limit +5MB: failed."
    )
    assert limit_line(GROWTH) in image_details(0, IMAGE)["facts"]


def test_soft_limit_exceeded_warns_and_passes():
    assert verdict_sentence(REPORT).startswith("⚠️ api is over its soft limit: grew by")
    said = comment(REPORT)
    assert "over +5% (soft limit)" in said
    console = Console(file=StringIO(), record=True, width=200)
    render_table(REPORT, console)
    shown = console.export_text().replace("\u00a0", " ")
    assert "api: over its soft limit: grew by 6.0 MB; its limit is +5%" in shown
    assert "passed" in shown


def test_limit_by_kind_exceeded_names_kind():
    reason = replace(SOFT, rule="max-dependency-increase", limit="+5MB", message=GROWTH.message)
    failed = replace(REPORT, verdict=Verdict(passed=False, reasons=(reason,)))
    assert (
        verdict_sentence(failed)
        .replace("\u00a0", " ")
        .startswith("❌ api is over its limit for dependencies: dependencies grew by 6.0 MB; its limit is +5MB")
    )
    assert "over +5MB by dependencies" in comment(failed)


def test_budget_of_parts_is_judged_over_all_of_them():
    shares = (("api",), ("web",))
    parts = {
        f"{number}.json": replace(
            REPORT,
            images=(replace(IMAGE, name=name),),
            part=Part(number=number, count=2, images=shares),
            budgets=(budget(name, 5_000_000),),
        )
        for number, name in ((1, "api"), (2, "web"))
    }
    merged = merge_reports(parts)
    (row,) = merged.budgets
    assert (row.outcome, row.actual_bytes, len(row.shares)) == ("failed", 10_000_000, 2)
    assert [reason.rule for reason in merged.verdict.reasons] == ["budget"]
    assert "all is over its budget" in verdict_sentence(merged)
    assert "| `all`: growth of 2 images | +8MB |" in comment(merged)
    assert len(merged.verdict.warnings) == 2


def test_small_change_is_commented_only_with_warning_or_failure():
    small = replace(REPORT, verdict=Verdict(passed=True), comment_above_bytes=7_000_000)
    assert is_small(small)
    assert not is_small(replace(small, comment_above_bytes=6_000_000))
    assert not is_small(replace(small, comment_above_bytes=None))
    assert not is_small(replace(small, verdict=Verdict(passed=True, warnings=(SOFT,))))
    assert not is_small(replace(small, verdict=Verdict(passed=False, reasons=(SOFT,))))
    assert not is_small(replace(small, images=(replace(IMAGE, delta=Delta()),)))


def test_text_diff_is_in_details_of_image():
    image = replace(IMAGE, text_diffs=(TextDiff(path="/etc/a", diff="--- /etc/a\n+<b>", omitted_lines=3),))
    (row,) = image_details(0, image)["text_diffs"]
    assert (row["path"], row["omitted"], [line["kind"] for line in row["lines"]]) == ("/etc/a", 3, ["place", "plus"])
