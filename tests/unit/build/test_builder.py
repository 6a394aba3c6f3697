"""Outcomes of failed builds: a real builder, a failing client, and a missing engine."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import docker
import pytest

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
