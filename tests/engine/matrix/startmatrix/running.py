"""Cells, really run: load their images into an engine, start each container once, and keep what it did."""

from __future__ import annotations

import concurrent.futures
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import docker
import docker.errors
import docker.models.containers
import requests

from startmatrix.layers import Built, LoadedImage, config_json, load_archive
from startmatrix.model import BASES, Cell, Outcome, Subject

REPOSITORY = "weighbridge-matrix"
RUN_SECONDS = 25
AT_ONCE = 4
_KEPT_TEXT = 600


def run_cells(
    client: docker.DockerClient,
    cells: Sequence[Cell],
    subjects: dict[str, Subject],
    layer: Callable[[Subject], Built],
    report: Callable[[str], None] = lambda _text: None,
) -> dict[Cell, Outcome]:
    """What each cell's container really does. Images and containers are removed again."""
    outcomes: dict[Cell, Outcome] = {}
    for base in BASES:
        on_base = [cell for cell in cells if cell.base == base]
        # Some at a time: a large program on a base takes its size on the disk again.
        for start in range(0, len(on_base), 40):
            outcomes |= _run_some(client, on_base[start : start + 40], subjects, layer)
            report(f"{base}: {min(start + 40, len(on_base))} of {len(on_base)}")
    return outcomes


def base_diff_ids(client: docker.DockerClient, base: str) -> list[str]:
    """The diff IDs of a base's layers in the engine."""
    name = BASES[base]
    if name is None:
        return []
    layers: list[str] = client.images.get(name).attrs["RootFS"].get("Layers", [])
    return layers


def _run_some(
    client: docker.DockerClient,
    cells: Sequence[Cell],
    subjects: dict[str, Subject],
    layer: Callable[[Subject], Built],
) -> dict[Cell, Outcome]:
    if not cells:
        return {}
    images = list(_images(client, cells, subjects, layer))
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "images.tar"
        load_archive(images, archive)
        with archive.open("rb") as file:
            client.images.load(file)
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as workers:
            done = workers.map(lambda image, cell: _run(client, image, subjects[cell.subject]), images, cells)
            return dict(zip(cells, done, strict=True))
    finally:
        for image in images:
            with contextlib.suppress(docker.errors.APIError):
                client.images.remove(image.name, force=True)


def _images(
    client: docker.DockerClient,
    cells: Iterable[Cell],
    subjects: dict[str, Subject],
    layer: Callable[[Subject], Built],
) -> Iterable[LoadedImage]:
    for cell in cells:
        below = base_diff_ids(client, cell.base)
        own = layer(subjects[cell.subject])
        yield LoadedImage(
            name=f"{REPOSITORY}:{cell.subject}-{cell.base}-{cell.form}".lower(),
            config=config_json(subjects[cell.subject], cell.form, [*below, own.diff_id]),
            layers=(*((diff_id, None) for diff_id in below), (own.diff_id, own.path)),
        )


def _run(client: docker.DockerClient, image: LoadedImage, subject: Subject) -> Outcome:
    try:
        container = client.containers.create(image.name, network_mode="none", detach=True)
    except docker.errors.APIError as error:
        return Outcome(ran=False, exit_code=125, text=_said(error))
    try:
        try:
            container.start()
        except docker.errors.APIError as error:
            container.reload()
            return Outcome(ran=False, exit_code=int(container.attrs["State"]["ExitCode"]), text=_said(error))
        if subject.health:
            return _health(container, subject)
        try:
            code = int(container.wait(timeout=RUN_SECONDS)["StatusCode"])
        except requests.exceptions.RequestException:
            code = -1
        text = container.logs().decode("utf-8", "replace")
        return Outcome(ran=subject.marker in text, exit_code=code, text=_kept(text))
    finally:
        container.remove(force=True)


def _health(container: docker.models.containers.Container, subject: Subject) -> Outcome:
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        log = (container.attrs["State"].get("Health") or {}).get("Log") or []
        if log:
            text = str(log[0]["Output"])
            return Outcome(ran=subject.marker in text, exit_code=int(log[0]["ExitCode"]), text=_kept(text))
        time.sleep(0.1)
    raise AssertionError(f"{subject.name}: no health check was made in {RUN_SECONDS} s")


def _said(error: docker.errors.APIError) -> str:
    return _kept(str(error.explanation or error))


def _kept(text: str) -> str:
    """The beginning and the end of what was said: a loader that misses a library goes on about symbols for pages."""
    return text if len(text) <= 2 * _KEPT_TEXT else f"{text[:_KEPT_TEXT]}\n…\n{text[-_KEPT_TEXT:]}"
