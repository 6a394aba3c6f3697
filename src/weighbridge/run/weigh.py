"""The main job, from top to bottom: plan, build, read, weigh, compare, judge, prove tips."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.build.masked_output import build_secrets
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.result.status import Status
from weighbridge.domain.result.tips import ImageTips
from weighbridge.domain.secret_values import SecretMask
from weighbridge.domain.side import SIDES, Side
from weighbridge.domain.tips.tip import DockerfileSource, SharedTip
from weighbridge.errors import DefectError, WeighbridgeError, contain_defects
from weighbridge.plan.dependencies import spread
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.plan.shares import is_built
from weighbridge.run.as_base_defines import (
    head_bytes_for_gate,
    merged_results,
    names_for_gate,
    with_definitions_of_base,
)
from weighbridge.run.build import build_all, build_base_again, build_seconds, builder_of
from weighbridge.run.build_cache import BuildCache, drift_note, open_build_cache
from weighbridge.run.build_outcome import (
    BuildOutcome,
    BuildOutcomes,
    BuiltSide,
    CachedSide,
    base_image_of,
    failure_of,
    titles_of,
)
from weighbridge.run.clients import ImageBuilder, Tools
from weighbridge.run.compare import (
    compare_planned,
    failed_comparison,
    ignore_remarks,
    ignores_of,
    noise_between_builds,
)
from weighbridge.run.dependencies import notes_of_tags
from weighbridge.run.judge import judge_and_record
from weighbridge.run.masking import MaskedProgress, masked_errors
from weighbridge.run.onbuild import with_onbuild
from weighbridge.run.other_builders import other_builder_of, with_builder
from weighbridge.run.plan import Planned, bake_finder, checkout_sides, plan_range, share, uncommitted_notes
from weighbridge.run.platforms import buildable
from weighbridge.run.prefetch import Prefetch
from weighbridge.run.prepare import Preparation
from weighbridge.run.propose_tips import Proposer, shared_tips, why_tips_are_not_built
from weighbridge.run.prove_tips import prove_tips
from weighbridge.run.read import weigh_built
from weighbridge.run.rebuild import Rebuilder
from weighbridge.run.repository_sides import RepositorySides
from weighbridge.run.request import DiffRequest
from weighbridge.run.start import start_image
from weighbridge.run.tip_cache import TipCache
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.onbuild import onbuild_instructions
from weighbridge.sources.reference import ImageReference

OnVerdict = Callable[[RunResult], None]
"""Receives a result with its verdict, before the tips are measured."""


def weigh_range(request: DiffRequest, tools: Tools, *, on_verdict: OnVerdict = lambda _: None) -> RunResult:
    """Build and compare the images of two git revisions.

    Calls `on_verdict` with the verdict if tips are measured afterwards. Tips never change the verdict.

    Raises GitError, ConfigError, UsageError, and EngineError if no engine answers. A failure of one image is a
    `SideFailure` in its result.
    """
    with masked_errors(SecretMask(build_secrets(request.build_args, request.secret_files, tools.environment))):
        planned = plan_range(request, bake_finder(tools.find_build_client, tools.environment))
        secrets = _secrets(planned, request, tools)
    with masked_errors(secrets):
        masked = replace(tools, progress=MaskedProgress(progress=tools.progress, mask=secrets))
        return _weigh_planned(planned, request, masked, secrets, on_verdict)


def _weigh_planned(
    planned: Planned, request: DiffRequest, tools: Tools, secrets: SecretMask, on_verdict: OnVerdict
) -> RunResult:
    """Build, compare and judge the images of a plan, and measure their tips: see `weigh_range`."""
    planned = replace(planned, notes=_announced_notes(planned, request, tools))
    shared, part = share(planned.plans, request)
    plans = _decided(planned, shared, tools)
    judge = functools.partial(judge_and_record, replace(planned, plans=plans), request, tools, secrets=secrets)
    to_build = [plan for plan in plans if plan.problem is None and is_built(plan, all_images=request.all_images)]
    if not to_build:
        return replace(judge({}, ()), part=part)
    with _open_job(planned, to_build, request, tools) as job:
        weighed = _build_and_weigh(job, job.plans, job.trees)
        weighed, notes = _rebuild_stale_bases(job, weighed)
        results = merged_results({**job.skipped, **{name: one.result for name, one in weighed.items()}}, to_build)
        weighed = {name: one for name, one in weighed.items() if name not in job.gate_names.values()}
        result = replace(judge(results, (*notes, *notes_of_tags(job.plans, job.builder.client))), part=part)
        not_built = why_tips_are_not_built(planned, request)
        if not_built is None and any(_is_changed(one.result) for one in weighed.values()):
            pending = replace(result, tips_pending=True)
            if request.defer_tips:
                return pending
            on_verdict(pending)
        return _with_tips(job, result, weighed, not_built=not_built)


def _decided(planned: Planned, plans: Sequence[ImagePlan], tools: Tools) -> tuple[ImagePlan, ...]:
    """`plans`, after base images and the builder decide which unaffected images they affect, and what builds on those.

    Only an image without a change has the flags for it.
    """
    needed = with_onbuild(planned.needed, lambda name: onbuild_instructions(name, tools.engine))
    needed = with_builder(needed, lambda: other_builder_of(tools))
    decided = {plan.name: plan for plan in spread(needed)}
    return tuple(decided[plan.name] for plan in plans)


def _secrets(planned: Planned, request: DiffRequest, tools: Tools) -> SecretMask:
    """Masks the secrets of the run's builds in the report."""
    sides = [side for plan in planned.needed for side in (plan.base, plan.head) if side is not None]
    arguments = [build_secrets(side.build_args, {}, {}) for side in sides if side.build_args]
    return SecretMask(
        (
            *build_secrets(request.build_args, request.secret_files, tools.environment),
            *(one for all_ in arguments for one in all_),
        )
    )


