"""Renders the output of ``weighbridge plan``: a table, with `explain` each image's reason, or the matrix for GitHub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from weighbridge.plan.image_plan import Change, ImagePlan
from weighbridge.plan.shares import MAXIMUM_JOBS, is_built, matrix
from weighbridge.progress.text import without_controls


def render_plan_json(
    plans: Sequence[ImagePlan],
    *,
    all_images: bool,
    maximum_jobs: int = MAXIMUM_JOBS,
    seconds: Mapping[str, float] | None = None,
) -> str:
    """The matrix on one line, for a step's output. Escapes bytes of a path that are not UTF-8.

    `seconds` are earlier build times: see `matrix`.
    """
    return json.dumps(matrix(plans, all_images=all_images, maximum_jobs=maximum_jobs, seconds=seconds)) + "\n"


def render_plan_text(
    plans: Sequence[ImagePlan], *, all_images: bool, explain: bool, left_out: Mapping[str, str] | None = None
) -> str:
    """One line for each image to build, and their number. `explain` adds the other images, and all reasons.

    `left_out` are excluded Dockerfiles by path, with the reason; they follow the images.
    """
    built = [plan for plan in plans if is_built(plan, all_images=all_images)]
    lines = []
    for plan in plans if explain else built:
        verb = "build" if is_built(plan, all_images=all_images) else "leave"
        lines.append(_line(plan, verb if explain else None))
        lines += [f"      {part}" for part in _explained(plan, all_images=all_images)] if explain else []
    lines += _left_out(left_out or {}) if explain else []
    lines.append(f"{len(built)} of {len(plans)} image{'' if len(plans) == 1 else 's'} to build")
    return "".join(f"{without_controls(line)}\n" for line in lines)


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    """The excluded Dockerfiles, one line per reason, and how to include them."""
    by_reason: dict[str, list[str]] = {}
    for path, reason in left_out.items():
        by_reason.setdefault(reason, []).append(path)
    lines = []
    for reason, paths in by_reason.items():
        more = f" and {len(paths) - _SHOWN_PATHS} more" if len(paths) > _SHOWN_PATHS else ""
        lines.append(f"excluded, {reason}: {', '.join(paths[:_SHOWN_PATHS])}{more}")
    return [*lines, "      include them with --all-dockerfiles or discover.include"] if lines else []


_SHOWN_PATHS = 10


def _line(plan: ImagePlan, verb: str | None) -> str:
    return f"{verb} {plan.name}" if verb else plan.name


def _explained(plan: ImagePlan, *, all_images: bool) -> list[str]:
    side = plan.head or plan.base
    reason = f"{plan.change}: {plan.reason}"
    if plan.change is Change.UNAFFECTED and all_images:
        reason += "; built because of --all"
    made_of = []
    if side is not None:
        made_of.append(side.dockerfile)
        because = f" ({side.context_because})" if side.context and side.context_because else ""
        made_of.append(f"context {side.context or 'unknown'}{because}")
        made_of += [f"target {side.target}"] if side.target else []
        made_of += [f"additional context {name}" for name in side.contexts]
        made_of += [f"platform {plan.platform}"] if plan.platform else []
    failures = [
        f"{name} {'is skipped' if planned.problem else 'cannot be built'}: {planned.failure}"
        for name, planned in (("base", plan.base), ("head", plan.head))
        if planned is not None and planned.failure is not None
    ]
    made_of += [f"defined by {plan.defined_in}"] if plan.defined_in else []
    return [reason, ", ".join(made_of), *failures]
