"""The result of a check: one finding, with evidence that a reader can verify without running anything."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the catalogue imports `Severity` from here
    from weighbridge.domain.checks.catalogue import CheckCode


class Severity(enum.StrEnum):
    """The severity of a finding. ``ERROR`` on the entrypoint means: this container will not run as configured."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst severity."""
        return list(Severity).index(self)


class Subject(enum.StrEnum):
    """The part of the image that a finding concerns."""

    ENTRYPOINT = "entrypoint"
    HEALTHCHECK = "healthcheck"
    FILE = "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One finding of one check.

    `code` is one of the catalogue. `predicts` is the error text that the runtime, kernel or loader will print, or
    ``None`` if nothing is printed. `evidence` is the chain of facts, one per line. `line` is the responsible line of
    the Dockerfile, if known.
    """

    code: CheckCode
    severity: Severity
    subject: Subject
    path: str | None = None
    predicts: str | None = None
    evidence: tuple[str, ...] = ()
    line: int | None = None
    fix: str | None = None