def _announced_notes(planned: Planned, request: DiffRequest, tools: Tools) -> tuple[str, ...]:
    tools.progress.step(f"base {planned.base.words}, head {planned.head.words}")
    notes = (*planned.notes, *(uncommitted_notes(planned.repository) if request.head is None else ()))
    for note in notes:
        tools.progress.warn(note)
    return notes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """State that the steps of one run share. `plans` are the images to build, `skipped` the images without a build.

    `gate_names` are the names of the builds as base defines an image, by image. `trees` are the checkouts. Base has
    none if no base must be built.
    """

    planned: Planned
    plans: Sequence[ImagePlan]
    skipped: Mapping[str, ImageResult]
    gate_names: Mapping[str, str]
    builder: ImageBuilder
    cache: BuildCache
    trees: Mapping[Side, Path]
    request: DiffRequest
    tools: Tools


@contextmanager
def _open_job(planned: Planned, plans: Sequence[ImagePlan], request: DiffRequest, tools: Tools) -> Iterator[_Job]:
    """Opens the builder, the build cache and the checkouts of a run, and removes them at the end."""
    with builder_of(request, tools) as builder:
        gate_names = names_for_gate(plans)
        plans, skipped = buildable(with_definitions_of_base(plans), builder)
        cache = open_build_cache(planned, plans, builder, request, tools)
        with checkout_sides(planned, ["head"] if cache.has_all(plans) else SIDES, plans) as trees:
            yield _Job(
                planned=planned,
                plans=plans,
                skipped=skipped,
                gate_names=gate_names,
                builder=builder,
                cache=cache,
                trees=trees,
                request=request,
                tools=tools,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Weighed:
    """One built and weighed image. It holds `head` for its tips. It does not hold base, because base is large."""

    plan: ImagePlan
    built_head: BuildOutcome
    head: WeighedImage | None
    base_bytes: int | None
    result: ImageResult

    @property
    def source(self) -> DockerfileSource | None:
        """The Dockerfile of head; ``None`` if this run did not build head."""
        return self.built_head.source if isinstance(self.built_head, BuiltSide) else None


def _build_and_weigh(job: _Job, plans: Sequence[ImagePlan], trees: Mapping[Side, Path]) -> dict[str, _Weighed]:
    """Build the sides that are not cached. Read, weigh and compare all sides, and store them in the build cache."""
    builder, request, tools, cache = job.builder, job.request, job.tools, job.cache
    cached = {plan.name: cache.bases[plan.name] for plan in plans if plan.name in cache.bases}
    with Prefetch(tools, cached.values()) as prefetch:
        built = build_all(
            builder,
            plans,
            trees,
            request,
            cached=cached,
            needed=job.planned.needed,
            on_built=prefetch.begin,
            preparation=Preparation(tools.environment, tools.progress, timeout_seconds=request.build.timeout_seconds),
            progress=tools.progress,
        )
    again = build_base_again(builder, plans, built, trees, request)
    readable = [one for one in (*built.values(), *again.values()) if isinstance(one, BuiltSide | CachedSide)]
    # Only base names the registry: a change must not choose where the sizes come from that its limit counts.
    bases = [one for (_, side), one in built.items() if side == "base" and isinstance(one, BuiltSide | CachedSide)]
    images = tools.reader.read(
        [one.reference for one in readable],
        titles=titles_of(readable),
        base_images={one.reference: name for one in bases if (name := base_image_of(one)) is not None},
    )
    weigh = functools.partial(
        _weigh_and_compare,
        job,
        built=built,
        again=again,
        images=images,
        sides=RepositorySides(job.planned),
        known=prefetch.take,
    )
    found = {}
    for plan in plans:
        try:
            with contain_defects():
                found[plan.name] = weigh(plan)
        except WeighbridgeError as error:
            failed = failed_comparison(plan, failure_of("head", error))
            found[plan.name] = _Weighed(
                plan=plan, built_head=built[plan.name, "head"], head=None, base_bytes=None, result=failed
            )
    return found


def _weigh_and_compare(
    job: _Job,
    plan: ImagePlan,
    *,
    built: BuildOutcomes,
    again: Mapping[str, BuiltSide | SideFailure | None],
    images: Mapping[ImageReference, Image | WeighbridgeError],
    sides: RepositorySides,
    known: Callable[[ImageReference, Image], WeighedImage | None],
) -> _Weighed:
    """Weigh the two sides of an image, compare them, and keep them in the build cache."""
    request, tools, cache = job.request, job.tools, job.cache
    built_base, built_head = (built[plan.name, side] for side in SIDES)
    rebuilt_by = built_head.reference if isinstance(built_head, BuiltSide) else None
    base = weigh_built(tools, built_base, images, plan, "base", rebuilt_by=rebuilt_by, known=known)
    head = weigh_built(tools, built_head, images, plan, "head", known=known)
    cache.keep(plan, built, {"base": base, "head": head})
    cached_base = cache.cached_base(plan.name)
    result = compare_planned(
        plan,
        base,
        head,
        ignores_of(request.config, plan),
        noise_bytes=noise_between_builds(tools, plan, base, again.get(plan.name), images),
        other_image_moved=bool(cached_base and cached_base.moved_images),
        repository=functools.partial(sides.of, plan),
        extras=request.config.extras.of_one_image(len({name for name, _ in built})),
    )
    trial = None
    if request.start and isinstance(built_head, BuiltSide) and isinstance(head, WeighedImage):
        trial = start_image(tools, plan.name, head, functools.partial(job.builder.in_engine, built_head.reference))
    return _Weighed(
        plan=plan,
        built_head=built_head,
        head=head if isinstance(head, WeighedImage) else None,
        base_bytes=base.image.unpacked_bytes if isinstance(base, WeighedImage) else None,
        result=replace(
            result,
            cached_base=cached_base,
            trial=trial,
            build_seconds=build_seconds((built_base, built_head)),
            remarks=ignore_remarks(plan),
            growth_unknown_because=result.growth_unknown_because or plan.growth_unknown_because,
        ),
    )


def _rebuild_stale_bases(job: _Job, weighed: Mapping[str, _Weighed]) -> tuple[dict[str, _Weighed], tuple[str, ...]]:
    """Rebuild cached bases whose result cannot be trusted, and weigh their images again. Returns notes on drift too."""
    head_bytes = {name: one.head.image.unpacked_bytes for name, one in weighed.items() if one.head is not None}

    def is_stale(one: _Weighed) -> bool:
        name = one.plan.name
        largest_bytes = head_bytes_for_gate(name, job.gate_names.get(name), head_bytes)
        return job.cache.is_stale(one.plan, one.base_bytes, largest_bytes, job.request)

    stale = [one.plan for one in weighed.values() if is_stale(one)]
    if not stale:
        return dict(weighed), ()
    dropped = {plan.name: job.cache.drop(plan, weighed[plan.name].base_bytes) for plan in stale}
    with checkout_sides(job.planned, [] if "base" in job.trees else ["base"], stale) as more:
        again = _build_and_weigh(job, stale, {**job.trees, **more})
    notes = (drift_note(name, was, again[name].base_bytes) for name, was in dropped.items())
    return {**weighed, **again}, tuple(note for note in notes if note is not None)


def _with_tips(job: _Job, result: RunResult, weighed: Mapping[str, _Weighed], *, not_built: str | None) -> RunResult:
    """The run with the tips of each image and the layers that images could share. Tips never change the verdict.

    Tips are built and measured unless `not_built` has a reason.
    """
    defects: list[str] = []
    try:
        with contain_defects():
            tips, shared = _tips(job, weighed, defects, not_built=not_built)
    except DefectError as error:
        return result.without_tips(str(error)).with_defects([*defects, str(error)])
    except WeighbridgeError as error:
        return result.without_tips(str(error)).with_defects(defects)
    return result.with_tips(tips, shared).with_defects(defects)


def _tips(
    job: _Job, weighed: Mapping[str, _Weighed], defects: list[str], *, not_built: str | None
) -> tuple[dict[str, ImageTips], tuple[SharedTip, ...]]:
    """The tips of each image, and the layers that images could share. Tips that cannot be found are in `defects`.

    Builds patches unless `not_built` has a reason.
    """
    config, tree = job.request.config, job.trees["head"]
    heads = {
        name: (one.head, one.source) for name, one in weighed.items() if one.head is not None and one.source is not None
    }
    shared: tuple[SharedTip, ...] = ()
    with _noting(defects, "shared tips"):
        shared = shared_tips(heads, config)
    with_ladder = not_built is None and config.tips.ladder
    proposer = Proposer(builder=job.builder, tree=tree, config=config, with_ladder=with_ladder)
    proposals = []
    for name, one in weighed.items():
        if one.head is not None and isinstance(one.built_head, BuiltSide):
            with _noting(defects, name):
                proposals.append(
                    proposer.propose(
                        name,
                        one.head,
                        one.built_head,
                        ignores_of(config, one.plan),
                        is_changed=_is_changed(one.result),
                        trial=one.result.trial,
                        head_key=job.cache.head_key(name),
                    )
                )
    maximum_age_seconds = config.tips.maximum_age_seconds if job.request.use_memory else 0
    rebuilder = Rebuilder(
        job.builder,
        job.tools,
        job.request,
        tree,
        cache=TipCache(LayerCache(job.tools.cache_folder), maximum_age_seconds=maximum_age_seconds),
        commit=str(job.planned.head.sha),
        circumstances=job.cache.circumstances,
    )
    return prove_tips(proposals, rebuilder, not_built=not_built), shared


@contextmanager
def _noting(defects: list[str], what: str) -> Iterator[None]:
    """Add an internal error of the block to `defects`, with the name `what`; the run continues after the block."""
    try:
        with contain_defects():
            yield
    except DefectError as error:
        defects.append(f"{what}: tips were not found: {error}")


def _is_changed(image: ImageResult) -> bool:
    return image.status in {Status.CHANGED, Status.ADDED}
