"""Fan-out: the images of a plan shared out to the jobs of a matrix, alike wherever the same plan is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weighbridge.errors import UsageError
from weighbridge.plan.image_plan import Change, ImagePlan

MAXIMUM_JOBS = 256
"""As many jobs as GitHub lets one matrix have."""

_PART = re.compile(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})")


@dataclass(frozen=True, kw_only=True, slots=True)
class PartNumber:
    """Share `number` of `count`, from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_part(text: str) -> PartNumber:
    """``3/12`` as a part. Raises UsageError for anything else."""
    match = _PART.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]) or int(match[2]) > MAXIMUM_JOBS:
        raise UsageError(f"--part {text}: write NUMBER/COUNT, such as 3/12, with a count of at most {MAXIMUM_JOBS}.")
    return PartNumber(number=int(match[1]), count=int(match[2]))


def share_out(plans: Sequence[ImagePlan], count: int, *, all_images: bool) -> tuple[tuple[ImagePlan, ...], ...]:
    """`count` shares of the plan. What is built goes round in order; what is not, costs nothing and is in the first."""
    shares: list[list[ImagePlan]] = [[] for _ in range(count)]
    built = 0
    for plan in plans:
        if is_built(plan, all_images=all_images):
            shares[built % count].append(plan)
            built += 1
        else:
            shares[0].append(plan)
    return tuple(tuple(share) for share in shares)


def is_built(plan: ImagePlan, *, all_images: bool) -> bool:
    """True for an image that a run builds."""
    return all_images or plan.change is not Change.UNAFFECTED


def matrix(plans: Sequence[ImagePlan], *, all_images: bool, maximum_jobs: int = MAXIMUM_JOBS) -> dict[str, Any]:
    """The matrix for GitHub: one entry a job with its `part`, whose `number` also stands alone, for names of files.

    A job of one image has that image's `name`, `dockerfile`, `context`, `target` and `platform`; one of several only
    a `name` in words. With nothing to build there is one job all the same: a matrix without jobs is an error there, and
    a required check has to be reported.
    """
    built = sum(is_built(plan, all_images=all_images) for plan in plans)
    count = max(1, min(built, maximum_jobs))
    shares = share_out(plans, count, all_images=all_images)
    return {"include": [_entry(share, number, count, all_images) for number, share in enumerate(shares, 1)]}


def _entry(share: Sequence[ImagePlan], number: int, count: int, all_images: bool) -> dict[str, Any]:
    built = [plan for plan in share if is_built(plan, all_images=all_images)]
    only = built[0] if len(built) == 1 else None
    side = (only.head or only.base) if only else None
    return {
        "name": only.name if only else (f"{len(built)} images" if built else "nothing to build"),
        "dockerfile": side.dockerfile if side else None,
        "context": side.context if side else None,
        "target": only.target if only else None,
        "platform": only.platform if only else None,
        "number": number,
        "part": str(PartNumber(number=number, count=count)),
    }
