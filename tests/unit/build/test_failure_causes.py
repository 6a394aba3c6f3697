"""The cause of a failed build, from the lines that BuildKit prints."""

from __future__ import annotations

import pytest

from weighbridge.build.failure_causes import cause_of

FAILED = '#2 ERROR: failed to do request: Head "https://registry.example/v2/": no such host'


@pytest.mark.parametrize("prefix", ["docker-image://", ""])
def test_syntax_line_with_missing_image_is_named_with_fix(prefix: str) -> None:
    step = f"#2 resolve image config for {prefix}docker.io/docker/dockerfile:1"
    cause, base_image = cause_of([step, FAILED, "ERROR: failed to build: failed to solve: no such host"])
    assert cause.startswith(
        "the image docker.io/docker/dockerfile:1 of the Dockerfile's # syntax= line cannot be pulled"
    )
    assert cause.endswith(
        "Remove the line if the builder's own syntax suffices, or give the builder access to the registry"
    )
    assert base_image is None


def test_base_image_not_pulled_is_not_blamed_on_syntax_line() -> None:
    lines = ["#2 [internal] load metadata for docker.io/library/debian:12", FAILED]
    cause, base_image = cause_of(lines)
    assert cause.startswith("the base image docker.io/library/debian:12 cannot be pulled")
    assert base_image == "docker.io/library/debian:12"


def test_builder_without_answer_is_named_as_unreachable() -> None:
    step = "#1 [internal] waiting for connection"
    lines = [step, "#1 ERROR: context deadline exceeded", "ERROR: failed to build: context deadline exceeded"]
    cause, _ = cause_of(lines)
    assert cause == (
        "the builder cannot be reached: context deadline exceeded. Start it, or name another one with --builder"
    )


def test_builder_stopped_during_build_is_named_as_stopped() -> None:
    error = "ERROR: failed to solve: rpc error: code = Unavailable desc = error reading from server: EOF"
    cause, _ = cause_of(["#5 [2/3] RUN sleep 20", error])
    assert cause.startswith("the builder stopped during the build: ")


@pytest.mark.parametrize("prefix", ["ERROR: ", "ERROR: failed to build: "], ids=["buildx 0.13", "buildx 0.29"])
def test_engine_that_cannot_export_cache_is_named_with_fix(prefix: str) -> None:
    cause, _ = cause_of(
        [f"{prefix}Cache export is not supported for the docker driver.", "Switch to a different driver"]
    )
    assert cause.startswith("the builder cannot export a cache: ")
    assert cause.endswith("or omit cache-to")
