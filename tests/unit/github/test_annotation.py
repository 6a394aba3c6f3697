"""Which remark goes on which line."""

from __future__ import annotations

from dataclasses import replace

from report_builders import image_report, report_of

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.github.annotation import MAXIMUM_ANNOTATIONS, Annotation, Level, annotations_of
from weighbridge.report.model import (
    CauseRow,
    Delta,
    Failure,
    FindingReport,
    LayerChange,
    LayerRow,
    Reason,
    Verdict,
)

FINDING = FindingReport(
    code="libc-loader-missing",
    severity=Severity.ERROR,
    subject=Subject.ENTRYPOINT,
    path="/hello",
    predicts="exec /hello: no such file or directory",
    evidence=("not in the image",),
    line=9,
    fix=None,
    introduced=True,
)
IMAGE = image_report(dockerfile="api/Dockerfile", context="api")


def _row(line, base_bytes, head_bytes, *, from_base_image=False):
    return LayerRow(
        change=LayerChange.CHANGED,
        instruction="RUN x",
        line=line,
        base_bytes=base_bytes,
        head_bytes=head_bytes,
        base_diff_id=None,
        head_diff_id=None,
        from_base_image=from_base_image,
    )


def _report(*images, reasons=()):
    return report_of(*images, verdict=Verdict(passed=not reasons, reasons=reasons))


REASON = Reason(image="api", rule="max-increase", limit="+10 MB", actual_bytes=41, message="api grew by 41 MB")


def test_exceeded_limit_is_annotated_on_largest_growth():
    rows = (_row(3, 5, 10), _row(7, None, 40), _row(8, 90, 20), _row(1, 0, 99, from_base_image=True))
    image = replace(IMAGE, layers=rows)
    assert annotations_of(_report(image, reasons=(REASON,))) == (
        Annotation(
            level=Level.FAILURE,
            title="api: max-increase",
            message="api grew by 41 MB",
            path="api/Dockerfile",
            start_line=7,
            end_line=7,
        ),
    )


def test_exceeded_limit_without_instruction_is_on_first_line():
    found = annotations_of(_report(replace(IMAGE, layers=(_row(8, 90, 20),)), reasons=(REASON,)))
    assert (found[0].path, found[0].start_line) == ("api/Dockerfile", 1)


def test_failed_check_is_annotated_once_at_its_finding():
    image = replace(IMAGE, findings=(FINDING,))
    reason = replace(REASON, rule="check", limit=FINDING.code, code=FINDING.code)
    (only,) = annotations_of(_report(image, reasons=(reason,)))
    assert (only.title, only.start_line) == (f"{image.name}: {FINDING.code}", FINDING.line)


def test_reason_without_known_image_has_no_location():
    assert annotations_of(_report(reasons=(REASON,)))[0].path is None


def test_new_finding_is_annotated_once_for_all_platforms():
    image = replace(IMAGE, findings=(FINDING,))
    arm = replace(image, platform="linux/arm64")
    assert annotations_of(_report(image, arm)) == (
        Annotation(
            level=Level.FAILURE,
            title="api: libc-loader-missing",
            message="exec /hello: no such file or directory\nnot in the image",
            path="api/Dockerfile",
            start_line=9,
            end_line=9,
        ),
    )


def test_old_and_ignored_findings_are_not_annotated():
    findings = (replace(FINDING, introduced=False), replace(FINDING, ignored_because="talks to localhost only"))
    assert annotations_of(_report(replace(IMAGE, findings=findings))) == ()


def test_unavailable_image_is_warning_and_failed_build_is_failure():
    failures = (
        Failure(side="head", kind="unavailable", message="the registry asks for credentials"),
        Failure(side="head", kind="build", message="RUN exited with 1"),
        Failure(side="base", kind="build", message="not this change's"),
    )
    found = annotations_of(_report(replace(IMAGE, failures=failures)))
    assert [(item.level, item.message) for item in found] == [
        (Level.FAILURE, "RUN exited with 1"),
        (Level.WARNING, "the registry asks for credentials"),
    ]


def test_too_many_remarks_are_counted_in_last():
    findings = tuple(replace(FINDING, line=line) for line in range(1, MAXIMUM_ANNOTATIONS + 21))
    found = annotations_of(_report(replace(IMAGE, findings=findings)))
    assert len(found) == MAXIMUM_ANNOTATIONS
    assert found[-1].message == "21 more annotations are in the report only."


def test_limits_and_cause_on_one_line_are_one_annotation():
    cause = CauseRow(bytes=6_000_000, kind="dependency", what="pandas", because="new", path="requirements.txt", line=4)
    other = replace(cause, what="numpy", line=5)
    image = replace(IMAGE, delta=Delta(unpacked_bytes=12_000_000), causes=(cause, other))
    size = replace(REASON, rule="max-size", message="api weighs 500 MB")
    found = annotations_of(_report(image, reasons=(REASON, size)))
    assert [(one.level, one.path, one.start_line) for one in found] == [
        (Level.FAILURE, "requirements.txt", 4),
        (Level.NOTICE, "requirements.txt", 5),
    ]
    assert found[0].message.startswith("api grew by 41 MB\n+6.0 MB pandas".replace(" MB p", "\u00a0MB p")[:19])
    assert "api weighs 500 MB" in found[0].message


def test_soft_limit_is_warning():
    report = replace(_report(IMAGE), verdict=Verdict(passed=True, warnings=(REASON,)))
    assert [one.level for one in annotations_of(report)] == [Level.WARNING]
