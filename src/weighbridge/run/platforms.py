"""Skips images of platforms that the builder can neither run nor emulate, unless they are required."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from weighbridge.build.emulation import can_run
from weighbridge.domain.dockerfile import Dockerfile, Instruction
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.status import Status
from weighbridge.plan.image_plan import ImagePlan, PlannedSide
from weighbridge.run.clients import ImageBuilder
from weighbridge.run.compare import image_name_of
from weighbridge.sources.platforms import runs_natively


def buildable(plans: Sequence[ImagePlan], builder: ImageBuilder) -> tuple[list[ImagePlan], dict[str, ImageResult]]:
    """The images that this builder can build, and the results of skipped images.

    Any builder can build an image without ``RUN``. A required platform is never skipped.
    """
    machine = functools.cache(builder.machine)
    runs = functools.cache(functools.partial(can_run, builder))
    built, skipped = [], {}
    for plan in plans:
        instruction = None
        if plan.platform is not None and not plan.is_required:
            native = machine()
            if not _is_native(plan.platform, native):
                sides = (plan.head, plan.base)
                instruction = next(filter(None, (_first_run(side, native) for side in sides)), None)
        if plan.platform is None or instruction is None or runs(plan.platform):
            built.append(plan)
        else:
            skipped[plan.name] = _skipped(plan, instruction)
    return built, skipped


def _skipped(plan: ImagePlan, instruction: Instruction) -> ImageResult:
    reason = (
        f"not built: this builder cannot run programs of {plan.platform}; line {instruction.line} runs one"
        f" ({instruction.text[:100]}). Set up emulation (docker/setup-qemu-action), or select a builder for"
        " that platform with --builder"
    )
    return ImageResult(image=image_name_of(plan), status=Status.SKIPPED, reason=reason)


def _first_run(side: PlannedSide | None, native: tuple[str, str]) -> Instruction | None:
    """The first ``RUN`` of a side that runs on the platform of the image instead of the builder's platform."""
    if side is None or side.parsed is None or side.failure is not None:
        return None
    for stage in side.parsed.reachable_stages(side.target):
        if not _is_of_the_builder(side.parsed, stage.index, native):
            for instruction in (*stage.triggers, *stage.instructions):
                if instruction.name == "RUN":
                    return instruction
    return None


def _is_of_the_builder(dockerfile: Dockerfile, index: int, native: tuple[str, str]) -> bool:
    """True if a stage runs on the builder's platform: ``FROM --platform=$BUILDPLATFORM``."""
    first = dockerfile.chain(dockerfile.stages[index])[0]
    written = first.from_instruction.flag("platform") or ""
    if "$" in written:
        return "BUILD" in written
    return first.platform is not None and _is_native(first.platform, native)


def _is_native(platform: str, native: tuple[str, str]) -> bool:
    system, _, rest = platform.partition("/")
    architecture = rest.partition("/")[0]
    return runs_natively(native, (system, architecture))
