"""Constructs the clients of a command. Other code uses them through `Tools`. Closes them at the end."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from weighbridge.build.builder import Builder
from weighbridge.build.client import find_build_client
from weighbridge.cli.options import RunOptions
from weighbridge.engine.connection import Engine
from weighbridge.progress.lines import Lines, Progress, Silent
from weighbridge.run.clients import Tools
from weighbridge.sources.credentials import docker_credentials
from weighbridge.sources.layer_cache import LayerCache, default_cache_folder
from weighbridge.sources.measurement_cache import Measurements
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.storage_helper import storage_helper


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
    cache_folder = cache_dir or default_cache_folder(environment)
    cache = LayerCache(cache_folder)
    reader = LayerReader(
        engine=engine,
        cache=cache,
        in_place=read_storage,
        helper=storage_helper if read_storage else None,
        say=progress.step,
        progress=lambda reading: progress.reading(reading.what, reading.done_bytes, reading.total_bytes),
        platform=platform,
        credentials=functools.partial(docker_credentials, config_folder=Path(docker_config) if docker_config else None),
    )
    with closing(engine), reader:
        yield Tools(
            progress=progress,
            reader=reader,
            engine=engine,
            find_build_client=lambda: find_build_client(environment),
            make_builder=lambda client, settings: Builder(
                client, engine, environment=environment, progress=progress, settings=settings
            ),
            environment=environment,
            measurements=Measurements(cache),
            cache_folder=cache_folder,
        )
