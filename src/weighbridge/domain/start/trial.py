"""Compares a real start with the predicted one. `build.trial` performs the start itself."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.domain.start.predict import Starts

_COULD_NOT_EXECUTE = frozenset({126, 127})
"""Exit codes of shells and loaders for a program that cannot be executed (POSIX shell, 2.8.2; ld.so)."""


class TrialOutcome(enum.StrEnum):
    """How a trial ended."""

    RUNNING = "still running"
    ENDED = "ended"
    REFUSED = "refused"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One real start.

    `message` is the outcome in words. `exit_code` is None if the program did not end by itself. `output` holds the last
    lines that the program printed, sanitised. `restricted` means that the trial's restrictions (a read-only root, no
    capabilities, limited memory) may have stopped it.
    """

    outcome: TrialOutcome
    message: str
    exit_code: int | None = None
    output: tuple[str, ...] = ()
    restricted: bool = False


def agrees(trial: Trial, starts: Starts, predicted_texts: Iterable[str]) -> bool | None:
    """True if a trial confirms the prediction; None if it is inconclusive.

    A program that ends with an error may have started: many need network, a writable root or arguments.
    """
    if starts is Starts.NOT_CHECKED or trial.outcome is TrialOutcome.NOT_TRIED:
        return None
    seen = trial.outcome is TrialOutcome.RUNNING or trial.exit_code == 0
    if starts is Starts.YES:
        if seen:
            return True
        return False if trial.outcome is TrialOutcome.REFUSED and not trial.restricted else None
    if seen:
        return False
    said = "\n".join((trial.message, *trial.output))
    if any(text in said for text in predicted_texts):
        return True
    refused = trial.outcome is TrialOutcome.REFUSED and not trial.restricted
    return True if refused or trial.exit_code in _COULD_NOT_EXECUTE else None
