"""Builds head a second time with base's definition, if head changes the definition of the image.

The report shows head with its own definition. The gate judges the larger of the two sizes: a change of stage, context,
argument or Dockerfile must not hide growth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.gate.scale import AsBaseDefines
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.judge import figures_of
from weighbridge.plan.image_plan import Change, ImagePlan

_SUFFIX = " as base defines it"


def with_definitions_of_base(plans: Sequence[ImagePlan]) -> list[ImagePlan]:
    """`plans`, plus one more plan for each image whose definition head changes."""
    names = names_for_gate(plans)
    return [*plans, *(_as_base_defines(plan, names[plan.name]) for plan in plans if plan.name in names)]


def names_for_gate(plans: Sequence[ImagePlan]) -> dict[str, str]:
    """The name of the build as base defines it, by image. No image of `plans` has such a name."""
    taken = {plan.name for plan in plans}
    suffix = _SUFFIX
    while any(f"{plan.name}{suffix}" in taken for plan in plans):
        suffix += "+"
    return {plan.name: f"{plan.name}{suffix}" for plan in plans if plan.head_as_base is not None}


def merged_results(results: Mapping[str, ImageResult], plans: Sequence[ImagePlan]) -> dict[str, ImageResult]:
    """The results of `plans` alone; each includes the size of head with base's definition."""
    found = {}
    names = names_for_gate(plans)
    for plan in plans:
        result = results.get(plan.name)
        if result is None:
            continue
        found[plan.name] = result
        other = results.get(names.get(plan.name, ""))
        if plan.redefined is not None and other is not None:
            failure = other.failure_of("head")
            found[plan.name] = replace(
                result,
                as_base_defines=AsBaseDefines(
                    change=plan.redefined,
                    head_bytes=other.head.unpacked_bytes if other.head else None,
                    failure=failure.message if failure else other.reason if other.head is None else None,
                    figures=figures_of(other.head),
                ),
            )
    return found


def head_bytes_for_gate(name: str, name_for_gate: str | None, bytes_by_name: Mapping[str, int]) -> int | None:
    """The larger of the two sizes of head; ``None`` if neither is known."""
    known = [bytes_by_name[one] for one in (name, name_for_gate) if one is not None and one in bytes_by_name]
    return max(known, default=None)


def _as_base_defines(plan: ImagePlan, name: str) -> ImagePlan:
    return replace(
        plan,
        name=name,
        image=name,
        base=None,
        head=plan.head_as_base,
        head_as_base=None,
        redefined=None,
        change=Change.ADDED,
        reason=f"for the gate: {plan.redefined}",
        is_required=False,
    )
