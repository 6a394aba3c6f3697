"""The whole report of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.domain.result.revision import Part, Revision
from weighbridge.report.model.gate import BudgetRow, Verdict
from weighbridge.report.model.image import ImageReport
from weighbridge.report.model.tips import SharedTipReport


@dataclass(frozen=True, kw_only=True, slots=True)
class WritingProgram:
    """The program that wrote the report."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The whole run, or one `part` of it. `notes` are for the reader, such as ignored uncommitted files.

    `shared_tips` concern several images together; a part only knows its own images. `tips_pending`: the verdict is
    final, and tips are still being measured. `defects` are internal errors of Weighbridge during the search for tips;
    they make the exit code 70. `budgets` are limits on several images together. `comment_above_bytes` is the configured
    minimum change of an image for a comment.
    """

    schema_version: Literal[1] = 1
    tool: WritingProgram
    base: Revision | None
    head: Revision | None
    verdict: Verdict
    notes: tuple[str, ...] = ()
    images: tuple[ImageReport, ...]
    part: Part | None = None
    shared_tips: tuple[SharedTipReport, ...] = ()
    tips_pending: bool = False
    defects: tuple[str, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    comment_above_bytes: int | None = None
