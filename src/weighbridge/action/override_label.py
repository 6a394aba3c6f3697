"""The override label, as far as it concerns this run's report."""

from __future__ import annotations

import re
from dataclasses import replace

from weighbridge.action.session import Api
from weighbridge.github.event import Event, MergeGroupEvent, PullRequestEvent
from weighbridge.github.log import ActionLog
from weighbridge.github.override import OverrideOutcome, read_override
from weighbridge.report.model import Report

_QUEUE_REF = re.compile(r"refs/heads/gh-readonly-queue/.+/pr-([1-9][0-9]{0,9})-[0-9a-f]{40,64}")


def with_override(report: Report, label: str | None, event: Event, api: Api | None, log: ActionLog) -> Report:
    """The report with the override that opens its gate, if the gate is closed and somebody has put the label on."""
    number = _pull_request_number(event)
    if report.verdict.passed or label is None or number is None:
        return report
    if api is None:
        outcome = OverrideOutcome(warnings=("Without a `token` an override label cannot be read.",))
    else:
        outcome = read_override(api.repository, number, label=label, calls=api.calls)
    for warning in outcome.warnings:
        log.warn(warning)
    notes = report.notes
    if outcome.refused is not None:
        notes = (*notes, f"The label “{label}” does not open the gate: {outcome.refused}.")
    if outcome.override is not None:
        who = outcome.override
        reason = who.reason or "no reason given"
        log.step(f"The gate is opened by {who.actor} at {who.at} with the label “{who.label}”: {reason}")
    return replace(report, verdict=replace(report.verdict, override=outcome.override), notes=notes)


def _pull_request_number(event: Event) -> int | None:
    """The pull request whose label counts; for a merge queue's group the one that GitHub names the group after."""
    match event:
        case PullRequestEvent():
            return event.number
        case MergeGroupEvent():
            found = _QUEUE_REF.fullmatch(event.head_ref)
            return int(found[1]) if found else None
        case _:
            return None
