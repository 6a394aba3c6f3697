"""Compares predictions with recorded outcomes."""

from __future__ import annotations

import enum

from startmatrix.model import Outcome, Subject
from weighbridge.domain.checks.check import CheckResult
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.start.predict import Starts


class Agreement(enum.StrEnum):
    """How a prediction agrees with the outcome. Only the first three are right."""

    RIGHT = "right"
    WARNED = "warned"
    """It started, and failed as a warning had predicted."""
    NOT_CHECKED = "not checked"
    """Not checked, for a subject that cannot be decided."""
    FALSE_ALARM = "false alarm"
    MISS = "miss"
    WRONG_TEXT = "wrong text"
    UNDULY_NOT_CHECKED = "unduly not checked"


GOOD = frozenset({Agreement.RIGHT, Agreement.WARNED, Agreement.NOT_CHECKED})


def judge(subject: Subject, result: CheckResult, outcome: Outcome) -> tuple[Agreement, str]:
    """Whether prediction and outcome agree, and a line that describes both."""
    prediction = result.healthcheck if subject.health else result.start
    assert prediction is not None
    # Checks beyond the start (an add-on of another libc) warn of what a running program then prints.
    findings = (*prediction.findings, *(finding for finding in result.findings if finding not in prediction.findings))
    texts = [finding.predicts for finding in findings if finding.predicts]
    story = f"predicted {prediction.starts}: {texts or list(prediction.not_checked)}; really: {outcome}"
    if prediction.starts is Starts.NOT_CHECKED:
        return (Agreement.NOT_CHECKED if subject.undecided else Agreement.UNDULY_NOT_CHECKED), story
    if outcome.ran:
        return (Agreement.RIGHT if prediction.starts is Starts.YES else Agreement.FALSE_ALARM), story
    if prediction.starts is Starts.YES:
        if outcome.exit_code == 0:
            # It started and ended well without a word: an empty script, a script that does nothing.
            return Agreement.RIGHT, story
        warned = [f for f in findings if f.severity is Severity.WARNING and f.predicts and f.predicts in outcome.text]
        return (Agreement.WARNED if warned else Agreement.MISS), story
    fatal = prediction.findings[-1]
    if fatal.predicts is None:
        return (Agreement.RIGHT if not outcome.text.strip() else Agreement.WRONG_TEXT), story
    return (Agreement.RIGHT if fatal.predicts in outcome.text else Agreement.WRONG_TEXT), story
