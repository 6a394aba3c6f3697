"""Dockerfile features that need BuildKit are named with their line, and podman's own features are not."""

from __future__ import annotations

import pytest

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.build.features import require_supported
from weighbridge.domain.dockerfile.parse import parse_dockerfile
from weighbridge.errors import EngineError

BUILDX = BuildClient(program="docker", kind=BuildKind.BUILDX)
CLASSIC = BuildClient(program="docker", kind=BuildKind.CLASSIC)
PODMAN = BuildClient(program="docker", kind=BuildKind.CLASSIC, is_podman=True)

OF_PODMAN = ["RUN --mount=type=cache,target=/c true", "RUN --mount=target=/b,type=bind true", "COPY --chmod=755 a /a"]
OF_BUILDKIT = {
    "RUN --mount=type=secret,id=key true": "RUN --mount",
    "RUN --mount=type=cache,target=/c --mount=type=ssh true": "RUN --mount",
    "RUN --network=none true": "RUN --network",
    "COPY --link a /a": "COPY --link",
    "COPY --parents a /a/": "COPY --parents",
    "ADD --checksum=sha256:0 https://example.org/a /a": "ADD --checksum",
    "RUN <<END\ntrue\nEND": "RUN with a here-document",
}


def check(client: BuildClient, line: str) -> None:
    dockerfile = parse_dockerfile(f"FROM debian\n{line}\n", path="a/Dockerfile")
    require_supported(client, dockerfile, target=None)


@pytest.mark.parametrize("line", [*OF_PODMAN, *OF_BUILDKIT])
def test_client_with_buildkit_supports_every_feature(line: str) -> None:
    check(BUILDX, line)


@pytest.mark.parametrize("line", OF_PODMAN)
def test_podman_supports_its_own_mounts_and_chmod(line: str) -> None:
    check(PODMAN, line)
    with pytest.raises(EngineError, match=r"needs BuildKit\. Install docker-buildx\.$"):
        check(CLASSIC, line)


@pytest.mark.parametrize(("line", "feature"), OF_BUILDKIT.items())
def test_feature_missing_on_podman_is_named_with_fixes_for_podman(line: str, feature: str) -> None:
    with pytest.raises(EngineError) as raised:
        check(PODMAN, line)
    assert str(raised.value) == (
        f"a/Dockerfile:2: {feature} needs BuildKit, and podman's API has none. Name another builder (--builder), or "
        "build with podman and use: weighbridge compare OLD NEW"
    )
