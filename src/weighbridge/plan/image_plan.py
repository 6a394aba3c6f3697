"""One image of a plan: what to build on each side of a range, and what the range does to it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.dockerfile import Dockerfile


class Change(enum.StrEnum):
    """What the range does to an image, as far as the repository alone can say."""

    ADDED = "added"
    REMOVED = "removed"
    AFFECTED = "affected"
    UNAFFECTED = "unaffected"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSide:
    """An image in one of the trees: its Dockerfile and its context, both from the root, ``.`` for the root.

    `failure` says why it cannot be built (the Dockerfile does not parse, the context is not found); then `context` and
    `parsed` may be ``None``.
    """

    dockerfile: str
    context: str | None = None
    parsed: Dockerfile | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePlan:
    """One image on one platform: what to build on each side, and why it is or is not affected.

    `platform` ``None`` is the engine's own. `name` is unique in a plan; `image` is the same for all platforms of one.
    """

    name: str
    image: str
    base: PlannedSide | None
    head: PlannedSide | None
    change: Change
    reason: str
    target: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
