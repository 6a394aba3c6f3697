"""Fan-out: distributes the images of a plan over the jobs of a matrix, the same way in every job."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weighbridge.errors import UsageError
from weighbridge.plan.image_plan import Change, ImagePlan

MAXIMUM_JOBS = 256
"""GitHub's limit on jobs in a matrix."""

MAXIMUM_SHARES_BYTES = 700_000
"""Limit on all parts of one matrix together: a job's output holds 1 MB. Larger plans are distributed round-robin."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
_CHECK_LETTERS = 12
_LEAST_SECONDS = 0.1
_PART = re.compile(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})(?::([0-9a-zA-Z_-]{1,40000})\.([0-9a-f]{12}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class PartNumber:
    """Share `number` of `count`, from 1.

    `shares` assigns each built image to a share, in the order of the plan: two digits of base 64 per image. ``None``
    means round-robin. `check` identifies the plan that it was made for.
    """

    number: int
    count: int
    shares: str | None = None
    check: str | None = None

    def __str__(self) -> str:
        tail = "" if self.shares is None else f":{self.shares}.{self.check}"
        return f"{self.number}/{self.count}{tail}"


def parse_part(text: str) -> PartNumber:
    """Parse ``3/12``, or the longer form that `plan` writes. Raises UsageError for anything else."""
    match = _PART.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]) or int(match[2]) > MAXIMUM_JOBS:
        raise UsageError(
            f"--part {text[:80]}: write NUMBER/COUNT, such as 3/12, with a count of at most {MAXIMUM_JOBS}, or what"
            " `plan` gives."
        )
    return PartNumber(number=int(match[1]), count=int(match[2]), shares=match[3], check=match[4])


def share_out(plans: Sequence[ImagePlan], part: PartNumber, *, all_images: bool) -> tuple[tuple[ImagePlan, ...], ...]:
    """The shares of the plan, one for each number up to `part.count`, as assigned by `part` or round-robin.

    Images that are not built cost nothing and are in the first share. Raises UsageError for a part of another plan.
    """
    built = [plan for plan in plans if is_built(plan, all_images=all_images)]
    places = _places(built, part)
    shares: list[list[ImagePlan]] = [[] for _ in range(part.count)]
    position = 0
    for plan in plans:
        if is_built(plan, all_images=all_images):
            shares[places[position]].append(plan)
            position += 1
        else:
            shares[0].append(plan)
    return tuple(tuple(share) for share in shares)


def _places(built: Sequence[ImagePlan], part: PartNumber) -> list[int]:
    if part.shares is None:
        return [index % part.count for index in range(len(built))]
    digits = [_DIGITS.index(letter) for letter in part.shares]
    places = [high * len(_DIGITS) + low for high, low in zip(digits[::2], digits[1::2], strict=False)]
    is_whole = len(digits) == 2 * len(built) and all(place < part.count for place in places)
    if not is_whole or part.check != _check_of(built, part.shares):
        raise UsageError(
            f"--part {part.number}/{part.count}: this part belongs to another plan. Let `plan` and `diff` have the same"
            " commits, configuration and options."
        )
    return places


def _check_of(built: Sequence[ImagePlan], shares: str) -> str:
    text = "\n".join([shares, *(plan.name for plan in built)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_CHECK_LETTERS]


def balanced(built: Sequence[ImagePlan], count: int, seconds: Mapping[str, float]) -> tuple[str, str] | None:
    """Assign `built` to shares by earlier build times, with a check value; ``None`` means round-robin.

    The longest image first, each to the share with the least work (Graham, "Bounds on Multiprocessing Timing
    Anomalies"). An image without a known time counts as the median of the known ones.
    """
    known = sorted(seconds[plan.name] for plan in built if plan.name in seconds)
    if not known or count >= len(built) or 2 * len(built) * count > MAXIMUM_SHARES_BYTES:
        return None
    middle = known[len(known) // 2]
    weights = [max(_LEAST_SECONDS, seconds.get(plan.name, middle)) for plan in built]
    loads = [(0.0, share) for share in range(count)]
    places = [0] * len(built)
    for index in sorted(range(len(built)), key=lambda index: (-weights[index], index)):
        load, share = heapq.heappop(loads)
        places[index] = share
        heapq.heappush(loads, (load + weights[index], share))
    shares = "".join(_DIGITS[place // len(_DIGITS)] + _DIGITS[place % len(_DIGITS)] for place in places)
    return shares, _check_of(built, shares)


def is_built(plan: ImagePlan, *, all_images: bool) -> bool:
    """True for an image that the run builds."""
    return all_images or plan.change is not Change.UNAFFECTED


def matrix(
    plans: Sequence[ImagePlan],
    *,
    all_images: bool,
    maximum_jobs: int = MAXIMUM_JOBS,
    seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The matrix for GitHub: one entry per job with its `part`; its `number` is also separate, for file names.

    A job of one image has that image's `name`, `dockerfile`, `context`, `target` and `platform`; a job of several has
    only a `name`. Without any image to build there is still one job: GitHub rejects an empty matrix, and a required
    check has to be reported. `seconds` are earlier build times by image. If images share jobs, the shares are balanced
    by them, and each part contains the assignment, so that the jobs do not need the times.
    """
    built = [plan for plan in plans if is_built(plan, all_images=all_images)]
    count = max(1, min(len(built), maximum_jobs))
    shares, check = balanced(built, count, seconds or {}) or (None, None)
    parts = [PartNumber(number=number, count=count, shares=shares, check=check) for number in range(1, count + 1)]
    shared = share_out(plans, parts[0], all_images=all_images)
    return {"include": [_entry(share, part, all_images) for share, part in zip(shared, parts, strict=True)]}


def _entry(share: Sequence[ImagePlan], part: PartNumber, all_images: bool) -> dict[str, Any]:
    built = [plan for plan in share if is_built(plan, all_images=all_images)]
    only = built[0] if len(built) == 1 else None
    side = (only.head or only.base) if only else None
    return {
        "name": only.name if only else (f"{len(built)} images" if built else "nothing to build"),
        "dockerfile": side.dockerfile if side else None,
        "context": side.context if side else None,
        "context_evidence": (side.context_because or only.defined_in or None) if side and only else None,
        "problem": side.failure if side else None,
        "target": only.target if only else None,
        "platform": only.platform if only else None,
        "number": part.number,
        "part": str(part),
    }
