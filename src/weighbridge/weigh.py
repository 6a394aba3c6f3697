"""The main job, from top to bottom: plan, build, read, weigh, compare, judge, report."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import docker

from weighbridge.build.builder import Builder, BuildRequest
from weighbridge.build.client import BuildClient
from weighbridge.build.features import require_buildkit
from weighbridge.build.parallel import default_jobs, run_all
from weighbridge.build.trial import TrialBounds, try_start
from weighbridge.config import Config
from weighbridge.domain.attribution import SourceChange
from weighbridge.domain.build_failure import explain_build_failure
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, Dockerfile
from weighbridge.domain.history import LayerOrigin, history_text, layer_origins
from weighbridge.domain.ignores import Ignore, inline_ignores
from weighbridge.domain.image import Image
from weighbridge.domain.trial import Trial, TrialOutcome
from weighbridge.domain.weighed import WeighedImage, weigh_image
from weighbridge.errors import BuildError, EngineError, ImageError, UsageError, WeighbridgeError
from weighbridge.layers.reader import LayerReader
from weighbridge.layers.reference import ImageReference, Transport, parse_image_reference
from weighbridge.plan.checkout import checkout_trees
from weighbridge.plan.discover import plan_images
from weighbridge.plan.git import (
    Repository,
    default_branch,
    merge_base,
    open_repository,
    resolve_commit,
    uncommitted_paths,
)
from weighbridge.plan.globs import match_path
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.plan.shares import PartNumber, is_built, share_out
from weighbridge.progress import Progress
from weighbridge.report.assemble import assemble, compared_fields, side_report, text, with_trial
from weighbridge.report.model import Delta, Failure, ImageReport, Part, Report, Revision, Status

_SHOWN_PATHS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The clients that the entry point constructed. The engine and the docker client are looked for when needed."""

    progress: Progress
    reader: LayerReader
    engine: Callable[[], docker.DockerClient]
    find_build_client: Callable[[], BuildClient]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffRequest:
    """What to compare, and how to build it.

    Without `head` it is what is checked out; without one of the two, base is where head left it. `secret_files` are
    BuildKit's secrets by their ID; `notes` are remarks for the report. `measure_noise` builds base a second time,
    without the cache, to learn by how much two builds of one commit differ. `start` really starts each built head.
    `part` weighs one share of the images only. `jobs` images are built at a time; ``None``: as many as there are
    processors.
    """

    repo: Path
    base: str | None
    head: str | None
    config: Config
    image_globs: Sequence[str] = ()
    all_images: bool = False
    target: str | None = None
    context: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    builder_name: str | None = None
    build_timeout_seconds: float = 1800.0
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    notes: Sequence[str] = ()
    measure_noise: bool = False
    start: bool = False
    part: PartNumber | None = None
    jobs: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A range and its images, the unaffected too, by name."""

    repository: Repository
    base: Revision
    head: Revision
    plans: tuple[ImagePlan, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Built:
    """A side that was built: its name in the engine, and the Dockerfile that made it."""

    reference: ImageReference
    dockerfile: Dockerfile
    target: str | None


_Side = Literal["base", "head"]
_SIDES: tuple[_Side, _Side] = ("base", "head")


# --- the commands -------------------------------------------------------------------------------------------------


def weigh_range(request: DiffRequest, tools: Tools) -> Report:
    """Build and compare the images of two git revisions.

    Raises GitError, ConfigError and UsageError, and EngineError where no engine answers; what goes wrong with one image
    is a `Failure` in the report.
    """
    planned = plan_range(request)
    repository, base, head = planned.repository, planned.base, planned.head
    tools.progress.step(f"base {base.ref} is {base.sha}, head {head.ref} is {head.sha}")
    notes = _uncommitted(repository) if request.head is None else ()
    for note in notes:
        tools.progress.warn(note)
    plans, part = _share(planned.plans, request)
    to_build = [plan for plan in plans if is_built(plan, all_images=request.all_images)]
    reports = {plan.name: _unaffected(plan) for plan in plans}
    if to_build:
        commits = {"base": str(base.sha), "head": str(head.sha)}
        with checkout_trees(repository, commits.values()) as trees, _builder(request, tools) as builder:
            built = _build_all(builder, to_build, {side: trees[commits[side]] for side in _SIDES}, request)
            again = {
                plan.name: _build(builder, plan, "base", trees[commits["base"]], request.secret_files, no_cache=True)
                for plan in to_build
                if request.measure_noise and isinstance(built[plan.name, "base"], _Built)
            }
            references = [one.reference for one in (*built.values(), *again.values()) if isinstance(one, _Built)]
            images = tools.reader.read(references)
            for plan in to_build:
                weighed = {side: _weigh_built(tools, built[plan.name, side], images, plan, side) for side in _SIDES}
                ignores = _ignores(request.config, plan, trees[commits["head"]])
                noise_bytes = _noise_bytes(tools, plan, weighed["base"], again.get(plan.name), images)
                reports[plan.name] = _compared(
                    plan,
                    weighed["base"],
                    weighed["head"],
                    ignores,
                    noise_bytes=noise_bytes,
                    minimum_saving_bytes=request.config.tips.minimum_saving_bytes,
                )
                if request.start and isinstance(built_head := built[plan.name, "head"], _Built):
                    reports[plan.name] = _tried(tools, reports[plan.name], built_head.reference)
    return assemble(
        [reports[plan.name] for plan in plans],
        base=base,
        head=head,
        limits={plan.name: request.config.limits_of(plan.image) for plan in plans},
        fail_on=request.config.checks.fail_on,
        notes=(*request.notes, *notes),
        part=part,
    )


def compare_images(old: ImageReference, new: ImageReference, config: Config, tools: Tools) -> Report:
    """Compare two existing images. Raises what reading either of them raises."""
    base, head = _weigh_existing([old, new], tools)
    return _report_of_existing(base, head, config, base_ref=str(old), head_ref=str(new))


def inspect_image(reference: ImageReference, config: Config, tools: Tools, *, start: bool = False) -> Report:
    """Weigh one existing image; with `start`, really start it too. Raises what reading it raises.

    Raises UsageError where an image that is not in the engine is to be started.
    """
    if start and reference.transport is not Transport.ENGINE:
        raise UsageError(
            f"--start needs an image that is in the engine; {reference} is not. Load it first, or leave --start out."
        )
    (head,) = _weigh_existing([reference], tools)
    report = _report_of_existing(None, head, config, base_ref=None, head_ref=str(reference))
    if start:
        report = replace(report, images=tuple(_tried(tools, image, reference) for image in report.images))
    return report


# --- plan ---------------------------------------------------------------------------------------------------------


def plan_range(request: DiffRequest) -> Planned:
    """What `weigh_range` would build, without an engine. Raises GitError, ConfigError and UsageError."""
    repository = open_repository(request.repo)
    base, head = _revisions(repository, request)
    plans = plan_images(
        repository,
        str(base.sha),
        str(head.sha),
        request.config,
        image_globs=request.image_globs,
        target=request.target,
        context=request.context,
        platform=request.platform,
        build_args=request.build_args,
    )
    return Planned(repository=repository, base=base, head=head, plans=plans)


def _share(plans: tuple[ImagePlan, ...], request: DiffRequest) -> tuple[tuple[ImagePlan, ...], Part | None]:
    """The images of the part that is asked for, and what the report says of it; all of them where none is."""
    if request.part is None:
        return plans, None
    shares = share_out(plans, request.part.count, all_images=request.all_images)
    names = tuple(tuple(plan.name for plan in share) for share in shares)
    part = Part(number=request.part.number, count=request.part.count, images=names)
    return shares[request.part.number - 1], part


def _revisions(repository: Repository, request: DiffRequest) -> tuple[Revision, Revision]:
    """The two sides, pinned to commits. A base that is not named is where head left the default branch."""
    head_ref = request.head or "HEAD"
    head_sha = resolve_commit(repository, head_ref)
    if request.base is not None and request.head is not None:
        return (
            Revision(ref=request.base, sha=resolve_commit(repository, request.base)),
            Revision(ref=head_ref, sha=head_sha),
        )
    base_ref = request.base or default_branch(repository)
    base_sha = merge_base(repository, resolve_commit(repository, base_ref), head_sha)
    return Revision(ref=base_ref, sha=base_sha), Revision(ref=head_ref, sha=head_sha)


def _uncommitted(repository: Repository) -> tuple[str, ...]:
    paths = uncommitted_paths(repository)
    if not paths:
        return ()
    shown = ", ".join(paths[:_SHOWN_PATHS]) + (f" and {len(paths) - _SHOWN_PATHS} more" * (len(paths) > _SHOWN_PATHS))
    return (f"uncommitted files stay out: {shown}",)


def _unaffected(plan: ImagePlan) -> ImageReport:
    return replace(
        _blank(plan),
        status=Status.UNCHANGED,
        reason=plan.reason,
        delta=Delta(unpacked_bytes=0, download_bytes=0, upgrade_bytes=0),
    )


def _blank(plan: ImagePlan) -> ImageReport:
    side = plan.head or plan.base
    return ImageReport(
        name=plan.name,
        dockerfile=side.dockerfile if side else None,
        context=side.context if side else None,
        target=plan.target,
        platform=plan.platform,
        status=Status.SKIPPED,
    )


# --- build --------------------------------------------------------------------------------------------------------


@contextmanager
def _builder(request: DiffRequest, tools: Tools) -> Iterator[Builder]:
    builder = Builder(
        tools.find_build_client(),
        tools.engine(),
        environment=tools.environment,
        progress=tools.progress,
        timeout_seconds=request.build_timeout_seconds,
        builder_name=request.builder_name,
    )
    try:
        yield builder
    finally:
        tools.reader.release()  # an image whose files are still being read cannot be removed
        builder.clean_up()


def _build_all(
    builder: Builder, plans: Sequence[ImagePlan], trees: Mapping[_Side, Path], request: DiffRequest
) -> dict[tuple[str, _Side], _Built | Failure | None]:
    """Both sides of all images, several images at a time; of one image base first, so that head finds its cache."""

    def build_sides(plan: ImagePlan) -> list[_Built | Failure | None]:
        return [_build(builder, plan, side, trees[side], request.secret_files) for side in _SIDES]

    tasks = [functools.partial(build_sides, plan) for plan in plans]
    answers = run_all(tasks, jobs=request.jobs or default_jobs(), stop=builder.stop)
    return {
        (plan.name, side): answer
        for plan, both in zip(plans, answers, strict=True)
        for side, answer in zip(_SIDES, both, strict=True)
    }


def _build(
    builder: Builder,
    plan: ImagePlan,
    side: _Side,
    tree: Path,
    secret_files: Mapping[str, Path],
    *,
    no_cache: bool = False,
) -> _Built | Failure | None:
    """Build one side; ``None`` where the image does not exist there."""
    planned = plan.base if side == "base" else plan.head
    if planned is None:
        return None
    if planned.parsed is None or planned.context is None or planned.failure is not None:
        kind: Literal["dockerfile", "context"] = "dockerfile" if planned.parsed is None else "context"
        return Failure(side=side, kind=kind, message=text(planned.failure or "its build context is not known"))
    try:
        if not builder.client.has_buildkit:
            require_buildkit(planned.parsed, target=plan.target)
        tag = builder.build(
            BuildRequest(
                title=f"{plan.name} {side}{' again' if no_cache else ''}",
                dockerfile=tree / planned.dockerfile,
                context=tree / planned.context,
                secret_files=secret_files,
                target=plan.target,
                platform=plan.platform,
                build_args=plan.build_args,
                no_cache=no_cache,
            )
        )
    except BuildError as error:
        why = explain_build_failure(planned.parsed, (str(error), *error.log_tail))
        failure = _failure(side, error)
        return replace(failure, message=text(f"{failure.message}. {why}")) if why else failure
    except WeighbridgeError as error:
        return _failure(side, error)
    return _Built(reference=parse_image_reference(tag), dockerfile=planned.parsed, target=plan.target)


def _failure(side: _Side, error: WeighbridgeError) -> Failure:
    """What went wrong with one side, for the report."""
    if isinstance(error, BuildError):
        return Failure(side=side, kind="build", message=text(str(error)), log_tail=error.log_tail)
    kind: Literal["unreadable", "unavailable"] = "unreadable" if isinstance(error, ImageError) else "unavailable"
    return Failure(side=side, kind=kind, message=text(str(error)))


# --- weigh --------------------------------------------------------------------------------------------------------


def _weigh_built(
    tools: Tools,
    built: _Built | Failure | None,
    images: Mapping[ImageReference, Image | WeighbridgeError],
    plan: ImagePlan,
    side: _Side,
) -> WeighedImage | Failure | None:
    if not isinstance(built, _Built):
        return built
    tools.progress.step(f"weighing {plan.name} {side}")
    image = images[built.reference]
    if isinstance(image, WeighbridgeError):
        return _failure(side, image)
    stage = built.dockerfile.final_stage(built.target)
    chain = built.dockerfile.chain(stage)
    try:
        return weigh_image(
            image,
            layer_origins(image.history, built.dockerfile, stage) if image.history else _origins_from_history(image),
            tools.reader.contents(built.reference),
            instruction_lines={one.name: one.line for each in chain for one in each.instructions},
        )
    except WeighbridgeError as error:
        return _failure(side, error)


def _weigh_existing(references: Sequence[ImageReference], tools: Tools) -> list[WeighedImage]:
    images = tools.reader.read(references)
    for image in images.values():
        if isinstance(image, WeighbridgeError):
            raise image
    return [
        weigh_image(image, _origins_from_history(image), tools.reader.contents(reference))
        for reference in references
        if isinstance(image := images[reference], Image)
    ]


def _origins_from_history(image: Image) -> tuple[LayerOrigin, ...]:
    """What made each layer where there is no Dockerfile to ask: what the image's own history says."""
    return tuple(
        LayerOrigin(instruction=None, text=history_text(layer.created_by), line=None, from_base_image=False)
        for layer in image.layers
    )


