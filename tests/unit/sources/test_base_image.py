"""The base image that an image names by itself."""

from __future__ import annotations

import pytest

from weighbridge.sources.base_image import BASE_DIGEST, BASE_NAME, named_base_image

DIGEST = f"sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({BASE_NAME: "docker.io/library/debian:12"}, "registry:docker.io/library/debian:12"),
        ({BASE_NAME: "ghcr.io/o/base:1", BASE_DIGEST: DIGEST}, f"registry:ghcr.io/o/base:1@{DIGEST}"),
        ({BASE_NAME: f"ghcr.io/o/base@{DIGEST}", BASE_DIGEST: DIGEST}, f"registry:ghcr.io/o/base@{DIGEST}"),
        ({BASE_NAME: "debian:12"}, "registry:debian:12"),
        ({BASE_DIGEST: DIGEST}, None),
        ({}, None),
        ({BASE_NAME: "not a name"}, None),
        ({BASE_NAME: "ghcr.io/o/base", BASE_DIGEST: "md5:1"}, None),
    ],
)
def test_named_base_image_is_read_from_public_registry(annotations: dict[str, str], expected: str | None) -> None:
    found = named_base_image(annotations)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:5000",
        "169.254.169.254",
        "10.0.0.1",
        "[::1]:5000",
        "localhost:5000",
        "metadata.google.internal",
        "nas.local",
        "ghcr.io:8443",
    ],
)
def test_named_base_image_on_private_host_is_ignored(host: str) -> None:
    assert named_base_image({BASE_NAME: f"{host}/o/base:1"}) is None
