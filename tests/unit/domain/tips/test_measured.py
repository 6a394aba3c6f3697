"""What stands against a patch that was built."""

from __future__ import annotations

from dataclasses import replace

import pytest
from images import weigh_files

from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.tips.measured import Measured, count_own_copies, cures_start, objection

BEFORE = Measured(
    unpacked_bytes=10_000_000,
    download_bytes=None,
    download_estimated=False,
    starts=Starts.YES,
    start_error=None,
    findings=(),
    shell=True,
    debug_tools=("ls",),
)
AFTER = replace(BEFORE, unpacked_bytes=4_000_000)
LOADER = Finding(
    code="libc-loader-missing",
    severity=Severity.ERROR,
    subject=Subject.ENTRYPOINT,
    path="/a",
    predicts="exec /a: no such file or directory",
)
CERTIFICATES = Finding(code="runtime-ca-missing", severity=Severity.WARNING, subject=Subject.FILE, path="/a")


@pytest.mark.parametrize(
    ("after", "ground", "reason"),
    [
        (
            replace(AFTER, starts=Starts.NO, findings=(LOADER,)),
            "does not start",
            "the image would not start: `exec /a: no such file or directory`",
        ),
        (
            replace(AFTER, findings=(replace(LOADER, subject=Subject.HEALTHCHECK, predicts=None),)),
            "does not start",
            "the image has a broken healthcheck then: `libc-loader-missing`",
        ),
        (
            replace(AFTER, starts=Starts.NO, start_error="exec /a: no such file or directory"),
            "does not start",
            "the image would not start: `exec /a: no such file or directory`",
        ),
        (
            replace(AFTER, starts=Starts.NOT_CHECKED),
            "does not start",
            "the start of the patched image is inconclusive",
        ),
        (
            replace(AFTER, findings=(CERTIFICATES,)),
            "a check warns",
            "the patched image has the warning `runtime-ca-missing` at /a",
        ),
        (replace(AFTER, unpacked_bytes=10_000_000), "saves too little", "the image does not get smaller"),
        (replace(AFTER, unpacked_bytes=9_999_999), "saves too little", "it saves too little"),
    ],
)
def test_objection_worse_or_small_saving_rejects_patch(after: Measured, ground: str, reason: str) -> None:
    found = objection(BEFORE, after, floor_bytes=1_000)
    assert found is not None
    assert (found.ground, found.reason) == (ground, reason)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, AFTER),
        (replace(BEFORE, findings=(CERTIFICATES,)), replace(AFTER, findings=(CERTIFICATES,))),
        (
            replace(BEFORE, starts=Starts.NO, findings=(LOADER,)),
            replace(AFTER, starts=Starts.NO, findings=(replace(LOADER, line=3),)),
        ),
        (replace(BEFORE, starts=Starts.NOT_CHECKED), replace(AFTER, starts=Starts.NOT_CHECKED)),
        (BEFORE, replace(AFTER, findings=(replace(CERTIFICATES, severity=Severity.INFO),))),
    ],
)
def test_objection_finding_of_head_is_ignored(before: Measured, after: Measured) -> None:
    assert objection(before, after, floor_bytes=1_000) is None


def test_objection_ignored_warning_passes_error_rejects() -> None:
    ignores = [Ignore(code=code, reason="so be it") for code in (CERTIFICATES.code, LOADER.code)]
    assert objection(BEFORE, replace(AFTER, findings=(CERTIFICATES,)), floor_bytes=1, ignores=ignores) is None
    assert objection(BEFORE, replace(AFTER, findings=(LOADER,)), floor_bytes=1, ignores=ignores) is not None


def test_objection_cured_start_passes_with_small_saving() -> None:
    broken = replace(BEFORE, starts=Starts.NO, findings=(LOADER,))
    cured = replace(AFTER, unpacked_bytes=9_999_999)
    assert cures_start(broken, cured)
    assert objection(broken, cured, floor_bytes=1_000) is None


def test_own_copies_hidden_copy_counts_and_copy_of_base_image_does_not() -> None:
    base = {"Dockerfile": 9}
    head = weigh_files(
        base,
        {"src/Dockerfile": 9, "src/Dockerfile.old": 9, "src/api/Dockerfile": 8},
        {"again/Dockerfile": 9, "src/Dockerfile": None},
        base_image_layers=1,
    )
    assert count_own_copies(head, name="Dockerfile", size_bytes=9, digest="same") == 2
    assert count_own_copies(head, name="Dockerfile", size_bytes=9, digest="other") == 0
