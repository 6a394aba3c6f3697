"""Tips that the change introduces come first; a tip that cures a failed start stands with the finding."""

from __future__ import annotations

from dataclasses import replace

from report_builders import FINDING, image_report, image_side, report_of, tip_report

from weighbridge.domain.tips.tip import Basis
from weighbridge.report.markdown import render_markdown
from weighbridge.report.model import (
    ImageReport,
    LadderRow,
    Reason,
    Report,
    StartReport,
    Verdict,
)
from weighbridge.report.view.reason import verdict_sentence
from weighbridge.report.view.tips import cure_of, sorted_tips

TIP = tip_report(
    saved_bytes=9_000_000,
    basis=Basis.COMPUTED,
    line=3,
    before_bytes=20_000_000,
    after_bytes=11_000_000,
    introduced=False,
)
NEW = replace(TIP, code="duplicate-files", saved_bytes=2_000_000, introduced=True)
CURE = replace(TIP, code="build-static", line=4, basis=Basis.REBUILT, after_bytes=6_500_000, cures_start=True)
HEAD = image_side(20_000_000, start=StartReport(outcome="no"))
IMAGE = image_report(name="worker", base=HEAD, head=HEAD, findings=(FINDING,), tips=(TIP, NEW))
REASON = Reason(
    image="worker",
    rule="check",
    limit=FINDING.code,
    actual_bytes=None,
    message="will not start",
    code=FINDING.code,
)


def report(image: ImageReport) -> Report:
    return report_of(image, verdict=Verdict(passed=False, reasons=(REASON,)))


def test_tip_of_change_comes_before_larger_old_one():
    assert [each.tip.code for each in sorted_tips(report(IMAGE))] == ["duplicate-files", "package-cache"]
    assert "**new with this change**" in render_markdown(report(IMAGE))


def test_tip_curing_failed_start_is_in_finding_and_headline():
    cured = report(replace(IMAGE, tips=(*IMAGE.tips, CURE)))
    said = render_markdown(cured).replace("\u00a0", " ")
    assert "With `build-static` (line 4) it starts: built, checked, 6.5 MB." in said
    assert "fix: `build-static` (built: starts, 6.5 MB)" in verdict_sentence(cured).replace("\u00a0", " ")


def test_base_of_ladder_cures_start_without_tip():
    row = LadderRow(name="busybox:glibc", outcome="built", starts="yes", unpacked_bytes=5_000_000, patch="diff")
    cure = cure_of(replace(IMAGE, ladder=(replace(row, name="large", unpacked_bytes=9_000_000), row)))
    assert cure is not None
    assert (cure.name, cure.after_bytes) == ("busybox:glibc", 5_000_000)


def test_starting_image_has_no_cure():
    assert cure_of(replace(IMAGE, head=replace(HEAD, start=StartReport(outcome="yes")), tips=(CURE,))) is None
