"""``ONBUILD`` of base images: copies files of the context that the Dockerfile itself does not name."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from weighbridge.plan.image_plan import Change, ImagePlan

_COPIES = ("COPY", "ADD")
MAXIMUM_SECONDS = 15.0
"""After this time no further base image is looked up."""

Instructions = Callable[[str], tuple[str, ...] | None]
"""Returns the ``ONBUILD`` instructions of an image; ``None`` if they are unknown."""


def with_onbuild(plans: Sequence[ImagePlan], instructions_of: Instructions) -> tuple[ImagePlan, ...]:
    """Mark the images in `plans` as affected whose base image copies files by ``ONBUILD``, or may do so.

    "May" is enough: the image is then built, and the build decides. Reference: Dockerfile reference, ``ONBUILD``.
    """
    lookup = _Lookup(instructions_of)
    return tuple(_judged(plan, lookup) if plan.onbuild_decides else plan for plan in plans)


def _judged(plan: ImagePlan, lookup: _Lookup) -> ImagePlan:
    for name in plan.head.external_images if plan.head is not None else ():
        instructions = lookup.instructions(name)
        if instructions is None:
            reason = f"ONBUILD of its base image {name} is unknown, and may copy files that the Dockerfile does not"
            return replace(plan, change=Change.AFFECTED, reason=reason)
        copying = next(filter(_reads_context, instructions), None)
        if copying is not None:
            reason = f"its base image {name} has ONBUILD {copying[:100]}"
            return replace(plan, change=Change.AFFECTED, reason=reason)
    return plan


def _reads_context(instruction: str) -> bool:
    word, _, rest = instruction.strip().partition(" ")
    return word.upper() in _COPIES or (word.upper() == "RUN" and "--mount" in rest)


class _Lookup:
    """The instructions of each image once, within `MAXIMUM_SECONDS` in all."""

    def __init__(self, instructions_of: Instructions) -> None:
        self._instructions_of = instructions_of
        self._known: dict[str, tuple[str, ...] | None] = {}
        self._ends: float | None = None

    def instructions(self, name: str) -> tuple[str, ...] | None:
        """The instructions of the image `name`; ``None`` if they are unknown."""
        now = time.monotonic()
        self._ends = self._ends or now + MAXIMUM_SECONDS
        if name not in self._known:
            self._known[name] = self._instructions_of(name) if now < self._ends else None
        return self._known[name]
