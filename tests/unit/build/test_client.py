"""The build program: docker with buildx, buildx without docker, or docker without buildx."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.build.client import BuildKind, find_build_client
from weighbridge.errors import EngineError

DOCKER_WITH_BUILDX = '[ "$1" = buildx ] && [ "$2" = version ] && echo v1\n'
OLD_DOCKER = '[ "$1" = --version ] && echo "Docker version 20.10.24, build 1"\n'
NEW_DOCKER = '[ "$1" = --version ] && echo "Docker version 28.2.2, build 1"\n'
BUILDX = '[ "$1" = version ] && echo v1\n'


def _program(folder: Path, name: str, script: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)
    return str(folder / name)


def _environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}


@pytest.fixture(autouse=True)
def no_system_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own plugins stay out."""
    monkeypatch.setattr("weighbridge.build.client.PLUGIN_FOLDERS", ())


def test_docker_with_buildx_is_preferred(tmp_path: Path) -> None:
    docker = _program(tmp_path / "bin", "docker", DOCKER_WITH_BUILDX)
    _program(tmp_path / "bin", "docker-buildx", BUILDX)
    client = find_build_client(_environment(tmp_path))
    assert client.command() == [docker, "buildx", "build"]
    assert client.buildx("bake", "--print") == (docker, "buildx", "bake", "--print")


@pytest.mark.parametrize("name", ["docker-buildx", "buildx"])
def test_buildx_without_docker_builds(tmp_path: Path, name: str) -> None:
    program = _program(tmp_path / "bin", name, BUILDX)
    client = find_build_client(_environment(tmp_path))
    assert (client.kind, client.command()) == (BuildKind.BUILDX, [program, "build"])
    assert client.buildx("inspect", "far") == (program, "inspect", "far")


@pytest.mark.parametrize("folder", ["home/.docker", "config"])
def test_buildx_in_plugin_folder_of_user_is_found(tmp_path: Path, folder: str) -> None:
    program = _program(tmp_path / folder / "cli-plugins", "docker-buildx", BUILDX)
    environment = _environment(tmp_path) | ({"DOCKER_CONFIG": str(tmp_path / "config")} if folder == "config" else {})
    assert find_build_client(environment).command() == [program, "build"]


def test_standalone_buildx_is_preferred_to_docker_without_buildx(tmp_path: Path) -> None:
    _program(tmp_path / "bin", "docker", OLD_DOCKER)
    buildx = _program(tmp_path / "bin", "docker-buildx", BUILDX)
    assert find_build_client(_environment(tmp_path)).program == buildx


@pytest.mark.parametrize(("script", "kind"), [(OLD_DOCKER, BuildKind.BUILDKIT), (NEW_DOCKER, BuildKind.CLASSIC)])
def test_docker_without_buildx_builds_as_its_version_can(tmp_path: Path, script: str, kind: BuildKind) -> None:
    docker = _program(tmp_path / "bin", "docker", script)
    client = find_build_client(_environment(tmp_path))
    assert (client.kind, client.command()) == (kind, [docker, "build"])


def test_build_client_missing_raises_error_with_advice(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="Install docker with its buildx plugin, or docker-buildx alone"):
        find_build_client(_environment(tmp_path))
