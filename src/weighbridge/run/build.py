"""Second step: both sides of every image that is built, or why one could not be."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from weighbridge.build.builder import Builder, BuildRequest
from weighbridge.build.features import require_buildkit
from weighbridge.build.parallel import default_jobs, run_all
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, Dockerfile
from weighbridge.domain.dockerfile.build_failure import explain_build_failure
from weighbridge.domain.side import SIDES, Side
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import BuildError, ImageError, WeighbridgeError
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.report.assemble import text
from weighbridge.report.model import Failure
from weighbridge.run.dependencies import LowerImages
from weighbridge.run.request import DiffRequest, Tools
from weighbridge.sources.measurement_cache import Measured
from weighbridge.sources.reference import ImageReference


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A side that was built: where its image is, the Dockerfile that made it, how it was asked for.

    `seconds` is what the build took.
    """

    reference: ImageReference
    source: DockerfileSource
    request: BuildRequest
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """A side that an earlier run measured: `reference` is what the reader calls it, and nothing that could be had."""

    reference: ImageReference
    dockerfile: Dockerfile
    target: str | None
    measured: Measured


def titles_of(sides: Iterable[Built | Remembered]) -> dict[ImageReference, str]:
    """What progress calls the images that were built: as it called their builds."""
    return {one.reference: one.request.title for one in sides if isinstance(one, Built)}


@contextmanager
def builder_of(request: DiffRequest, tools: Tools) -> Iterator[Builder]:
    """The builder of this run; what it built goes when it is left. Raises EngineError where none can be had."""
    builder = Builder(
        tools.find_build_client(),
        tools.engine,
        environment=tools.environment,
        progress=tools.progress,
        settings=request.build,
    )
    try:
        yield builder
    finally:
        tools.reader.release()  # an image whose files are still being read cannot be removed
        if request.keep:
            for one in builder.keep():
                tools.progress.step(f"kept: {one}")
        builder.clean_up()


def build_all(
    builder: Builder,
    plans: Sequence[ImagePlan],
    trees: Mapping[Side, Path],
    request: DiffRequest,
    *,
    remembered: Mapping[str, Remembered],
    needed: Sequence[ImagePlan],
    on_built: Callable[[Built, Side], None],
) -> dict[tuple[str, Side], Built | Remembered | Failure | None]:
    """Both sides of all images, several images at a time; of one image base first, so that head finds its cache.

    Bases that are `remembered` are not built. `needed` are the images that these may be built upon. `on_built` is
    called with each side of `plans` when it is there, from the thread that built it.
    """
    if request.build.caches.shared_targets and len(plans) > 1:
        builder.progress.warn("each image overwrites the cache of the one before it: write {image} into cache-to")

    def build_one(plan: ImagePlan, side: Side) -> Built | Failure | None:
        built = build_side(builder, plan, side, trees.get(side), request.secret_files, lower=lower)
        if isinstance(built, Built) and plan.name in weighed:
            on_built(built, side)
        return built

    def build_sides(plan: ImagePlan) -> list[Built | Remembered | Failure | None]:
        return [
            remembered[plan.name] if side == "base" and plan.name in remembered else lower.built(plan, side)
            for side in SIDES
        ]

    weighed = {plan.name for plan in plans}
    lower = LowerImages(needed, build_one)
    tasks = [functools.partial(build_sides, plan) for plan in plans]
    answers = run_all(tasks, jobs=request.jobs or default_jobs(), stop=builder.stop)
    return {
        (plan.name, side): answer
        for plan, both in zip(plans, answers, strict=True)
        for side, answer in zip(SIDES, both, strict=True)
    }


def build_base_again(
    builder: Builder,
    plans: Sequence[ImagePlan],
    built: Mapping[tuple[str, Side], Built | Remembered | Failure | None],
    trees: Mapping[Side, Path],
    request: DiffRequest,
) -> dict[str, Built | Failure | None]:
    """Where noise is asked for: base a second time, without the cache, of each image whose base was built."""
    if not request.measure_noise:
        return {}
    return {
        plan.name: build_side(builder, plan, "base", trees["base"], request.secret_files, again=first.request)
        for plan in plans
        if isinstance(first := built[plan.name, "base"], Built)
    }


def build_side(
    builder: Builder,
    plan: ImagePlan,
    side: Side,
    tree: Path | None,
    secret_files: Mapping[str, Path],
    *,
    lower: LowerImages | None = None,
    again: BuildRequest | None = None,
) -> Built | Failure | None:
    """Build one side; ``None`` where the image does not exist there.

    `lower` has the images that it is built upon; `again` is how it was built before, and then no cache is used.
    """
    planned = plan.side(side)
    if planned is None or tree is None:
        return None
    if planned.parsed is None or planned.context is None or planned.failure is not None:
        kind: Literal["dockerfile", "context"] = "dockerfile" if planned.parsed is None else "context"
        return Failure(side=side, kind=kind, message=text(planned.failure or "its build context is not known"))
    request = again or BuildRequest(
        image=plan.name,
        side=side,
        title=f"{plan.name} {side}",
        dockerfile=tree / planned.dockerfile,
        context=tree / planned.context,
        secret_files=secret_files,
        target=planned.target,
        platform=plan.platform,
        build_args=planned.build_args,
    )
    try:
        if again is not None:
            request = replace(again, title=f"{again.title} again", no_cache=True)
        elif lower is not None:
            request = replace(request, contexts=lower.contexts(plan, side, planned, tree=tree, client=builder.client))
        if not builder.client.has_buildkit:
            require_buildkit(planned.parsed, target=planned.target)
        started = time.monotonic()
        reference = builder.build(request)
        seconds = time.monotonic() - started
    except BuildError as error:
        why = explain_build_failure(planned.parsed, (str(error), *error.log_tail))
        failure = failure_of(side, error)
        return replace(failure, message=text(f"{failure.message}. {why}")) if why else failure
    except WeighbridgeError as error:
        return failure_of(side, error)
    return Built(
        reference=reference,
        source=DockerfileSource(
            text=dockerfile_text(tree / planned.dockerfile), dockerfile=planned.parsed, target=planned.target
        ),
        request=request,
        seconds=seconds,
    )


def dockerfile_text(path: Path) -> str:
    """A Dockerfile as it stands in a checkout, what is not UTF-8 replaced; nothing beyond its largest size."""
    with path.open("rb") as file:
        return file.read(MAXIMUM_DOCKERFILE_BYTES).decode("utf-8", "replace")


def failure_of(side: Side, error: WeighbridgeError) -> Failure:
    """What went wrong with one side, for the report."""
    if isinstance(error, BuildError):
        return Failure(side=side, kind="build", message=text(str(error)), log_tail=error.log_tail)
    kind: Literal["unreadable", "unavailable"] = "unreadable" if isinstance(error, ImageError) else "unavailable"
    return Failure(side=side, kind=kind, message=text(str(error)))
