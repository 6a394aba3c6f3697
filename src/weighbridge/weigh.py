"""The main job, from top to bottom: plan, build, read, weigh, compare, judge, report."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.config import Config
from weighbridge.domain.weighed import WeighedImage
from weighbridge.errors import UsageError
from weighbridge.layers.reference import ImageReference, Transport
from weighbridge.plan.checkout import checkout_trees
from weighbridge.plan.shares import is_built
from weighbridge.report.assemble import assemble
from weighbridge.report.model import Report
from weighbridge.steps.building import SIDES, Built, build_all, build_base_again, builder_of
from weighbridge.steps.comparing import (
    compared,
    ignores_of,
    noise_between_builds,
    report_of_existing,
    unaffected,
)
from weighbridge.steps.planning import bake_finder, plan_range, share, uncommitted_notes
from weighbridge.steps.platforms import buildable
from weighbridge.steps.proposing import Proposer
from weighbridge.steps.rebuilding import Rebuilder
from weighbridge.steps.request import DiffRequest, Tools
from weighbridge.steps.starting import tried
from weighbridge.steps.verifying import verified
from weighbridge.steps.weighing import weigh_built, weigh_existing


def weigh_range(request: DiffRequest, tools: Tools) -> Report:
    """Build and compare the images of two git revisions.

    Raises GitError, ConfigError and UsageError, and EngineError where no engine answers; what goes wrong with one image
    is a `Failure` in the report.
    """
    planned = plan_range(request, bake_finder(tools.find_build_client, tools.environment))
    repository, base, head = planned.repository, planned.base, planned.head
    tools.progress.step(f"base {base.ref} is {base.sha}, head {head.ref} is {head.sha}")
    notes = (*planned.notes, *(uncommitted_notes(repository) if request.head is None else ()))
    for note in notes:
        tools.progress.warn(note)
    plans, part = share(planned.plans, request)
    to_build = [plan for plan in plans if is_built(plan, all_images=request.all_images)]
    reports = {plan.name: unaffected(plan) for plan in plans}
    if to_build:
        commits = {"base": str(base.sha), "head": str(head.sha)}
        with checkout_trees(repository, commits.values()) as trees, builder_of(request, tools) as builder:
            to_build, skipped = buildable(to_build, builder, tools.engine())
            reports |= skipped
            built = build_all(builder, to_build, {side: trees[commits[side]] for side in SIDES}, request)
            again = build_base_again(builder, to_build, built, trees[commits["base"]], request)
            references = [one.reference for one in (*built.values(), *again.values()) if isinstance(one, Built)]
            images = tools.reader.read(references)
            proposer = Proposer(builder=builder, tree=trees[commits["head"]], config=request.config)
            proposals = []
            for plan in to_build:
                base_built, head_built = (built[plan.name, side] for side in SIDES)
                weighed_base = weigh_built(tools, base_built, images, plan, "base")
                weighed_head = weigh_built(tools, head_built, images, plan, "head")
                ignores = ignores_of(request.config, plan, proposer.tree)
                noise_bytes = noise_between_builds(tools, plan, weighed_base, again.get(plan.name), images)
                report = compared(plan, weighed_base, weighed_head, ignores, noise_bytes=noise_bytes)
                if isinstance(head_built, Built) and isinstance(weighed_head, WeighedImage):
                    if request.start:
                        report = tried(tools, report, head_built.reference)
                    proposals.append(proposer.propose(plan.name, weighed_head, head_built, ignores))
                reports[plan.name] = report
            reports |= verified(reports, proposals, rebuilder=Rebuilder(builder, tools, request, proposer.tree))
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
        report = replace(report, images=tuple(tried(tools, image, reference) for image in report.images))
    return report
