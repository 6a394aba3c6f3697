"""Interpreters: what a program reads after it is executed (a script, a module, a configuration file).

A reader takes the process and the program that runs. It returns a `Reading`, or None for a program it does not know.
The first reader of `READERS` that knows the program decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.wrappers import Handover


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What an interpreter does with its arguments, as far as the image tells.

    `failure` ends the program at once, with the text that it prints. `findings` do not end it. `not_checked` says why
    the image alone cannot tell. `executes` is the program that it executes in turn. `up_to` says how far this looked,
    such as "python3: main.py is found, not read".
    """

    failure: Finding | None = None
    findings: tuple[Finding, ...] = ()
    not_checked: str | None = None
    executes: Handover | None = None
    up_to: str | None = None


Reader = Callable[[Process, Program], Reading | None]

READERS: tuple[Reader, ...] = ()
"""In the order in which they are asked."""


def read_interpreted(process: Process, program: Program) -> Reading | None:
    """What `program` does with its arguments; None where no reader knows the program."""
    for reader in READERS:
        reading = reader(process, program)
        if reading is not None:
            return reading
    return None
