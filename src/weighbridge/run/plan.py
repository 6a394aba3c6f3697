"""Plans a run: finds the images of both commits, and selects the images to build."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.domain.result.revision import Part, Revision
from weighbridge.domain.side import Side
from weighbridge.errors import EngineError
from weighbridge.plan.bake import Bake
from weighbridge.plan.checkout import checkout_trees
from weighbridge.plan.definition_files import FindBake
from weighbridge.plan.discover import Overrides, plan_images
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
from weighbridge.plan.tree import ROOT
from weighbridge.run.request import DiffRequest

_SHOWN_PATHS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A range and its images, also the unaffected ones, by name.

    `needed` also has the images that `plans` build on. `notes` name the parts of the repository that were not read.
    `left_out` has the reason for each skipped Dockerfile, by path.
    """

    repository: Repository
    base: Revision
    head: Revision
    plans: tuple[ImagePlan, ...]
    needed: tuple[ImagePlan, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def revision(self, side: Side) -> Revision:
        """The revision of a side."""
        return self.base if side == "base" else self.head


def bake_finder(find_build_client: Callable[[], BuildClient], environment: Mapping[str, str]) -> FindBake:
    """Returns a function that looks for buildx, which reads bake and Compose files."""

    def find() -> Bake | None:
        try:
            client = find_build_client()
        except EngineError:
            return None
        return Bake(buildx=client.buildx(), environment=environment) if client.kind is BuildKind.BUILDX else None

    return find


def plan_range(request: DiffRequest, find_bake: FindBake) -> Planned:
    """Plan the builds of `weigh_range` without an engine. Raises GitError, ConfigError and UsageError."""
    repository = open_repository(request.repo)
    base, head = resolve_range(repository, request.base, request.head)
    found = plan_images(
        repository,
        str(base.sha),
        str(head.sha),
        request.config,
        base_config=request.base_config,
        image_globs=request.image_globs,
        overrides=Overrides(
            target=request.target,
            context=request.context,
            platform=request.platform,
            build_args=request.build_args,
            prepare=request.prepare,
        ),
        find_bake=find_bake,
    )
    return Planned(
        repository=repository,
        base=base,
        head=head,
        plans=found.plans,
        needed=found.needed,
        notes=found.notes,
        left_out=found.left_out,
    )


@contextmanager
def checkout_sides(planned: Planned, sides: Iterable[Side], plans: Sequence[ImagePlan]) -> Iterator[dict[Side, Path]]:
    """Makes clean checkouts of `sides` with the files of `plans`, and removes them at the end. Raises GitError."""
    commits: dict[Side, str] = {side: str(planned.revision(side).sha) for side in sides}
    needed: dict[str, set[str]] = {}
    for side, commit in commits.items():
        needed.setdefault(commit, set()).update(_needed_paths(planned, side, plans))
    paths = {commit: sorted(found) for commit, found in needed.items() if ROOT not in found}
    with checkout_trees(planned.repository, commits.values(), paths=paths) as trees:
        yield {side: trees[commit] for side, commit in commits.items()}


def _needed_paths(planned: Planned, side: Side, plans: Sequence[ImagePlan]) -> set[str]:
    """The files and folders of a side that `plans` and their dependencies need."""
    by_image: dict[str, list[ImagePlan]] = {}
    for plan in planned.needed:
        by_image.setdefault(plan.image, []).append(plan)
    own = (side_of for plan in plans if (side_of := plan.side(side)) is not None)
    paths = {path for one in own for path in (one.paths if one.failure is None else one.dockerfiles)}
    seen: set[str] = set()
    waiting = {plan.image for plan in plans}
    while waiting:
        image = waiting.pop()
        seen.add(image)
        for plan in by_image.get(image, ()):
            one = plan.side(side)
            if one is not None:
                # A side that cannot be built may name missing files; only its Dockerfile is needed.
                paths |= set(one.paths) if one.failure is None else set(one.dockerfiles)
                waiting |= set(one.builds_on) - seen
    return paths


def share(plans: tuple[ImagePlan, ...], request: DiffRequest) -> tuple[tuple[ImagePlan, ...], Part | None]:
    """The images of the requested part, and the part for the report; all images if the request has no part."""
    if request.part is None:
        return plans, None
    shares = share_out(plans, request.part, all_images=request.all_images)
    names = tuple(tuple(plan.name for plan in share) for share in shares)
    part = Part(number=request.part.number, count=request.part.count, images=names)
    return shares[request.part.number - 1], part


def resolve_range(repository: Repository, base: str | None, head: str | None) -> tuple[Revision, Revision]:
    """The two commits of a range. Without `base` or `head`, base is where head left the default branch.

    Raises GitError.
    """
    head_ref = head or "HEAD"
    head_sha = resolve_commit(repository, head_ref)
    if base is not None and head is not None:
        return Revision(ref=base, sha=resolve_commit(repository, base)), Revision(ref=head_ref, sha=head_sha)
    base_ref = base or default_branch(repository)
    base_sha = merge_base(repository, resolve_commit(repository, base_ref), head_sha)
    return Revision(ref=base_ref, sha=base_sha), Revision(ref=head_ref, sha=head_sha)


def uncommitted_notes(repository: Repository) -> tuple[str, ...]:
    """Notes on files that differ from the commit that is checked out."""
    paths = uncommitted_paths(repository)
    if not paths:
        return ()
    shown = ", ".join(paths[:_SHOWN_PATHS]) + (f" and {len(paths) - _SHOWN_PATHS} more" * (len(paths) > _SHOWN_PATHS))
    return (f"uncommitted files are ignored: {shown}",)
