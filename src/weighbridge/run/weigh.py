"""The main job, from top to bottom: plan, build, read, weigh, compare, judge, report."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.build.builder import Builder
from weighbridge.config import Config
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.side import SIDES, Side
from weighbridge.domain.tips.tip import DockerfileSource, SharedTip
from weighbridge.errors import UsageError
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.plan.shares import is_built
from weighbridge.report.assemble import assemble
from weighbridge.report.model import Failure, ImageReport, Report
from weighbridge.run.build import Built, Remembered, build_all, build_base_again, builder_of, titles_of
from weighbridge.run.build_cache import Memory, drift_notes, open_memory
from weighbridge.run.compare import (
    compared,
    ignores_of,
    noise_between_builds,
    report_of_existing,
    unaffected,
)
from weighbridge.run.dependencies import notes_of_tags
from weighbridge.run.plan import Planned, bake_finder, checkout_sides, plan_range, share, uncommitted_notes
from weighbridge.run.platforms import buildable
from weighbridge.run.prefetch import Ahead
from weighbridge.run.propose_tips import Proposer, shared_tips
from weighbridge.run.prove_tips import verified
from weighbridge.run.read import weigh_built, weigh_existing
from weighbridge.run.rebuild import Rebuilder
from weighbridge.run.request import DiffRequest, Tools
from weighbridge.run.size_history import build_seconds, open_history, ratchet_notes, record_of
from weighbridge.run.start import tried
from weighbridge.sources.reference import ImageReference, Transport


def weigh_range(request: DiffRequest, tools: Tools) -> Report:
    """Build and compare the images of two git revisions.

    Raises GitError, ConfigError and UsageError, and EngineError where no engine answers; what goes wrong with one image
    is a `Failure` in the report.
    """
    planned = plan_range(request, bake_finder(tools.find_build_client, tools.environment))
    base, head = planned.base, planned.head
    tools.progress.step(f"base {base.ref} is {base.sha}, head {head.ref} is {head.sha}")
    notes = (*planned.notes, *(uncommitted_notes(planned.repository) if request.head is None else ()))
    for note in notes:
        tools.progress.warn(note)
    plans, part = share(planned.plans, request)
    to_build = [plan for plan in plans if is_built(plan, all_images=request.all_images)]
    reports = {plan.name: unaffected(plan) for plan in plans}
    shared: tuple[SharedTip, ...] = ()
    if to_build:
        with builder_of(request, tools) as builder:
            weighed = _build_and_weigh(planned, to_build, builder, request, tools)
        reports |= weighed.reports
        shared, notes = weighed.shared, (*notes, *weighed.notes)
    limits = {plan.name: request.config.limits_of(plan.image) for plan in plans}
    history = open_history(planned.repository, request, tools)
    images = [history.told(reports[plan.name], limits[plan.name], head.sha) for plan in plans]
    history.keep(record_of(planned, reports, request))
    return assemble(
        images,
        base=base,
        head=head,
        limits=limits,
        fail_on=request.config.checks.fail_on,
        notes=(*request.notes, *notes, *ratchet_notes(images)),
        part=part,
        shared_tips=shared,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """What building and weighing gave: a report for each image, what images could share, and remarks."""

    reports: dict[str, ImageReport]
    shared: tuple[SharedTip, ...]
    notes: tuple[str, ...]


def _build_and_weigh(
    planned: Planned, plans: Sequence[ImagePlan], builder: Builder, request: DiffRequest, tools: Tools
) -> _Outcome:
    """Build, weigh and compare `plans`, then build what their tips propose."""
    plans, skipped = buildable(plans, builder)
    memory = open_memory(planned, plans, builder, request, tools)
    with checkout_sides(planned, ["head"] if memory.has_all(plans) else SIDES, plans) as trees:
        weighed = _weigh_built(planned, plans, trees, builder, memory, request=request, tools=tools)
        weighed, notes = _without_doubt(
            weighed, planned, plans, trees, builder=builder, memory=memory, request=request, tools=tools
        )
        proposer = Proposer(builder=builder, tree=trees["head"], config=request.config)
        shared = shared_tips(weighed.heads, request.config)
        proposals = [
            proposer.propose(plan.name, image, built, ignores_of(request.config, plan, proposer.tree))
            for plan in plans
            if isinstance(built := weighed.built[plan.name, "head"], Built)
            and (image := weighed.head_images.get(plan.name)) is not None
        ]
        reports = skipped | weighed.reports
        reports |= verified(reports, proposals, rebuilder=Rebuilder(builder, tools, request, proposer.tree))
    return _Outcome(reports=reports, shared=shared, notes=(*notes, *notes_of_tags(plans, builder.client)))


def _without_doubt(
    weighed: _Weighed,
    planned: Planned,
    plans: Sequence[ImagePlan],
    trees: Mapping[Side, Path],
    *,
    builder: Builder,
    memory: Memory,
    request: DiffRequest,
    tools: Tools,
) -> tuple[_Weighed, tuple[str, ...]]:
    """`weighed`, with the remembered bases that cannot stand built after all, and what is to be said of those."""
    doubtful = [
        plan
        for plan in plans
        if memory.is_doubtful(plan, weighed.base_bytes.get(plan.name), weighed.head_images.get(plan.name), request)
    ]
    if not doubtful:
        return weighed, ()
    forgotten = memory.forget(doubtful, weighed.base_bytes)
    with checkout_sides(planned, [] if "base" in trees else ["base"], doubtful) as more:
        weighed |= _weigh_built(planned, doubtful, {**trees, **more}, builder, memory, request=request, tools=tools)
    return weighed, drift_notes(forgotten, weighed.base_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Weighed:
    """Some images, built and weighed, and what the report says of each. `base_bytes` is ``None`` where not known.

    Of base only that is kept: a weighed image is large.
    """

    built: dict[tuple[str, Side], Built | Remembered | Failure | None]
    head_images: dict[str, WeighedImage]
    base_bytes: dict[str, int | None]
    reports: dict[str, ImageReport]

    @property
    def heads(self) -> dict[str, tuple[WeighedImage, DockerfileSource]]:
        """The heads that were built and weighed, each with its Dockerfile."""
        return {
            name: (image, built.source)
            for name, image in self.head_images.items()
            if isinstance(built := self.built[name, "head"], Built)
        }

    def __or__(self, later: _Weighed) -> _Weighed:
        return _Weighed(
            built=self.built | later.built,
            head_images=self.head_images | later.head_images,
            base_bytes=self.base_bytes | later.base_bytes,
            reports=self.reports | later.reports,
        )


def _weigh_built(
    planned: Planned,
    plans: Sequence[ImagePlan],
    trees: Mapping[Side, Path],
    builder: Builder,
    memory: Memory,
    *,
    request: DiffRequest,
    tools: Tools,
) -> _Weighed:
    """Build what is not remembered, read, weigh, compare; what was built is kept in memory."""
    with Ahead(tools, [memory.remembered[plan.name] for plan in plans if plan.name in memory.remembered]) as ahead:
        built = build_all(
            builder, plans, trees, request, remembered=memory.remembered, needed=planned.needed, on_built=ahead.begin
        )
    again = build_base_again(builder, plans, built, trees, request)
    weighed = _Weighed(built=built, head_images={}, base_bytes={}, reports={})
    there = [one for one in (*built.values(), *again.values()) if isinstance(one, Built | Remembered)]
    images = tools.reader.read([one.reference for one in there], titles=titles_of(there))
    for plan in plans:
        base_built, head_built = (built[plan.name, side] for side in SIDES)
        rebuilt_by = head_built.reference if isinstance(head_built, Built) else None
        base = weigh_built(tools, base_built, images, plan, "base", rebuilt_by=rebuilt_by, known=ahead.take)
        head = weigh_built(tools, head_built, images, plan, "head")
        if isinstance(head, WeighedImage):
            weighed.head_images[plan.name] = head
        weighed.base_bytes[plan.name] = base.image.unpacked_bytes if isinstance(base, WeighedImage) else None
        memory.keep(plan, built, {"base": base, "head": head})
        report = compared(
            plan,
            base,
            head,
            ignores_of(request.config, plan, trees["head"]),
            noise_bytes=noise_between_builds(tools, plan, base, again.get(plan.name), images),
            other_image_moved=bool(memory.moved_images(plan.name)),
        )
        if request.start and isinstance(head_built, Built) and isinstance(head, WeighedImage):
            report = tried(tools, report, functools.partial(builder.in_engine, head_built.reference))
        report = replace(report, build_seconds=build_seconds([base_built, head_built]))
        weighed.reports[plan.name] = memory.told(report)
    return weighed


def compare_images(old: ImageReference, new: ImageReference, config: Config, tools: Tools) -> Report:
    """Compare two existing images. Raises what reading either of them raises."""
    base, head = weigh_existing([old, new], tools)
    return report_of_existing(base, head, config, base_ref=str(old), head_ref=str(new))


def inspect_image(reference: ImageReference, config: Config, tools: Tools, *, start: bool = False) -> Report:
    """Weigh one existing image; with `start`, really start it too. Raises what reading it raises.

    Raises UsageError where an image that is not in the engine is to be started.
    """
    if start and reference.transport is not Transport.ENGINE:
        raise UsageError(
            f"--start needs an image that is in the engine; {reference} is not. Load it first, or leave --start out."
        )
    (head,) = weigh_existing([reference], tools)
    report = report_of_existing(None, head, config, base_ref=None, head_ref=str(reference))
    if start:
        report = replace(report, images=tuple(tried(tools, image, lambda: reference.place) for image in report.images))
    return report
