"""A builder outside the engine that hangs is noticed; one that only builds in silence is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.build.driver import BuilderDriver, watch_builder
from weighbridge.errors import EngineError


@pytest.fixture
def watch(tmp_path: Path):
    """`watch(text)`: a watch whose buildx is a shell script with that text, which loses its builder in 0.4 seconds."""
    started = []
    os.mkfifo(tmp_path / "calls")
    kept_open = os.open(tmp_path / "calls", os.O_RDWR)  # a call waits neither for a reader nor for its end

    def start(text: str, *, ping_seconds: float):
        program = tmp_path / "docker"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{text}\n')
        program.chmod(0o755)
        client = BuildClient(program=str(program), kind=BuildKind.BUILDX)
        driver = BuilderDriver(name="far", driver="remote", is_engines_own=False)
        environment = {"PATH": "/usr/bin:/bin"}
        started.append(watch_builder(client, environment, driver, ping_seconds=ping_seconds, lost_after_seconds=0.4))
        return started[-1]

    yield start
    for one in started:
        one.stop()
    os.close(kept_open)


def test_builder_without_answer_is_lost(watch):
    watched = watch("exec sleep 30", ping_seconds=0.2)
    assert watched._lost.wait(20)
    with pytest.raises(EngineError, match=r"the builder far gave no sign of life for 0\.4 seconds"):
        watched.require()


@pytest.mark.parametrize("text", ["echo 'Status: running'", "echo 'Status: inactive'", "echo broken >&2; exit 1"])
def test_builder_with_any_answer_is_not_lost(watch, tmp_path, text):
    watched = watch(text, ping_seconds=30)
    with (tmp_path / "calls").open() as calls:
        assert [calls.readline() for _ in range(5)] == ["buildx inspect far\n"] * 5
    assert not watched.is_lost
