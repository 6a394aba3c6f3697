"""Images that are built on other images of the same repository: a change of the lower image affects the upper one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.side import Side
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide

_DEFAULT_REGISTRY = "docker.io"
_DEFAULT_TAG = "latest"


def normal_reference(reference: str) -> str:
    """The full form of a reference as engines resolve it: ``b`` is ``docker.io/library/b:latest``.

    Source: distribution/reference, ``ParseNormalizedNamed`` and ``TagNameOnly``.
    """
    name, at, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        first, rest = _DEFAULT_REGISTRY, name
    if first in {_DEFAULT_REGISTRY, "index.docker.io"} and "/" not in rest:
        rest = f"library/{rest}"
    if not at and ":" not in rest.rpartition("/")[2]:
        rest = f"{rest}:{_DEFAULT_TAG}"
    return f"{'docker.io' if first == 'index.docker.io' else first}/{rest}{at}{digest}"


def spread(plans: Sequence[ImagePlan]) -> tuple[ImagePlan, ...]:
    """`plans`, with every image affected that is built on an affected image.

    An image that is built on itself, directly or through others, cannot be built: the side gets a failure.
    """
    by_image: dict[str, list[ImagePlan]] = {}
    for plan in plans:
        by_image.setdefault(plan.image, []).append(plan)
    if not any(side.builds_on for plan in plans for side in (plan.base, plan.head) if side):
        return tuple(plans)
    changed = {plan.image: plan for plan in plans if plan.change is not Change.UNAFFECTED}
    waiting = list(changed)
    reasons: dict[str, str] = {}
    higher_of: dict[str, set[str]] = {}
    for plan in plans:
        for side in (plan.base, plan.head):
            for other in side.builds_on if side else ():
                higher_of.setdefault(other, set()).add(plan.image)
    while waiting:
        lower = waiting.pop()
        for higher in sorted(higher_of.get(lower, ())):
            if higher not in reasons:
                reasons[higher] = f"it is built on {lower}, which {_what_happened(lower, changed)}"
                if higher not in changed:
                    waiting.append(higher)
    cyclic = {side: _in_a_circle(by_image, side) for side in ("base", "head")}
    return tuple(_spread_to(plan, reasons, cyclic) for plan in plans)


def _what_happened(image: str, changed: Mapping[str, ImagePlan]) -> str:
    change = changed[image].change if image in changed else Change.AFFECTED
    return f"is {change}"


def _spread_to(plan: ImagePlan, reasons: Mapping[str, str], cyclic: Mapping[str, set[str]]) -> ImagePlan:
    if plan.change is Change.UNAFFECTED and plan.image in reasons:
        plan = replace(plan, change=Change.AFFECTED, reason=reasons[plan.image])
    base, head = (
        _failed(side, plan.image) if side is not None and plan.image in cyclic[name] else side
        for name, side in (("base", plan.base), ("head", plan.head))
    )
    return replace(plan, base=base, head=head)


def _failed(side: PlannedSide, image: str) -> PlannedSide:
    return replace(side, failure=side.failure or f"{side.dockerfile}: {image} is built on itself")


def _in_a_circle(by_image: Mapping[str, Sequence[ImagePlan]], side: Side) -> set[str]:
    """The images of a side in a dependency cycle; repeatedly removes images without dependencies."""
    lower_of = {}
    for image, plans in by_image.items():
        sides = [plan.side(side) for plan in plans]
        lower_of[image] = {other for one in sides if one for other in one.builds_on if other in by_image}
    below: dict[str, set[str]] = {}
    for image, others in lower_of.items():
        for other in others:
            below.setdefault(other, set()).add(image)
    left = {image: len(others) for image, others in lower_of.items()}
    free = [image for image, number in left.items() if number == 0]
    while free:
        lower = free.pop()
        del left[lower]
        for higher in below.get(lower, ()):
            left[higher] -= 1
            if left[higher] == 0:
                free.append(higher)
    return set(left)