# --- start ---------------------------------------------------------------------------------------------------------


def _tried(tools: Tools, image: ImageReport, reference: ImageReference) -> ImageReport:
    """`image` with what happened when its head was really started. A trial that fails is no verdict on the image."""
    if image.head is None:
        return image
    tools.progress.step(f"starting {image.name}, without network, for {TrialBounds().time_limit_seconds:g} s at most")
    try:
        trial = try_start(tools.engine(), reference.place)
    except EngineError as error:
        trial = Trial(outcome=TrialOutcome.NOT_TRIED, message=text(str(error)))
    return with_trial(image, trial)


# --- compare ------------------------------------------------------------------------------------------------------


def _ignores(config: Config, plan: ImagePlan, tree: Path) -> tuple[Ignore, ...]:
    """What the configuration and head's Dockerfile say to live with."""
    configured = tuple(
        Ignore(code=one.code, reason=one.reason)
        for one in config.checks.ignore
        if one.image is None or match_path(one.image, plan.image)
    )
    if plan.head is None:
        return configured
    with (tree / plan.head.dockerfile).open("rb") as file:
        text_of_head = file.read(MAXIMUM_DOCKERFILE_BYTES).decode("utf-8", "replace")
    return (*configured, *inline_ignores(text_of_head))


def _compared(
    plan: ImagePlan,
    base: WeighedImage | Failure | None,
    head: WeighedImage | Failure | None,
    ignores: Sequence[Ignore],
    *,
    noise_bytes: int | None,
    minimum_saving_bytes: int | None,
) -> ImageReport:
    failures = tuple(side for side in (base, head) if isinstance(side, Failure))
    base_image = base if isinstance(base, WeighedImage) else None
    head_image = head if isinstance(head, WeighedImage) else None
    blank = replace(_blank(plan), failures=failures)
    if isinstance(head, Failure):
        return replace(blank, status=Status.FAILED, reason=head.message, base=side_report(base_image))
    if isinstance(base, Failure):
        # Head stands for itself: without base nothing is said about growth, and nothing is taken for zero.
        reason = f"base could not be weighed: {base.message}"
        status = Status.CHANGED if head_image else Status.REMOVED
        return replace(
            blank,
            status=status,
            reason=reason,
            **{
                **compared_fields(None, head_image, ignores=ignores, minimum_saving_bytes=minimum_saving_bytes),
                "delta": Delta(),
                "layers": (),
                "packages": (),
                "packages_omitted": 0,
            },
        )
    return replace(
        blank,
        status=_status(base_image, head_image),
        reason=plan.reason,
        platform=plan.platform or _platform(head_image or base_image),
        **compared_fields(
            base_image,
            head_image,
            ignores=ignores,
            source=_source_change(plan),
            noise_bytes=noise_bytes,
            minimum_saving_bytes=minimum_saving_bytes,
        ),
    )


