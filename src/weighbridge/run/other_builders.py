"""Images that only BuildKit leaves unaffected, in a run with another builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from weighbridge.build.client import BuildKind
from weighbridge.build.podman import is_podman
from weighbridge.errors import EngineError
from weighbridge.plan.image_plan import Change, ImagePlan
from weighbridge.run.clients import Tools


def with_builder(plans: Sequence[ImagePlan], other_builder: Callable[[], str | None]) -> tuple[ImagePlan, ...]:
    """Mark an image in `plans` as affected if this run's builder may copy one of its changed files.

    `other_builder` returns the name of a builder other than BuildKit, and is called only if the builder matters.
    """
    name = other_builder() if any(plan.builder_decides for plan in plans) else None
    if name is None:
        return tuple(plans)
    reason = f"files of its context changed, and {name} may copy other files than BuildKit"
    return tuple(
        replace(plan, change=Change.AFFECTED, reason=reason) if plan.builder_decides else plan for plan in plans
    )


def other_builder_of(tools: Tools) -> str | None:
    """The name of this run's builder; ``None`` for BuildKit, and if there is no builder."""
    try:
        if tools.find_build_client().kind is BuildKind.CLASSIC:
            return "Docker's classic builder"
        return "podman's builder" if is_podman(tools.engine()) else None
    except EngineError:
        return None
