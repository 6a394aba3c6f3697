"""What a run is asked for, and the clients that it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import docker

from weighbridge.build.builder import BuildSettings
from weighbridge.build.client import BuildClient
from weighbridge.config import Config
from weighbridge.plan.shares import PartNumber
from weighbridge.progress.lines import Progress
from weighbridge.sources.measurement_cache import Measurements
from weighbridge.sources.reader import LayerReader


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The clients that the entry point constructed. The engine and the docker client are looked for when needed.

    `measurements` are those of earlier runs; what else is kept lies in `cache_folder`.
    """

    progress: Progress
    reader: LayerReader
    engine: Callable[[], docker.DockerClient]
    find_build_client: Callable[[], BuildClient]
    environment: Mapping[str, str]
    measurements: Measurements
    cache_folder: Path


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
    """What to compare, and how to build it.

    Without `head` it is what is checked out; without one of the two, base is where head left it. `secret_files` are
    BuildKit's secrets by their ID; `notes` are remarks for the report. `measure_noise` builds base a second time,
    without the cache, to learn by how much two builds of one commit differ. `start` really starts each built head.
    `use_memory` takes bases that an earlier run measured for built. `part` weighs one share of the images only. `jobs`
    images are built at a time; ``None``: as many as there are processors. `keep` leaves what was built where it is.
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
