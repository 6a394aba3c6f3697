"""The request of a run."""

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
    """Facts of the repository that a checkout may lack. ``None`` reads the fact from git.

    `name` is ``owner/name``. `is_on_default_branch`: head is a commit of the default branch. `resolve` finds the commit
    of a tag or branch, and raises GitError for an unknown one.
    """

    name: str | None = None
    is_on_default_branch: bool | None = None
    resolve: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffRequest:
    """Which revisions to compare, and how to build them.

    `head` defaults to the commit that is checked out, `base` to the merge base with the default branch.

    - `prepare`: the trusted command of each image that makes files which git does not hold.
    - `secret_files`: BuildKit secrets by ID.
    - `notes`: extra notes of the report.
    - `measure_noise`: builds base a second time without the cache, to measure how much two builds of a commit differ.
    - `start`: starts each built head.
    - `use_memory`: takes bases from the build cache.
    - `part`: weighs one share of the images.
    - `jobs`: maximum parallel builds; ``None``: one per processor.
    - `keep`: keeps the built images.
    - `defer_tips`: ends the run before the tips; a later run measures them.
    - `base_shown` and `head_shown`: the revisions' names in the report; ``None``: `base` and `head`.
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
    prepare: Mapping[str, Sequence[str]] = field(default_factory=dict)
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
