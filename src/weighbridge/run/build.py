"""Builds both sides of every image, or gives the reason for a missing build."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from weighbridge.build.builder import BuildRequest
from weighbridge.build.features import require_supported
from weighbridge.build.parallel import default_jobs, run_all
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, Dockerfile
from weighbridge.domain.dockerfile.build_failure import explain_build_failure
from weighbridge.domain.dockerfile.failed_step import find_failed_step, without_noise
from weighbridge.domain.result.failure import FailureKind, SideFailure
from weighbridge.domain.side import SIDES, Side
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import BuildError, BuildTimeoutError, WeighbridgeError, contain_defects
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.progress.lines import Progress
from weighbridge.run.build_outcome import BuildOutcome, BuildOutcomes, BuiltSide, CachedSide, failure_of
from weighbridge.run.clients import ImageBuilder, Tools
from weighbridge.run.dependencies import Dependencies
from weighbridge.run.prepare import Preparation
from weighbridge.run.request import DiffRequest


@contextmanager
def builder_of(request: DiffRequest, tools: Tools) -> Iterator[ImageBuilder]:
    """Opens the builder of this run, and removes its images at the end. Raises EngineError if none is available."""
    builder = tools.make_builder(tools.find_build_client(), request.build)
    try:
        yield builder
    finally:
        tools.reader.release()  # an image cannot be removed while its files are being read
        if request.keep:
            for one in builder.keep():
                tools.progress.step(f"kept: {one}")
        builder.clean_up()


def build_all(
    builder: ImageBuilder,
    plans: Sequence[ImagePlan],
    trees: Mapping[Side, Path],
    request: DiffRequest,
    *,
    cached: Mapping[str, CachedSide],
    needed: Sequence[ImagePlan],
    on_built: Callable[[BuiltSide, Side], None],
    preparation: Preparation,
    progress: Progress,
) -> BuildOutcomes:
    """Build both sides of all images, several images in parallel. Base comes first, so that head hits its build cache.

    Skips `cached` bases. `needed` are the images that `plans` may build on. Calls `on_built` with each built side of
    `plans`, in the thread that built it.
    """
    if request.build.caches.shared_targets and len(plans) > 1:
        progress.warn("each image overwrites the cache of the previous image. Add {image} to cache-to")

    build_one_side = functools.partial(build_side, builder, secret_files=request.secret_files, preparation=preparation)

    def build_one(plan: ImagePlan, side: Side) -> BuiltSide | SideFailure | None:
        built = build_one_side(plan, side, trees.get(side), dependencies=dependencies)
        limits = request.config.limits_of(plan.image, base_image=plan.base_image)
        is_needed = side == "base" and limits.need_base
        if is_needed and isinstance(built, SideFailure) and built.kind is FailureKind.BUILD:
            # Without base the limit cannot be checked, and the failure may be a busy registry or mirror.
            progress.step(f"{plan.name} base failed: building it once more, because the limit needs it")
            built = build_one_side(plan, side, trees.get(side), dependencies=dependencies)
        if isinstance(built, BuiltSide) and plan.name in names:
            on_built(built, side)
        return built

    def build_sides(plan: ImagePlan) -> list[BuildOutcome]:
        return [
            cached[plan.name] if side == "base" and plan.name in cached else dependencies.built(plan, side)
            for side in SIDES
        ]

    is_expected = [
        plan.side(side) is not None and not (side == "base" and plan.name in cached) for plan in plans for side in SIDES
    ]
    progress.expect_builds(sum(is_expected))
    names = {plan.name for plan in plans}
    dependencies = Dependencies(needed, build_one)
    tasks = [functools.partial(build_sides, plan) for plan in plans]

    def stop() -> None:
        preparation.stop()
        builder.stop()

    answers = run_all(tasks, jobs=request.jobs or default_jobs(), stop=stop)
    return {
        (plan.name, side): answer
        for plan, both in zip(plans, answers, strict=True)
        for side, answer in zip(SIDES, both, strict=True)
    }


def build_base_again(
    builder: ImageBuilder,
    plans: Sequence[ImagePlan],
    built: BuildOutcomes,
    trees: Mapping[Side, Path],
    request: DiffRequest,
) -> dict[str, BuiltSide | SideFailure | None]:
    """Build each base a second time without the cache, if the request measures noise."""
    if not request.measure_noise:
        return {}
    return {
        plan.name: build_side(builder, plan, "base", trees["base"], request.secret_files, again=first.request)
        for plan in plans
        if isinstance(first := built[plan.name, "base"], BuiltSide)
    }


def build_side(
    builder: ImageBuilder,
    plan: ImagePlan,
    side: Side,
    tree: Path | None,
    secret_files: Mapping[str, Path],
    *,
    dependencies: Dependencies | None = None,
    preparation: Preparation | None = None,
    again: BuildRequest | None = None,
) -> BuiltSide | SideFailure | None:
    """Build one side; returns ``None`` if the image does not exist there. A defect is the failure of this side.

    `dependencies` builds the images that the side builds on. `preparation` runs its prepare command first. `again` is
    an earlier build request: it runs again without the cache.
    """
    try:
        with contain_defects():
            if preparation is not None and (planned := plan.side(side)) is not None and tree is not None:
                tree = preparation.prepared(tree, planned, title=f"{plan.name} {side}")
            return _build_side(builder, plan, side, tree, secret_files, dependencies=dependencies, again=again)
    except WeighbridgeError as error:
        return failure_of(side, error)


def _build_side(
    builder: ImageBuilder,
    plan: ImagePlan,
    side: Side,
    tree: Path | None,
    secret_files: Mapping[str, Path],
    *,
    dependencies: Dependencies | None,
    again: BuildRequest | None,
) -> BuiltSide | SideFailure | None:
    planned = plan.side(side)
    if planned is None or tree is None:
        return None
    if planned.parsed is None or planned.context is None or planned.failure is not None:
        kind = FailureKind.DOCKERFILE if planned.parsed is None else FailureKind.CONTEXT
        kind = FailureKind.DEFECT if planned.is_defect else kind
        return SideFailure(side=side, kind=kind, message=planned.failure or "its build context is unknown")
    request = again or BuildRequest(
        image=plan.name,
        side=side,
        title=f"{plan.name} {side}",
        dockerfile=tree / planned.dockerfile,
        context=tree / planned.context,
        checkout=tree,
        secret_files=secret_files,
        target=planned.target,
        platform=plan.platform,
        build_args=planned.build_args,
    )
    try:
        if again is not None:
            request = replace(again, title=f"{again.title} again", no_cache=True)
        elif dependencies is not None:
            contexts = dependencies.contexts(plan, side, planned, tree=tree, client=builder.client)
            request = replace(request, contexts=contexts)
        require_supported(builder.client, planned.parsed, target=planned.target)
        started = time.monotonic()
        reference = builder.build(request)
        seconds = time.monotonic() - started
    except BuildError as error:
        return _explained(failure_of(side, error), error, planned.parsed, request.title)
    return BuiltSide(
        reference=reference,
        source=DockerfileSource(
            text=dockerfile_text(tree / planned.dockerfile), dockerfile=planned.parsed, target=planned.target
        ),
        request=request,
        seconds=seconds,
    )


def _explained(failure: SideFailure, error: BuildError, dockerfile: Dockerfile, title: str) -> SideFailure:
    """The failure of a build with the failed step, its output alone, and the fix of a known mistake."""
    why = explain_build_failure(dockerfile, (str(error), *error.log_tail))
    is_step = error.missing_image is None and not isinstance(error, BuildTimeoutError)
    step = find_failed_step(dockerfile, error.log_tail) if is_step else None
    message = failure.message if step is None else f"{title}: {step.message(dockerfile.path)}"
    return replace(
        failure,
        message=f"{message}. {why}" if why else message,
        log_tail=(step.output if step else ()) or without_noise(error.log_tail),
    )


def build_seconds(sides: Iterable[BuildOutcome]) -> float | None:
    """The sum of the build times of an image's sides; ``None`` if nothing was built."""
    seconds = [side.seconds for side in sides if isinstance(side, BuiltSide)]
    return round(sum(seconds), 1) if seconds else None


def dockerfile_text(path: Path) -> str:
    """The text of a Dockerfile in a checkout, up to the maximum size. Replaces bytes that are not UTF-8."""
    with path.open("rb") as file:
        return file.read(MAXIMUM_DOCKERFILE_BYTES).decode("utf-8", "replace")
