"""The result of a reader of an interpreter."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.start.handover import Handover


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The effect of an interpreter with its arguments, as far as the image determines it.

    `failure` ends the program at once, with the text that it prints. `findings` do not end it. `not_checked` says why
    the image alone does not decide. `executes` is the next program in the chain. `up_to` says how far the arguments
    were followed, such as "python3: main.py is found, not read".
    """

    failure: Finding | None = None
    findings: tuple[Finding, ...] = ()
    not_checked: str | None = None
    executes: Handover | None = None
    up_to: str | None = None
