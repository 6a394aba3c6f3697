"""A Dockerfile that was linted."""

from __future__ import annotations

from typing import NamedTuple

from weighbridge.domain.dockerfile.edits import unified_diff
from weighbridge.domain.lint.model import LintFinding


class LintedFile(NamedTuple):
    """One Dockerfile: its `path` as the user would write it, its text, and what was found.

    `fixed` are the findings that ``--fix`` has dealt with: they are no longer in `findings`. `not_fixed` says why the
    file was left alone although there was something to do, `not_linted` why no rule looked at it.
    """

    path: str
    text: str
    findings: tuple[LintFinding, ...]
    fixed: tuple[LintFinding, ...] = ()
    not_fixed: str | None = None
    not_linted: str | None = None

    def patch(self, finding: LintFinding) -> str | None:
        """The finding's edits as a unified diff; ``None`` if it has none."""
        return unified_diff(self.path, self.text, finding.edits) if finding.edits else None
