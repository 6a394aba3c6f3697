"""What a lint rule says: where, why it matters, what to do, and where possible the edit that does it."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile.edits import Edit

TRUSTED_BASES = (
    "gcr.io/distroless/*",
    "mcr.microsoft.com/*",
    "public.ecr.aws/docker/library/*",
    "registry.access.redhat.com/ubi*",
)
"""Images besides the official ones that a final stage may stand on without a remark; ``*`` also matches ``/``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LintFinding:
    """One finding of one rule in one Dockerfile.

    `message` says what is there and why it matters, `fix` what to do. `edits` do it mechanically, where that is
    possible; `is_safe` says that they change nothing that the program could miss (a cache, the form of an
    instruction), so that they need no build to be trusted. `ignored_because` is the reason given in the Dockerfile.
    """

    code: str
    severity: Severity
    line: int
    end_line: int
    message: str
    fix: str
    edits: tuple[Edit, ...] = ()
    is_safe: bool = True
    ignored_because: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LintSettings:
    """What the user may choose. `trusted_bases` are patterns of image names without tag; ``*`` matches anything."""

    trusted_bases: tuple[str, ...] = TRUSTED_BASES
