"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.build.builder import BuildSettings
from weighbridge.config import Config
from weighbridge.domain.result.revision import Revision
from weighbridge.plan.shares import PartNumber


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRepository:
    """What the caller knows of the repository that a checkout alone may not say; ``None`` asks git.

    `name` is ``owner/name``; `is_on_default_branch` says whether head is one of the default branch's commits, and
    `resolve` finds the commit of a tag or branch: it raises GitError for one that is not known.
    """

    name: str | None = None
    is_on_default_branch: bool | None = None
    resolve: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffRequest:
    """Which revisions to compare, and how to build them.

    Without `head` it is the commit that is checked out; without `base` or `head`, base is the merge base with the
    default branch. `secret_files` are BuildKit's secrets by their ID. `notes` go into the report. `measure_noise`
    builds base a second time, without the cache, to learn by how much two builds of one commit differ. `start` really
    starts each built head. `use_memory` takes bases from the build cache. `part` weighs one share of the images. `jobs`
    is the maximum of parallel builds; ``None``: one for each processor. `keep` leaves the built images in place.
    `defer_tips` ends the run with the verdict, where tips would be measured; a later run measures them.
    `base_shown` and `head_shown` are what the report calls the two revisions; ``None``: as they are given here.
    """

    repo: Path
    base: str | None
    head: str | None
    config: Config
    base_config: Config | None = None
    base_shown: Revision | None = None
    head_shown: Revision | None = None
    image_globs: Sequence[str] = ()
    all_images: bool = False
    target: str | None = None
    context: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    build: BuildSettings = field(default_factory=BuildSettings)
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    notes: Sequence[str] = ()
    measure_noise: bool = False
    known: KnownRepository = field(default_factory=KnownRepository)
    use_memory: bool = True
    start: bool = False
    part: PartNumber | None = None
    jobs: int | None = None
    keep: bool = False
    defer_tips: bool = False
