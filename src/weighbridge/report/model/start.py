"""Start of an image in the report: the prediction, the trial (``--start``), and the findings of the checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.domain.checks.finding import Severity, Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class StartReport:
    """Whether the container starts as configured; `not_checked` names what could not be decided, and why.

    `followed` summarises how far the start was followed: "followed /entrypoint.sh -> gosu -> /app/server".
    """

    outcome: Literal["yes", "no", "not checked"]
    followed: str = ""
    chain: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialReport:
    """The outcome of really starting the image (``--start``), compared with the prediction.

    `message` is the outcome in words, `output` the last printed lines: hostile text. `agrees` is null if the outcome is
    inconclusive.
    """

    outcome: Literal["still running", "ended", "refused", "not tried"]
    message: str
    exit_code: int | None = None
    output: tuple[str, ...] = ()
    agrees: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingReport:
    """A check's finding; `introduced` means that head has it and base does not.

    See `weighbridge.domain.checks.finding`.
    """

    code: str
    severity: Severity
    subject: Subject
    path: str | None
    predicts: str | None
    evidence: tuple[str, ...]
    line: int | None
    fix: str | None
    introduced: bool
    ignored_because: str | None = None
