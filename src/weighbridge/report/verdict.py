"""Converts a report's verdict to an exit code. `domain.result.judge` computes the verdict itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weighbridge.domain.gate.scale import Rule
from weighbridge.errors import ExitCode, worst
from weighbridge.report.model import Override, Report

_EXIT_CODE_OF_RULE: dict[str, ExitCode] = {
    Rule.MAX_INCREASE: ExitCode.GATE_CLOSED,
    Rule.MAX_SIZE: ExitCode.GATE_CLOSED,
    Rule.MAX_NEW_SIZE: ExitCode.GATE_CLOSED,
    Rule.MAX_OWN_INCREASE: ExitCode.GATE_CLOSED,
    Rule.MAX_DEPENDENCY_INCREASE: ExitCode.GATE_CLOSED,
    Rule.MAX_BASE_IMAGE_INCREASE: ExitCode.GATE_CLOSED,
    Rule.MAX_DOWNLOAD_SIZE: ExitCode.GATE_CLOSED,
    Rule.MAX_DOWNLOAD_INCREASE: ExitCode.GATE_CLOSED,
    Rule.MAX_WASTED: ExitCode.GATE_CLOSED,
    Rule.MAX_LAYERS: ExitCode.GATE_CLOSED,
    Rule.BUDGET: ExitCode.GATE_CLOSED,
    Rule.TIP: ExitCode.GATE_CLOSED,
    Rule.NOT_CHECKED: ExitCode.GATE_CLOSED,
    Rule.RATCHET: ExitCode.GATE_CLOSED,
    Rule.CHECK: ExitCode.GATE_CLOSED,
    Rule.BUILD: ExitCode.BUILD_FAILED,
    Rule.UNREADABLE: ExitCode.UNREADABLE_IMAGE,
    Rule.UNAVAILABLE: ExitCode.UNAVAILABLE,
    Rule.DEFECT: ExitCode.DEFECT,
}


def exit_code_of(report: Report) -> ExitCode:
    """The exit code of a report. An override allows an exceeded limit or a failed check, not a failed build.

    A verdict never hides a defect in Weighbridge: the exit code names it. If a limit was not checked because the engine
    or a registry did not answer, the exit code is that of an unavailable service, not of an exceeded limit.
    """
    unavailable = {
        image.name for image in report.images if any(failure.kind == "unavailable" for failure in image.failures)
    }
    codes = [
        ExitCode.UNAVAILABLE
        if reason.rule == Rule.NOT_CHECKED and reason.image in unavailable
        else _EXIT_CODE_OF_RULE.get(reason.rule, ExitCode.GATE_CLOSED)
        for reason in report.verdict.reasons
    ]
    if report.verdict.override is not None:
        codes = [code for code in codes if code is not ExitCode.GATE_CLOSED]
    if report.defects or any(failure.kind == "defect" for image in report.images for failure in image.failures):
        codes.append(ExitCode.DEFECT)
    return worst(codes)


def with_override(report: Report, override: Override | None, notes: Sequence[str] = ()) -> Report:
    """A report from files, with this run's override instead of the one in the files."""
    return replace(report, verdict=replace(report.verdict, override=override), notes=(*report.notes, *notes))
