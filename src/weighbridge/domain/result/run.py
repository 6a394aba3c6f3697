"""`RunResult`: all data of a run, with its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.domain.gate.budget import CheckedBudget
from weighbridge.domain.gate.verdict import Breach
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.revision import Part, Revision
from weighbridge.domain.result.tips import ImageTips
from weighbridge.domain.secret_values import SecretMask
from weighbridge.domain.tips.tip import SharedTip


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """The current state of a run. `breaches` is the verdict, computed once from sizes and findings, not tips.

    `warnings` are exceeded soft limits, `budgets` the limits on several images together. `comment_above_bytes` is the
    minimum change of an image for a comment.

    `tips_pending`: tips are still being measured. `secrets` masks secrets for reports. `defects` are internal errors of
    Weighbridge after the verdict; those of an image's sides are `SideFailure`.
    """

    base: Revision | None
    head: Revision | None
    images: tuple[ImageResult, ...]
    breaches: tuple[Breach, ...]
    warnings: tuple[Breach, ...] = ()
    budgets: tuple[CheckedBudget, ...] = ()
    comment_above_bytes: int | None = None
    notes: tuple[str, ...] = ()
    part: Part | None = None
    shared_tips: tuple[SharedTip, ...] = ()
    tips_pending: bool = False
    secrets: SecretMask = field(default_factory=lambda: SecretMask(()), repr=False, compare=False)
    defects: tuple[str, ...] = ()

    def with_defects(self, defects: Sequence[str]) -> RunResult:
        """The run with further `defects`, which are also notes for the reader."""
        return replace(self, defects=(*self.defects, *defects), notes=(*self.notes, *defects))

    def with_tips(self, tips: Mapping[str, ImageTips], shared_tips: Sequence[SharedTip] = ()) -> RunResult:
        """The run with the tips of its images, by image name. No tips are pending any more."""
        images = tuple(replace(one, tips=tips[one.name]) if one.name in tips else one for one in self.images)
        return replace(self, images=images, shared_tips=tuple(shared_tips), tips_pending=False)

    def without_tips(self, reason: str) -> RunResult:
        """The run without tips; `reason` says why they were not measured."""
        return replace(self, notes=(*self.notes, f"Tips were not measured: {reason}"), tips_pending=False)
