"""Outcomes of failed builds: a real builder, a failing client, and a missing engine."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import docker
import docker.errors
import pytest
import requests

from weighbridge.build.builder import Builder, BuildRequest, BuildSettings
from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.errors import BuildError, EngineError
from weighbridge.progress.lines import Silent


class LivingEngine:
    """An engine that answers."""

    def info(self) -> dict[str, str]:
        return {}

    def ping(self) -> bool:
        return True


class Images:
    """The images of an engine: `errors` are raised for the names that end in these tags."""

    def __init__(self, errors: dict[str, Exception]) -> None:
        self.errors = errors
        self.removed: list[str] = []

    def remove(self, name: str) -> None:
        if error := self.errors.get(name.rpartition(":")[2]):
            raise error
        self.removed.append(name)


@pytest.mark.parametrize(
    ("errors", "removed", "said"),
    [
        ({}, ["0", "1", "2"], []),
        ({"1": docker.errors.NotFound("gone")}, ["0", "2"], []),
        (
            {"1": docker.errors.APIError("it is in use")},
            ["0", "2"],
            ["cannot remove the image", ":1: the engine answered"],
        ),
        (
            {"1": requests.ReadTimeout("timed out")},
            ["0", "2"],
            ["cannot remove the image", ":1: ", "The next run on this engine removes them"],
        ),
        (
            dict.fromkeys("012", requests.ReadTimeout("timed out")),
            [],
            ["cannot remove 3 images: ", "The next run on this engine removes them"],
        ),
    ],
    ids=["all removed", "unknown image", "refused", "one timeout", "hung engine"],
)
def test_clean_up_removes_images_and_warns_of_others(tmp_path, errors, removed, said):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    engine, stderr = LivingEngine(), io.StringIO()
    engine.images = Images(errors)
    builder = Builder(
        BuildClient(program=str(program), kind=BuildKind.CLASSIC),
        lambda: engine,
        environment={"PATH": "/usr/bin:/bin"},
        progress=Silent(stream=stderr),
        settings=BuildSettings(),
    )
    for _ in range(3):
        builder.build(BuildRequest(image="a", title="a head", dockerfile=tmp_path / "Dockerfile", context=tmp_path))
    builder.clean_up()
    assert sorted(name.rpartition(":")[2] for name in engine.images.removed) == removed
    warnings = stderr.getvalue().splitlines()
    assert len(warnings) == bool(said), warnings
    assert all(part in warnings[0] for part in said), warnings


@pytest.fixture
def failing_build(tmp_path: Path):
    """Runs a build whose client fails, with the given engine."""
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Step 1/1 : RUN false'\nexit 1\n")
    program.chmod(0o755)
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\n")

    def build(engine: object) -> None:
        builder = Builder(
            BuildClient(program=str(program), kind=BuildKind.CLASSIC),
            lambda: engine,
            environment={"PATH": "/usr/bin:/bin"},
            progress=Silent(stream=sys.stderr),
            settings=BuildSettings(),
        )
        builder.build(BuildRequest(image="shop", title="shop head", dockerfile=dockerfile, context=tmp_path))

    return build


def test_build_failed_with_running_engine_is_failed_build(failing_build):
    with pytest.raises(BuildError, match="shop head"):
        failing_build(LivingEngine())


def test_build_failed_with_stopped_engine_is_engine_unavailable(failing_build):
    with (
        contextlib.closing(docker.DockerClient(base_url="tcp://127.0.0.1:1", version="1.41")) as dead,
        pytest.raises(EngineError, match="shop head: the engine stopped answering during the build"),
    ):
        failing_build(dead)
