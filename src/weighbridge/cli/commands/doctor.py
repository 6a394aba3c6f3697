"""The command `weighbridge doctor`."""

from __future__ import annotations

import enum
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import docker

from weighbridge import __version__
from weighbridge.build.client import BuildClient, BuildKind, ask, find_build_client
from weighbridge.build.driver import find_driver
from weighbridge.build.podman import is_podman
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import cache_dir_option, debug_option
from weighbridge.engine.connection import connect_to_engine, engine_host
from weighbridge.errors import EngineError, ExitCode
from weighbridge.progress.text import without_controls
from weighbridge.sources.layer_cache import default_cache_folder

_DRIVER_TYPE = "driver-type"
_CONTAINERD = "io.containerd.snapshotter.v1"


class ProbeState(enum.StrEnum):
    """The result of a probe."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One part that Weighbridge uses. `advice` says what to do if it is missing or limited.

    `is_required` means that `diff` cannot work without it.
    """

    name: str
    state: ProbeState
    found: str
    advice: str = ""
    is_required: bool = False


@click.command(epilog=EXIT_CODES)
@click.option("--builder", metavar="NAME", help="Builder of buildx. [default: the current one]")
@cache_dir_option
@debug_option
def doctor(*, builder: str | None, cache_dir: Path | None, debug: bool) -> ExitCode:
    """Shows what Weighbridge finds and uses on this machine, and what is missing.

    Exits with 4 if a part is missing that `diff` needs.
    """
    del debug
    probes = tuple(probe_all(os.environ, builder=builder, cache_folder=cache_dir))
    width = max(len(probe.name) for probe in probes)
    for probe in probes:
        click.echo(f"{probe.state:8}{probe.name:{width}}  {without_controls(probe.found)}")
        if probe.advice:
            click.echo(f"{'':8}{'':{width}}  → {probe.advice}")
    lacks = [probe.name for probe in probes if probe.is_required and probe.state is ProbeState.MISSING]
    if lacks:
        click.echo(f"\n`diff` cannot work without: {', '.join(lacks)}.")
        return ExitCode.UNAVAILABLE
    click.echo("\n`diff` can build and compare images here.")
    return ExitCode.PASSED


def probe_all(environment: Mapping[str, str], *, builder: str | None, cache_folder: Path | None) -> Iterator[Probe]:
    """Probe everything that a run uses, in the order of use. Changes nothing."""
    yield Probe(
        name="weighbridge",
        state=ProbeState.OK,
        found=f"{__version__}, Python {platform.python_version()} on {platform.machine()}",
    )
    yield _git(environment)
    yield from _engine(environment)
    yield from _building(environment, builder)
    yield _cache(cache_folder or default_cache_folder(environment))
    yield _credentials(environment)


def _git(environment: Mapping[str, str]) -> Probe:
    answer = ask(["git", "--version"], environment)
    if answer.output is None:
        advice = "Install git. `compare`, `inspect` and `lint` work without it."
        return Probe(name="git", state=ProbeState.MISSING, found=answer.error, advice=advice, is_required=True)
    return Probe(name="git", state=ProbeState.OK, found=answer.output.strip(), is_required=True)


def _engine(environment: Mapping[str, str]) -> Iterator[Probe]:
    try:
        client = connect_to_engine(environment)
    except EngineError as error:
        advice = "Images in files, folders and registries can be read without an engine."
        yield Probe(name="engine", state=ProbeState.MISSING, found=str(error), advice=advice, is_required=True)
        return
    try:
        facts = client.info()
        name = "Podman" if is_podman(client) else "Docker"
        found = f"{name} {facts.get('ServerVersion')} at {engine_host(environment)}"
        yield Probe(name="engine", state=ProbeState.OK, found=found, is_required=True)
        yield _store(facts, engine_host(environment), can_be_read_in_place=name == "Docker")
    except (docker.errors.DockerException, OSError) as error:
        yield Probe(name="engine", state=ProbeState.MISSING, found=str(error), is_required=True)
    finally:
        client.close()


def _store(facts: Mapping[str, object], host: str, *, can_be_read_in_place: bool) -> Probe:
    """The engine's image store, and how images are read from it."""
    status = facts.get("DriverStatus")
    rows = {str(row[0]): str(row[1]) for row in status if len(row) == 2} if isinstance(status, list) else {}
    store = "containerd" if rows.get(_DRIVER_TYPE) == _CONTAINERD else str(facts.get("Driver"))
    root = Path(str(facts.get("DockerRootDir")))
    if can_be_read_in_place and host.startswith("unix://") and os.access(root, os.R_OK | os.X_OK):
        return Probe(name="image store", state=ProbeState.OK, found=f"{store}, read in place at {root}")
    if not can_be_read_in_place:
        return Probe(name="image store", state=ProbeState.OK, found=f"{store}, read through docker save")
    return Probe(
        name="image store",
        state=ProbeState.LIMITED,
        found=f"{store}, read through docker save",
        advice=f"Reading is several times faster as a user with access to {root} (root, on the engine's machine).",
    )


def _building(environment: Mapping[str, str], builder: str | None) -> Iterator[Probe]:
    try:
        client = find_build_client(environment)
    except EngineError as error:
        yield Probe(name="build program", state=ProbeState.MISSING, found=str(error), is_required=True)
        return
    yield _program(client)
    try:
        driver = find_driver(client, environment, builder)
    except EngineError as error:
        advice = "List the builders with `docker buildx ls`."
        yield Probe(name="builder", state=ProbeState.MISSING, found=str(error), advice=advice, is_required=True)
        return
    place = "images go into the engine" if driver.is_engines_own else "images are read from OCI layouts"
    yield Probe(
        name="builder", state=ProbeState.OK, found=f"{driver.name} (driver {driver.driver}): {place}", is_required=True
    )


def _program(client: BuildClient) -> Probe:
    kind = "buildx without docker" if client.is_standalone else str(client.kind)
    state = ProbeState.OK if client.kind is BuildKind.BUILDX else ProbeState.LIMITED
    advice = (
        ""
        if state is ProbeState.OK
        else "Install docker-buildx for Compose and bake files, build caches and other builders."
    )
    return Probe(name="build program", state=state, found=f"{client.program}: {kind}", advice=advice, is_required=True)


def _cache(folder: Path) -> Probe:
    """The cache folder, which the first run creates."""
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        advice = "Choose another folder with --cache-dir. Without a cache every layer is read again."
        return Probe(name="cache", state=ProbeState.LIMITED, found=f"{folder} cannot be written", advice=advice)
    free_bytes = shutil.disk_usage(existing).free
    return Probe(name="cache", state=ProbeState.OK, found=f"{folder}, {free_bytes / 1e9:.1f} GB free")


def _credentials(environment: Mapping[str, str]) -> Probe:
    home = environment.get("DOCKER_CONFIG") or str(Path(environment.get("HOME", "/")) / ".docker")
    file = Path(home) / "config.json"
    if file.is_file() and os.access(file, os.R_OK):
        return Probe(name="credentials", state=ProbeState.OK, found=str(file))
    return Probe(name="credentials", state=ProbeState.OK, found=f"none ({file}): public registries only")
