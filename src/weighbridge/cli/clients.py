"""Constructs the clients of a command. Other code uses them through `Tools`. Closes them at the end."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.cli.options import RunOptions
from weighbridge.engine.late_connection import Engine
from weighbridge.errors import UsageError
from weighbridge.progress.lines import Lines, Progress, Silent
from weighbridge.run.clients import ImageBuilder, Tools
from weighbridge.sources.credentials import docker_credentials
from weighbridge.sources.layer_cache import LayerCache, default_cache_folder
from weighbridge.sources.measurement_cache import Measurements
from weighbridge.sources.reader import LayerReader

if TYPE_CHECKING:
    import docker

    from weighbridge.build.builder import BuildSettings
    from weighbridge.build.client import BuildClient
    from weighbridge.sources.storage_helper import StorageHelper


@contextmanager
def tools_for(run: RunOptions) -> Iterator[Tools]:
    """The clients for one run of a command. Progress goes to stderr."""
    progress = _progress(run)
    try:
        with make_tools(
            progress=progress,
            platform=run.platform,
            cache_dir=run.cache_dir,
            environment=os.environ,
            read_storage=run.read_storage == "auto",
        ) as tools:
            yield tools
    finally:
        progress.finish()


def _progress(run: RunOptions) -> Silent | Lines:
    """A live view on a terminal; permanent lines elsewhere and with ``--verbose``."""
    if run.quiet:
        return Silent(stream=sys.stderr)
    if run.verbose or not sys.stderr.isatty():
        return Lines(verbose=run.verbose)
    from weighbridge.progress.live import LiveView  # noqa: PLC0415 - rich is slow to load, most runs lack a terminal

    return LiveView(sys.stderr)


@contextmanager
def make_tools(
    *,
    progress: Progress,
    platform: str | None,
    cache_dir: Path | None,
    environment: Mapping[str, str],
    read_storage: bool,
) -> Iterator[Tools]:
    """The real clients, also for the Action. Connects to the engine on first use."""
    engine = Engine(environment)
    docker_config = environment.get("DOCKER_CONFIG")
    with ExitStack() as stack:
        stack.enter_context(closing(engine))
        cache_folder = cache_dir or stack.enter_context(_usable_cache_folder(environment, progress))
        cache = LayerCache(cache_folder)
        config_folder = Path(docker_config) if docker_config else None
        reader = LayerReader(
            engine=engine,
            engine_socket=engine.socket_without_client,
            cache=cache,
            in_place=read_storage,
            helper=_storage_helper if read_storage else None,
            say=progress.step,
            progress=lambda reading: progress.reading(reading.what, reading.done_bytes, reading.total_bytes),
            platform=platform,
            credentials=functools.partial(docker_credentials, config_folder=config_folder),
        )
        yield Tools(
            progress=progress,
            reader=stack.enter_context(reader),
            engine=engine,
            find_build_client=functools.partial(_find_build_client, environment),
            make_builder=functools.partial(_make_builder, engine, environment, progress),
            environment=environment,
            measurements=Measurements(cache),
            cache_folder=cache_folder,
        )


def _storage_helper(client: docker.DockerClient) -> StorageHelper | None:
    from weighbridge.sources.storage_helper import storage_helper  # noqa: PLC0415 - images in files need no helper

    return storage_helper(client)


def _find_build_client(environment: Mapping[str, str]) -> BuildClient:
    from weighbridge.build.client import find_build_client  # noqa: PLC0415 - many commands build nothing

    return find_build_client(environment)


def _make_builder(
    engine: Engine, environment: Mapping[str, str], progress: Progress, client: BuildClient, settings: BuildSettings
) -> ImageBuilder:
    from weighbridge.build.builder import Builder  # noqa: PLC0415 - many commands build nothing

    return Builder(client, engine, environment=environment, progress=progress, settings=settings)


@contextmanager
def _usable_cache_folder(environment: Mapping[str, str], progress: Progress) -> Iterator[Path]:
    """The default cache folder; a temporary one if it cannot be written: a cache is best effort."""
    try:
        folder = default_cache_folder(environment)
        LayerCache(folder)
    except (UsageError, RuntimeError) as error:  # `Path.home` raises RuntimeError for a user without a home
        progress.warn(f"{error}. This run keeps no cache. Set --cache-dir")
        from weighbridge.temporary_folders import scratch_folder  # noqa: PLC0415 - most folders can be written

        with scratch_folder("weighbridge-cache-") as folder:
            yield folder
    else:
        yield folder
