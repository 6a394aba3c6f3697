"""The override label of a pull request."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.action.session import Api
from weighbridge.github.event import Event, MergeGroupEvent, PullRequestEvent
from weighbridge.github.log import ActionLog
from weighbridge.github.override import OverrideOutcome, read_override
from weighbridge.report.model import Override, Report

_QUEUE_REF = re.compile(r"refs/heads/gh-readonly-queue/.+/pr-([1-9][0-9]{0,9})-[0-9a-f]{40,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class OverrideDecision:
    """The valid override, if any, and the report's notes on it."""

    override: Override | None = None
    notes: tuple[str, ...] = ()


def find_override(report: Report, label: str | None, event: Event, api: Api | None, log: ActionLog) -> OverrideDecision:
    """Look for the override label on the pull request, if the gate failed and `label` is configured."""
    number = _pull_request_number(event)
    if report.verdict.passed or label is None or number is None:
        return OverrideDecision()
    if api is None:
        outcome = OverrideOutcome(warnings=("An override label needs a `token` to be read.",))
    else:
        outcome = read_override(api.repository, number, label=label, calls=api.calls)
    for warning in outcome.warnings:
        log.warn(warning)
    notes: tuple[str, ...] = ()
    if outcome.refused is not None:
        notes = (f"The label “{label}” does not open the gate: {outcome.refused}.",)
    if outcome.override is not None:
        who = outcome.override
        reason = who.reason or "no reason given"
        log.step(f"{who.actor} overrides the verdict with the label “{who.label}” at {who.at}: {reason}")
    return OverrideDecision(override=outcome.override, notes=notes)


def _pull_request_number(event: Event) -> int | None:
    """The pull request whose label counts. A merge queue's group counts as the pull request in the group's name."""
    match event:
        case PullRequestEvent():
            return event.number
        case MergeGroupEvent():
            found = _QUEUE_REF.fullmatch(event.head_ref)
            return int(found[1]) if found else None
        case _:
            return None
