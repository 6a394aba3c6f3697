"""An engine, the parts, the layers and the product's reader, ready for running and predicting."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from startmatrix.layers import Built, layer_of
from startmatrix.model import BASES, Cell, Form, Subject
from startmatrix.parts import IMAGES, cache_home, ensure_parts, is_stale
from startmatrix.predicting import Predictor
from startmatrix.subjects import subjects
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Everything that a cell needs."""

    client: docker.DockerClient
    subjects: Mapping[str, Subject]
    predictor: Predictor
    parts: Path
    layers: Path

    def layer(self, subject: Subject) -> Built:
        """The subject's layer, written once."""
        return layer_of(subject, self.parts, self.layers)


def all_cells() -> list[Cell]:
    """Every cell of the matrix."""
    return [Cell(subject=name, base=base, form=form) for name in subjects() for base in BASES for form in Form]


@contextlib.contextmanager
def open_session(client: docker.DockerClient, environment: Mapping[str, str]) -> Iterator[Session]:
    """Everything ready; what is downloaded or built stays in the developer's cache."""
    parts = ensure_parts(environment)
    layers = cache_home() / f"layers-{parts.name}"
    layers.mkdir(exist_ok=True)
    layers.touch()
    for old in cache_home().glob("layers-*"):
        if is_stale(old):
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        reader = LayerReader(cache=LayerCache(Path(folder)), engine=lambda: client)
        with reader:
            predictor = Predictor(reader, lambda subject: layer_of(subject, parts, layers))
            yield Session(client=client, subjects=subjects(), predictor=predictor, parts=parts, layers=layers)


@contextlib.contextmanager
def session_of_the_kit(slot: str = "overlay2") -> Iterator[Session]:
    """A session on the engine that `make engine` started, with the base images that it needs."""
    bases = [name for name in BASES.values() if name]
    for script, *arguments in (("base_images.py", "--engine", slot, "--only", *bases, *IMAGES),):
        subprocess.run([sys.executable, str(ROOT / "scripts" / script), *arguments], check=True)
    answer = subprocess.run(
        [sys.executable, str(ROOT / "scripts/engine.py"), "env", "--json", slot],
        capture_output=True,
        text=True,
        check=True,
    )
    known = json.loads(answer.stdout)
    client = docker.DockerClient(base_url=known["docker_host"], timeout=300, max_pool_size=16)
    try:
        with open_session(client, known["environment"]) as session:
            yield session
    finally:
        client.close()
