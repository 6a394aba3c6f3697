"""Small reports for tests: one image called `api`, whose fields a test replaces by name."""

from __future__ import annotations

from typing import Any

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.tips.tip import Basis
from weighbridge.report.model import (
    ConfigReport,
    FindingReport,
    ImageReport,
    ImageSide,
    Report,
    Status,
    TipReport,
    Verdict,
    WritingProgram,
)

FINDING = FindingReport(
    code="libc-loader-missing",
    severity=Severity.ERROR,
    subject=Subject.ENTRYPOINT,
    path="/worker",
    predicts="exec /worker: no such file or directory",
    evidence=(),
    line=9,
    fix="Set `CGO_ENABLED=0`.",
    introduced=True,
)


def image_side(unpacked_bytes: int, **fields: Any) -> ImageSide:
    known = {
        "image_id": "sha256:" + "ab" * 32,
        "platform": "linux/amd64",
        "download_bytes": None,
        "download_estimated": False,
        "wasted_bytes": 0,
        "efficiency": 1.0,
        "layers": (),
        "config": ConfigReport(),
    }
    return ImageSide(unpacked_bytes=unpacked_bytes, **(known | fields))


def image_report(**fields: Any) -> ImageReport:
    known = {
        "name": "api",
        "dockerfile": "Dockerfile",
        "context": ".",
        "target": None,
        "platform": "linux/amd64",
        "status": Status.CHANGED,
    }
    return ImageReport(**(known | fields))


def tip_report(**fields: Any) -> TipReport:
    known = {
        "code": "package-cache",
        "saved_bytes": 2_000_000,
        "basis": Basis.REBUILT,
        "line": 2,
        "explanation": "Leave the lists out.",
        "patch": None,
        "before_bytes": 9_000_000,
        "after_bytes": 7_000_000,
    }
    return TipReport(**(known | fields))


def report_of(*images: ImageReport, **fields: Any) -> Report:
    known = {
        "tool": WritingProgram(name="weighbridge", version="1"),
        "base": None,
        "head": None,
        "verdict": Verdict(passed=True),
    }
    return Report(images=images, **(known | fields))
