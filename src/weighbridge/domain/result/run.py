"""`RunResult`: everything that a run knows, with its verdict."""

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
    """A run as it stands. `breaches` is the verdict: computed once, from sizes and findings; tips never change it.
    `warnings` are exceeded soft limits, `budgets` the limits on several images together.
    A change of each image by less than `comment_above_bytes` is not worth a comment.

    `tips_pending` says that tips are still being measured. `secrets` takes out what no report may show. `defects`
    are the defects in Weighbridge that the run met after the verdict; those of an image's sides are `SideFailure`.
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
        """The run with more `defects`, which are notes for the reader too."""
        return replace(self, defects=(*self.defects, *defects), notes=(*self.notes, *defects))

    def with_tips(self, tips: Mapping[str, ImageTips], shared_tips: Sequence[SharedTip] = ()) -> RunResult:
        """The run with the tips of its images, by image name. Nothing is pending any more."""
        images = tuple(replace(one, tips=tips[one.name]) if one.name in tips else one for one in self.images)
        return replace(self, images=images, shared_tips=tuple(shared_tips), tips_pending=False)

    def without_tips(self, reason: str) -> RunResult:
        """The run without tips, which `reason` kept from being measured."""
        return replace(self, notes=(*self.notes, f"Tips were not measured: {reason}"), tips_pending=False)
