"""What a check says: one finding, with the evidence that lets a reader follow it without running anything."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the catalogue takes `Severity` from here
    from weighbridge.domain.checks.catalogue import CheckCode


class Severity(enum.StrEnum):
    """How much a finding weighs. ``ERROR`` on the entrypoint means: as configured, this container will not run."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Subject(enum.StrEnum):
    """What of the image a finding is about."""

    ENTRYPOINT = "entrypoint"
    HEALTHCHECK = "healthcheck"
    FILE = "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One finding of one check.

    `code` is one of the catalogue. `predicts` is the error text that the runtime, kernel or
    loader will print, or ``None`` if nothing is printed. `evidence` is the chain, one fact a line. `line` is the
    responsible line of the Dockerfile, filled in where the instruction is known.
    """

    code: CheckCode
    severity: Severity
    subject: Subject
    path: str | None = None
    predicts: str | None = None
    evidence: tuple[str, ...] = ()
    line: int | None = None
    fix: str | None = None
