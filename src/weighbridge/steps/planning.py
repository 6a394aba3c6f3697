"""First step: which images of which commits, and which of them this run builds."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.plan.discover import plan_images
from weighbridge.plan.git import (
    Repository,
    default_branch,
    merge_base,
    open_repository,
    resolve_commit,
    uncommitted_paths,
)
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.plan.shares import share_out
from weighbridge.report.model import Part, Revision
from weighbridge.steps.request import DiffRequest

_SHOWN_PATHS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A range and its images, the unaffected too, by name."""

    repository: Repository
    base: Revision
    head: Revision
    plans: tuple[ImagePlan, ...]


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


def share(plans: tuple[ImagePlan, ...], request: DiffRequest) -> tuple[tuple[ImagePlan, ...], Part | None]:
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


def uncommitted_notes(repository: Repository) -> tuple[str, ...]:
    """What is to be said of files that differ from the commit which is checked out."""
    paths = uncommitted_paths(repository)
    if not paths:
        return ()
    shown = ", ".join(paths[:_SHOWN_PATHS]) + (f" and {len(paths) - _SHOWN_PATHS} more" * (len(paths) > _SHOWN_PATHS))
    return (f"uncommitted files stay out: {shown}",)