def _source_change(plan: ImagePlan) -> SourceChange:
    """What the repository alone says of an image's two sides."""
    base, head = (_base_image_name(side, plan.target) for side in (plan.base, plan.head))
    return SourceChange(edited=plan.change is not Change.UNAFFECTED, same_base_image=base is not None and base == head)


def _base_image_name(side: PlannedSide | None, target: str | None) -> str | None:
    """What the lowest ``FROM`` of the stages that make the image says."""
    if side is None or side.parsed is None:
        return None
    return side.parsed.chain(side.parsed.final_stage(target))[0].base


def _noise_bytes(
    tools: Tools,
    plan: ImagePlan,
    base: WeighedImage | Failure | None,
    again: _Built | Failure | None,
    images: Mapping[ImageReference, Image | WeighbridgeError],
) -> int | None:
    """By how much the second build of base differs from the first; ``None`` where there is none to compare."""
    if again is None or not isinstance(base, WeighedImage):
        return None
    second = images[again.reference] if isinstance(again, _Built) else again
    if isinstance(second, Image):
        return abs(second.unpacked_bytes - base.image.unpacked_bytes)
    why = second.message if isinstance(second, Failure) else text(str(second))
    tools.progress.warn(f"{plan.name}: the noise is not known, for base could not be built again: {why}")
    return None


def _status(base: WeighedImage | None, head: WeighedImage | None) -> Status:
    if base is None:
        return Status.ADDED
    if head is None:
        return Status.REMOVED
    same = [layer.diff_id for layer in base.layers] == [layer.diff_id for layer in head.layers]
    return Status.UNCHANGED if same and base.image.config == head.image.config else Status.CHANGED


def _platform(weighed: WeighedImage | None) -> str | None:
    return weighed.image.config.platform if weighed else None


def _report_of_existing(
    base: WeighedImage | None, head: WeighedImage, config: Config, *, base_ref: str | None, head_ref: str
) -> Report:
    image = replace(
        ImageReport(
            name=text(head_ref),
            dockerfile=None,
            context=None,
            target=None,
            platform=_platform(head),
            status=_status(base, head),
        ),
        **compared_fields(base, head, minimum_saving_bytes=config.tips.minimum_saving_bytes),
    )
    return assemble(
        [image],
        base=None if base_ref is None else Revision(ref=base_ref),
        head=Revision(ref=head_ref),
        limits={image.name: config.limits_of(image.name)},
        fail_on=config.checks.fail_on,
    )
