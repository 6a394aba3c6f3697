"""Runs all checks of an image. The codes are in `weighbridge.domain.checks.catalogue`."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.checks import libc, runtime, secrets, shell
from weighbridge.domain.checks.context import CheckContext
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.image import HistoryEntry, ImageConfig
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.predict import StartPrediction, predict_healthcheck, predict_start

RULES = (*shell.RULES, *libc.RULES, *runtime.RULES, *secrets.RULES)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The predicted start, the health check's (None if there is none), and all findings, worst first."""

    start: StartPrediction
    healthcheck: StartPrediction | None
    findings: tuple[Finding, ...]


def check(
    config: ImageConfig,
    rootfs: Rootfs,
    *,
    own_diff_ids: frozenset[str] | None = None,
    history: tuple[HistoryEntry, ...] = (),
) -> CheckResult:
    """Run all checks of an image.

    `own_diff_ids` are the layers of the Dockerfile itself, for checks that ignore problems of the base image.
    `history` is that of the image.
    """
    start = predict_start(config, rootfs)
    healthcheck = predict_healthcheck(config, rootfs)
    context = CheckContext(config=config, rootfs=rootfs, start=start, own_diff_ids=own_diff_ids, history=history)
    findings = [*start.findings, *(healthcheck.findings if healthcheck else ())]
    if config.os == "linux":
        for rule in RULES:
            findings.extend(rule(context))
    unique = list(dict.fromkeys(findings))
    unique.sort(key=lambda finding: finding.severity.rank)
    return CheckResult(start=start, healthcheck=healthcheck, findings=tuple(unique))
