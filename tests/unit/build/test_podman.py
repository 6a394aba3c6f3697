"""Builds on podman use its own builder; every other engine keeps the client that was found."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.build.driver import BuilderDriver
from weighbridge.build.podman import on_podman
from weighbridge.errors import EngineError

BUILDX = BuildClient(program="/usr/bin/docker", kind=BuildKind.BUILDX)
BOOTED = BuilderDriver(name="default", driver="docker-container", is_engines_own=False)
FAR = BuilderDriver(name="far", driver="remote", is_engines_own=False)


class EngineOf:
    """An engine that says which program it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def version(self) -> dict[str, Any]:
        return {"Components": [{"Name": self.name, "Version": "4.3.1"}]}


def choose(client: BuildClient, driver: BuilderDriver, name: str) -> tuple[BuildClient, BuilderDriver]:
    return on_podman(client, driver, lambda: EngineOf(name), {})  # type: ignore[arg-type,return-value]


def test_client_on_podman_uses_classic_build_call() -> None:
    client, driver = choose(BUILDX, BOOTED, "Podman Engine")
    assert (client.kind, client.is_podman) == (BuildKind.CLASSIC, True)
    assert driver.is_engines_own


@pytest.mark.parametrize(("driver", "name"), [(BOOTED, "Engine"), (FAR, "Podman Engine")])
def test_client_on_docker_or_with_another_builder_stays(driver: BuilderDriver, name: str) -> None:
    assert choose(BUILDX, driver, name) == (BUILDX, driver)


def test_standalone_buildx_on_podman_is_error_with_fixes() -> None:
    alone = BuildClient(program="/usr/bin/docker-buildx", kind=BuildKind.BUILDX, is_standalone=True)
    with pytest.raises(EngineError, match=r"the engine is podman.*--builder.*weighbridge compare OLD NEW"):
        choose(alone, BOOTED, "Podman Engine")


def test_builder_without_engine_stays() -> None:
    def no_engine() -> Any:
        raise EngineError("no engine")

    assert on_podman(BUILDX, BOOTED, no_engine, {}) == (BUILDX, BOOTED)
